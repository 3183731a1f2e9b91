"""`x` and `xp`: memory by virtual and by physical address, in QEMU's formats."""

from __future__ import annotations

import re
from functools import partial
from typing import Final

from emulator.errors import MemoryUnavailable
from rvgdb.monitor.command import Command, MonitorError, Scene
from rvgdb.monitor.expression import MASK, evaluate

_FORMAT: Final = re.compile(r"/(\d*)([xduoci]?)([bhwg]?)([xduoci]?)")

SIZES: Final = {"b": 1, "h": 2, "w": 4, "g": 8}

LINE: Final = 16
"""Bytes shown in a line."""

MOST: Final = 1 << 16
"""Items in one command: a monitor's output is text for a person."""


def _parse(rest: str) -> tuple[int, str, int, str]:
    """Count, format, size in bytes and the address's text."""
    count, form, size = 1, "x", "w"
    if rest.startswith("/"):
        word, _, rest = rest.partition(" ")
        match = _FORMAT.fullmatch(word)
        if match is None:
            raise MonitorError(f"cannot read the format '{word}'; it is /[count][x|d|u|o|c|i][b|h|w|g]")
        digits, before, size_word, after = match.groups()
        count = int(digits or 1)
        form = before or after or form
        size = size_word or ("b" if form == "c" else size)
    if not 1 <= count <= MOST:
        raise MonitorError(f"a count from 1 to {MOST} is possible, not {count}")
    return count, form, SIZES[size], rest


def _item(form: str, raw: bytes) -> str:
    value = int.from_bytes(raw, "little", signed=form == "d")
    bits = 8 * len(raw)
    if form == "x":
        return f"{value:#0{bits // 4 + 2}x}"
    if form == "o":
        return f"{f'0{value:o}' if value else '0':>{(bits + 2) // 3}}"
    if form == "c":
        shown = chr(value & 0xFF)
        return f"'{shown}'" if shown.isprintable() and value < 0x7F else f"'\\x{value & 0xFF:02x}'"
    return f"{value:>{(bits * 10 + 32) // 33}}"


def _read(scene: Scene, address: int, length: int, *, physical: bool) -> bytes:
    try:
        return scene.target.debug.read_memory(scene.hart, address, length, physical=physical)
    except MemoryUnavailable:
        return b""


def _instructions(scene: Scene, address: int, count: int) -> str:
    try:
        rows = scene.target.debug.disassemble(scene.hart, address, count)
    except MemoryUnavailable as error:
        raise MonitorError(str(error)) from None
    return "".join(
        f"{place:#018x}:  {int.from_bytes(raw, 'little'):0{2 * len(raw)}x}{'':{18 - 2 * len(raw)}}{text}\n"
        for place, raw, text in rows
    )


def _examine(scene: Scene, rest: str, *, physical: bool) -> str:
    count, form, size, text = _parse(rest)
    address = evaluate(scene, text)
    if form == "i":
        if physical:
            raise MonitorError("instructions are shown by virtual address; use x")
        return _instructions(scene, address, count)
    lines = []
    left = count * size
    while left:
        wanted = min(LINE, left)
        raw = _read(scene, address, wanted, physical=physical)
        items = [_item(form, raw[at : at + size]) for at in range(0, len(raw) - size + 1, size)]
        if len(items) * size < wanted:
            items.append("Cannot access memory")
            left = wanted
        lines.append(f"{address:016x}: {' '.join(items)}\n")
        left -= wanted
        address = (address + wanted) & MASK
    return "".join(lines)


VIRTUAL = Command(("x",), "/fmt addr", "virtual memory dump starting at 'addr'", partial(_examine, physical=False))
PHYSICAL = Command(("xp",), "/fmt addr", "physical memory dump starting at 'addr'", partial(_examine, physical=True))
