"""Addresses as a monitor's user types them: numbers and registers, added and subtracted."""

from __future__ import annotations

import re
from typing import Final

from emulator.errors import CsrRefused
from rvgdb.monitor.command import MonitorError, Scene
from rvgdb.target.registers import ABI_NAMES, FLOAT_NAMES

_TERM: Final = re.compile(r"\s*([-+]?)\s*(\$[A-Za-z_]\w*|0[xX][0-9a-fA-F]+|[0-9]+)(?=[-+\s]|$)")

MASK: Final = (1 << 64) - 1


def _register(scene: Scene, name: str) -> int:
    debug, hart = scene.target.debug, scene.hart
    if name == "pc":
        return debug.read_pc(hart)
    if name in ABI_NAMES or name == "s0":
        return debug.read_x(hart, ABI_NAMES.index("fp" if name == "s0" else name))
    if name[0] == "x" and name[1:].isdigit() and int(name[1:]) < 32:
        return debug.read_x(hart, int(name[1:]))
    if name in FLOAT_NAMES and debug.float_bits:
        return debug.read_f(hart, FLOAT_NAMES.index(name))
    for info in debug.csrs():
        if info.name == name:
            try:
                return debug.read_csr(hart, debug.seen(hart, info.number))
            except CsrRefused as error:
                raise MonitorError(str(error)) from None
    raise MonitorError(f"unknown register '${name}'")


def evaluate(scene: Scene, text: str, what: str = "an address") -> int:
    """The value of `$sp + 0x10 - 8`, modulo 2**64.

    Args:
        scene: Whose registers they are.
        text: What was typed.
        what: What the value is for, with its article.

    Raises:
        MonitorError: When it is not such a sum.
    """
    value = 0
    position = 0
    text = text.strip()
    if not text:
        raise MonitorError(f"{what} is missing: a number or a sum of numbers and $registers")
    while position < len(text):
        match = _TERM.match(text, position)
        if match is None or (position and not match.group(1)):
            raise MonitorError(f"cannot read '{text[position:].strip()}' in {what}; use numbers, $registers, + and -")
        sign, word = match.groups()
        term = _register(scene, word[1:]) if word[0] == "$" else int(word, 0 if word[:2] in ("0x", "0X") else 10)
        value += -term if sign == "-" else term
        position = match.end()
    return value & MASK
