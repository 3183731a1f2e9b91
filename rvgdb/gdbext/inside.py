"""rvgdb inside GDB: CSRs printed with their fields; $pm, $phys, $tag; the commands csr, pm, ptwalk, trap, kvm and sbi.

`rvgdb gdb-script` prints this file with its tables filled in, to be read with `source FILE`.
"""

from __future__ import annotations

import json
import re

import gdb

TABLES = "{}"

FIELDS, VALUES = (json.loads(TABLES).get(name, {}) for name in ("fields", "values"))
MASK64 = (1 << 64) - 1


def decoded(name: str, value: int) -> str:
    """A CSR's fields as GDB prints flags: `[ FIOM=0 PMM=PMLEN7 ]`."""
    parts = []
    for title, low, high, values, mask, bits in FIELDS[name]:
        if value & mask == bits:
            part = value >> low & (1 << high - low + 1) - 1
            named = VALUES.get(values, {}).get(str(part))
            parts.append(f"{title}={named or (part if part < 10 else hex(part))}")
    return f"[ {' '.join(parts)} ]"


class CsrPrinter:
    """Prints a CSR's value with its fields; in hexadecimal where GDB was asked for that."""

    def __init__(self, name: str, value: gdb.Value) -> None:
        self.name = name
        self.value = int(value) & MASK64

    def to_string(self) -> str:
        """The text."""
        options = gdb.print_options() if hasattr(gdb, "print_options") else {}
        if options.get("format") == "x":
            return hex(self.value)
        return decoded(self.name, self.value)


def find_printer(value: gdb.Value) -> CsrPrinter | None:
    """The stub gives each CSR that has fields a type of the CSR's name."""
    kind = value.type
    if kind.code == gdb.TYPE_CODE_ENUM and kind.name in FIELDS and kind.sizeof == 8:
        return CsrPrinter(kind.name, value)
    return None


def monitor(line: str) -> str:
    """The output of a monitor command for the selected hart."""
    thread = gdb.selected_thread()
    if thread is None:
        raise gdb.GdbError("there is no target; use: target remote HOST:PORT")
    gdb.execute(f"monitor cpu {max(thread.ptid[1], thread.num) - 1}", to_string=True)
    return str(gdb.execute(f"monitor {line}", to_string=True))


def address_of(text: str) -> int:
    """The value of an expression as an address."""
    try:
        return numeral(gdb.parse_and_eval(text))
    except gdb.error as error:
        raise gdb.GdbError(str(error)) from None


def numeral(value: gdb.Value) -> int:
    """A value as an address."""
    try:
        return int(value) & MASK64
    except gdb.error:
        raise gdb.GdbError(f"{value} is no address") from None


def only(name: str, arguments: tuple[gdb.Value, ...]) -> int:
    """The one address that a function takes."""
    if len(arguments) != 1:
        raise gdb.GdbError(f"${name}(ADDRESS) takes one address, not {len(arguments)} arguments")
    return numeral(arguments[0])


def explained(address: int) -> str:
    """What becomes of a load of an address: the monitor's lines about it."""
    text = monitor(f"pm {address:#x}")
    return re.split(r"^(?=\w+ in )", text, flags=re.MULTILINE)[1]


def number(pattern: str, text: str) -> int | None:
    """The hexadecimal number behind a phrase, or None."""
    found = re.search(pattern + r" 0x([0-9a-f]+)", text)
    return int(found.group(1), 16) if found else None


class PmFunction(gdb.Function):
    """The address that a load of ADDRESS means: what masking makes of it in the mode of the selected hart."""

    def __init__(self) -> None:
        super().__init__("pm")

    def invoke(self, *arguments: gdb.Value) -> gdb.Value:
        """$pm(ADDRESS)."""
        return gdb.Value(number("means", explained(only("pm", arguments)))).cast(gdb.lookup_type("unsigned long"))


class PhysFunction(gdb.Function):
    """The physical address that a load of ADDRESS reaches; an error where it faults, with the exception."""

    def __init__(self) -> None:
        super().__init__("phys")

    def invoke(self, *arguments: gdb.Value) -> gdb.Value:
        """$phys(ADDRESS)."""
        text = explained(only("phys", arguments))
        reached = number("reaches physical", text)
        if reached is None:
            raise gdb.GdbError(text.splitlines()[-1].strip())
        return gdb.Value(reached).cast(gdb.lookup_type("unsigned long"))


class TagFunction(gdb.Function):
    """The bits of ADDRESS that masking ignores, as a number; 0 where it ignores none."""

    def __init__(self) -> None:
        super().__init__("tag")

    def invoke(self, *arguments: gdb.Value) -> gdb.Value:
        """$tag(ADDRESS)."""
        address = only("tag", arguments)
        ignored = re.search(r"bits 63:(\d+) are ignored", explained(address))
        tag = address >> int(ignored.group(1)) if ignored else 0
        return gdb.Value(tag)


class Passed(gdb.Command):
    """Base of the commands that the monitor carries out."""

    name = ""
    line = ""
    evaluated = False

    def __init__(self) -> None:
        super().__init__(self.name, gdb.COMMAND_DATA)

    def invoke(self, argument: str, from_tty: bool) -> None:
        """Run it."""
        words = argument.strip()
        if words and self.evaluated:
            head, _, last = words.rpartition(" ")
            kind = last if head and last in ("load", "store", "fetch", "hlv", "hsv", "hlvx") else ""
            words = f"{address_of(head if kind else words):#x} {kind}"
        gdb.write(monitor(f"{self.line} {words}".strip()))


class PmCommand(Passed):
    """Show which field masks pointers in each mode; with an ADDRESS, what becomes of accesses to it.

    Usage: pm [EXPRESSION]
    """

    name = line = "pm"
    evaluated = True


class PtwalkCommand(Passed):
    """Show how an address is translated, through both stages, entry by entry.

    Usage: ptwalk EXPRESSION [load|store|fetch|hlv|hsv|hlvx]
    """

    name = "ptwalk"
    line = "walk"
    evaluated = True


class CsrCommand(Passed):
    """Show a CSR with its fields, or write it or a field of it.

    Usage: csr NAME[.FIELD] [VALUE]
    """

    name = line = "csr"


class TrapCommand(Passed):
    """Show the last traps of the selected hart, decoded.

    Usage: trap [COUNT]
    """

    name = line = "trap"


class KvmCommand(Passed):
    """Ask the emulated KVM; 'kvm' alone says what there is to ask.

    Usage: kvm [SUBCOMMAND ...]
    """

    name = line = "kvm"


class SbiCommand(Passed):
    """Show the guest's last SBI calls, decoded.

    Usage: sbi [COUNT]
    """

    name = line = "sbi"


def load() -> None:
    """Register everything, once also if the file is read again."""
    gdb.pretty_printers[:] = [one for one in gdb.pretty_printers if getattr(one, "__name__", "") != "find_printer"]
    gdb.pretty_printers.append(find_printer)
    for make in (PmFunction, PhysFunction, TagFunction):
        make()
    for command in (PmCommand, PtwalkCommand, CsrCommand, TrapCommand, KvmCommand, SbiCommand):
        command()


load()
