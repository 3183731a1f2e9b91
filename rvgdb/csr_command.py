"""`rvgdb csr`: what a CSR's value means, without a machine."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from emulator.hart.csrs import BY_NAME, Csr
from rvgdb.errors import RvgdbError
from rvgdb.keyvals import nearest
from rvgdb.monitor.csr import described

MASK64 = (1 << 64) - 1


def row_of(name: str) -> Csr:
    """A CSR by name.

    Raises:
        RvgdbError: There is none.
    """
    row = BY_NAME.get(name)
    if row is None:
        raise RvgdbError(f"there is no CSR '{name}'{nearest(name, BY_NAME)}")
    return row


def number(text: str) -> int:
    """A number of 64 bits, in Python's notation.

    Raises:
        RvgdbError: It is none.
    """
    try:
        value = int(text, 0)
    except ValueError:
        raise RvgdbError(f"'{text}' is no number") from None
    if not 0 <= value <= MASK64:
        raise RvgdbError(f"{text} does not fit in 64 bits")
    return value


def main(words: Sequence[str]) -> int:
    """Decode a value, as from a log: `rvgdb csr henvcfg 0x3000000f1`.

    Raises:
        RvgdbError: When there is no such CSR, or the value is no number of 64 bits.
    """
    if len(words) != 2:
        raise RvgdbError("a CSR and its value are needed, for example: rvgdb csr henvcfg 0x3000000f1")
    name, text = words
    row = row_of(name)
    value = number(text)
    sys.stdout.write(described(name, row.number, value))
    return 0
