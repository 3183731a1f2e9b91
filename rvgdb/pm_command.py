"""`rvgdb pm`: which field masks an address in each mode, asked of a machine at reset with some CSRs set."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Final

from emulator.config import MachineConfig
from emulator.debug import Debug
from emulator.errors import CsrRefused
from emulator.explain import masking, transformed
from emulator.hart.layouts import field, fields
from emulator.hart.modes import MODE_NAMES
from emulator.isa.extensions import parse_cpu
from emulator.machine import Machine
from rvgdb.csr_command import number, row_of
from rvgdb.errors import RvgdbError
from rvgdb.keyvals import nearest
from rvgdb.monitor.csr import named_value
from rvgdb.monitor.wording import mask_text
from rvgdb.target.csr_registers import write_field

EXAMPLE: Final = "rvgdb pm 0x2a00000080000000 henvcfg.PMM=PMLEN7 vsatp.MODE=Sv39"


def _set(debug: Debug, setting: str) -> None:
    """Do what `CSR=VALUE` or `CSR.FIELD=VALUE` says."""
    place, _, text = setting.partition("=")
    name, dot, part = place.partition(".")
    row = row_of(name)
    (csr,) = (info for info in debug.csrs() if info.number == row.number)
    try:
        if not dot:
            debug.write_csr(0, csr.number, number(text))
            return
        found = field(name, part)
        if found is None:
            raise RvgdbError(f"{name} has no field '{part}'{nearest(part, [one.name for one in fields(name)])}")
        named = named_value(found, text)
        write_field(debug, 0, csr, found, number(text) if named is None else named)
    except CsrRefused as error:
        raise RvgdbError(str(error)) from None


def _lines(debug: Debug, addresses: Sequence[int]) -> Iterator[str]:
    witness = debug.witness(0)
    for mode, name in MODE_NAMES.items():
        rule = masking(witness, mode)
        yield f"{name:<3} {mask_text(rule)}"
        for address in addresses:
            yield f"    {address:#018x} means {transformed(witness, rule, address):#018x}"


def main(words: Sequence[str]) -> int:
    """Show what becomes of addresses: `rvgdb pm [ADDRESS...] [CSR[.FIELD]=VALUE...]`.

    Raises:
        RvgdbError: When a word is neither, or a CSR does not take its value.
    """
    if not words:
        raise RvgdbError(f"an address, or the values of CSRs, or both are needed, for example: {EXAMPLE}")
    addresses = [number(word) for word in words if "=" not in word]
    machine = Machine(MachineConfig(cpu=parse_cpu("max")), transmit=lambda _: None, engine="reference")
    for setting in words:
        if "=" in setting:
            _set(machine.debug, setting)
    sys.stdout.write("".join(f"{line}\n" for line in _lines(machine.debug, addresses)))
    return 0
