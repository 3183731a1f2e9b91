"""`csr`: CSRs by name, with their fields; and writing one, or a field of one."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Final

from emulator.debug import HOSTS
from emulator.errors import CsrRefused
from emulator.hart.layouts import HOST_PREFIX, VALUES, CsrField, decoded, field, fields
from rvgdb.keyvals import nearest
from rvgdb.monitor.command import Command, MonitorError, Scene
from rvgdb.monitor.expression import evaluate
from rvgdb.target.api import CsrInfo
from rvgdb.target.csr_registers import write_field

_PATTERN: Final = re.compile(r"[*?\[]")
_NUMBER: Final = re.compile(r"0[xX][0-9a-fA-F]+|[1-9][0-9]*")


def find_csr(scene: Scene, name: str) -> CsrInfo:
    """A CSR of this machine by name.

    Raises:
        MonitorError: When there is none.
    """
    known = {info.name: info for info in scene.target.debug.csrs()}
    if _NUMBER.fullmatch(name):  # as a log or an illegal instruction has it
        name = next((info.name for info in known.values() if info.number == int(name, 0)), name)
    if name not in known:
        raise MonitorError(f"there is no CSR '{name}' on this machine{nearest(name, tuple(known))}")
    return known[name]


def find_field(csr: CsrInfo, name: str) -> CsrField:
    """A field of a CSR by name, in whatever case.

    Raises:
        MonitorError: When there is none.
    """
    found = field(csr.name, name)
    if found is None:
        known = ", ".join(dict.fromkeys(one.name for one in fields(csr.name)))
        raise MonitorError(f"{csr.name} has no field '{name}'; it has {known or 'no fields'}")
    return found


def _bits(one: CsrField) -> str:
    return f"[{one.low}]" if one.low == one.high else f"[{one.high}:{one.low}]"


def _value(one: CsrField, value: int) -> str:
    """A field's value: its name, where it has one, and the number."""
    text = one.text(value)
    number = str(value) if value < 10 else f"{value:#x}"
    return number if text == number else f"{text} ({number})"


def _read(scene: Scene, csr: CsrInfo) -> int:
    try:
        return scene.target.debug.read_csr(scene.hart, scene.target.debug.seen(scene.hart, csr.number))
    except CsrRefused as error:
        raise MonitorError(str(error)) from None


def described(name: str, number: int, value: int, note: str = "") -> str:
    """A CSR's value on one line, and a line for each of its fields."""
    lines = [f"{name:<10} {value:#018x}  CSR {number:#05x}{note}\n"]
    lines += [f"  {one.name:<10} {_bits(one):<8} {_value(one, part)}\n" for one, part in decoded(name, value)]
    return "".join(lines)


def show(scene: Scene, csr: CsrInfo) -> str:
    """A CSR as it is now."""
    seen = scene.target.debug.seen(scene.hart, csr.number)
    name = next(info.name for info in scene.target.debug.csrs() if info.number == seen)
    note = f", in this guest {name}" if seen != csr.number and not csr.name.startswith(HOST_PREFIX) else ""
    return described(csr.name, csr.number & ~HOSTS, _read(scene, csr), note)


def _show_field(scene: Scene, csr: CsrInfo, one: CsrField) -> str:
    value = one.of(_read(scene, csr))
    return f"{csr.name}.{one.name} = {_value(one, value)}  bits {_bits(one)}\n"


def named_value(one: CsrField, text: str) -> int | None:
    """The value that a field calls so, in whatever case; None where it is no name."""
    names = VALUES[one.values] if one.values else {}
    return next((value for value, name in names.items() if name.casefold() == text.casefold()), None)


def _number(scene: Scene, one: CsrField | None, text: str) -> int:
    """A value as typed: the name of one that the field can have, or a number."""
    named = None if one is None else named_value(one, text)
    if named is not None:
        return named
    if one is not None and one.values and text.isidentifier():
        raise MonitorError(f"{one.name} has no value '{text}'; it has {', '.join(VALUES[one.values].values())}")
    return evaluate(scene, text, what="a value")


def _listing(scene: Scene, pattern: str) -> str:
    found = [info for info in scene.target.debug.csrs() if fnmatchcase(info.name, pattern)]
    if not found:
        raise MonitorError(f"no CSR of this machine is like '{pattern}'")
    return "".join(
        f"{info.name:<13} {value:#018x}{''.join(_few(info.name, value))}\n"
        for info in found
        for value in (_read(scene, info),)
    )


def _few(name: str, value: int) -> list[str]:
    """The fields that are not 0, on the same line."""
    return [f"  {one.name}={one.text(part)}" for one, part in decoded(name, value) if part]


def csr(scene: Scene, rest: str) -> str:
    """Show a CSR or a field, show all that are like a pattern, or write.

    Raises:
        MonitorError: When there is no such CSR or field, or it refuses the value.
    """
    name, _, text = rest.partition(" ")
    if not name:
        raise MonitorError("which CSR? for example: csr mstatus, csr satp.MODE, csr h*, csr senvcfg.PMM PMLEN7")
    if _PATTERN.search(name) and not text:
        return _listing(scene, name)
    title, dot, part = name.partition(".")
    found = find_csr(scene, title)
    one = find_field(found, part) if dot else None
    if text:
        value = _number(scene, one, text)
        try:
            if one is None:
                scene.target.debug.write_csr(scene.hart, scene.target.debug.seen(scene.hart, found.number), value)
            else:
                write_field(scene.target.debug, scene.hart, found, one, value)
        except CsrRefused as error:
            raise MonitorError(str(error)) from None
    return show(scene, found) if one is None else _show_field(scene, found, one)


COMMAND = Command(("csr",), "name[.field]|pattern [value]", "show a CSR with its fields, or write it", csr)
