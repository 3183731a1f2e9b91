"""Sizes and numbers that the compiled code and the Python around it agree on."""

from __future__ import annotations

from typing import Final

RAM_BASE: Final = 0x8000_0000
"""Where RAM begins on the `virt` board; the backing memory begins with it."""

PAGE_SHIFT: Final = 12
PAGE: Final = 1 << PAGE_SHIFT
PAGE_BITS: Final = (1 << 64) - PAGE
"""The bits of an address that are its page's."""
LINE_SHIFT: Final = 6
"""Code is tracked in lines of 64 bytes: a page's lines are the bits of one 64-bit mask."""

RECORD: Final = 16
"""Bytes of a predecoded record: handler, then rd, rs1, rs2, aux (a byte each) and the immediate (32 bits).

`aux` is rs3 in the low five bits and the rounding mode in the high three."""

MODE_SHIFT: Final = 5

PARCELS: Final = PAGE // 2
RECORD_PAGE: Final = (PARCELS + 1) * RECORD
"""Bytes of the records of a page: one a parcel, and one that leads on to the next page."""

RD: Final = 8
RS1: Final = 9
RS2: Final = 10
AUX: Final = 11
IMM: Final = 12
"""Offsets in a record."""

WATCH: Final = 40
"""Bytes of a watchpoint's entry: the words of `emulator.engine.watching.watch_table`."""

BREAK: Final = 16
"""Bytes of a breakpoint's entry: address, first word of its program in `judgements` or 0."""

CSR_ENTRY: Final = 32
"""Bytes of a CSR's entry: routines for read, base and write, then nothing."""

VARIANTS: Final = 8
LONG: Final = 1
NEAR: Final = 2
UNLINKED: Final = 4
"""A row's handlers: 4-byte encoding, jump target in the same page, no link register."""

NOWHERE: Final = (1 << 64) - 1
"""Backing offset of a physical address that neither RAM nor ROM answers."""
