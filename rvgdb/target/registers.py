"""Register numbers toward a debugger, which are QEMU's, and the target description that names them.

x0-x31 are 0-31, pc is 32, 33-64 are kept for f0-f31, the privilege is 65, CSR n is 66 + n. Each has 8 bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final
from xml.sax.saxutils import quoteattr

from emulator.errors import CsrRefused
from rvgdb.target.api import EFAULT, CsrInfo, Debug, TargetError

PC: Final = 32
PRIV: Final = 65
FIRST_CSR: Final = 66

SIZE: Final = 8
GENERAL: Final = PC + 1
"""Registers in `g`: x0 to x31 and pc."""

_GENERAL: Final = struct.Struct(f"<{GENERAL}Q")

_ABI_NAMES: Final = """
    zero ra sp gp tp t0 t1 t2 fp s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6
"""
ABI_NAMES: Final = tuple(_ABI_NAMES.split())
"""As GDB's own RISC-V feature names them."""

EXPEDITED: Final = (1, 2, 8, PC, PRIV)
"""What a debugger asks for after every stop: ra, sp, fp, pc and the privilege."""

POINTERS: Final = {1: "code_ptr", 2: "data_ptr", 3: "data_ptr", 4: "data_ptr", 8: "data_ptr", PC: "code_ptr"}


class RegisterFile:
    """Implements `rvgdb.target.api.Registers` over the machine's debug view."""

    def __init__(self, debug: Debug) -> None:
        self._debug = debug
        self._csrs = {info.number: info.name for info in debug.csrs()}

    def read_general(self, hart: int) -> bytes:
        """x0 to x31 and pc."""
        debug = self._debug
        values = [debug.read_x(hart, index) for index in range(32)]
        values.append(debug.read_pc(hart))
        return _GENERAL.pack(*values)

    def write_general(self, hart: int, data: bytes) -> None:
        """Set x0 to x31 and pc.

        Raises:
            TargetError: When the data is not exactly that long.
        """
        if len(data) != GENERAL * SIZE:
            raise TargetError(f"{GENERAL * SIZE} bytes of registers are needed, not {len(data)}")
        for number in range(GENERAL):
            self.write_register(hart, number, data[number * SIZE : (number + 1) * SIZE])

    def read_register(self, hart: int, number: int) -> bytes:
        """One register.

        Raises:
            TargetError: When there is no such register, or the CSR refuses.
        """
        return self._read(hart, number).to_bytes(SIZE, "little")

    def _read(self, hart: int, number: int) -> int:
        if number < PC:
            return self._debug.read_x(hart, number)
        if number == PC:
            return self._debug.read_pc(hart)
        if number == PRIV:
            return self._debug.read_priv(hart)
        csr = self._csr(number)
        try:
            return self._debug.read_csr(hart, csr)
        except CsrRefused as error:
            raise TargetError(str(error), EFAULT) from None

    def write_register(self, hart: int, number: int, data: bytes) -> None:
        """Set one register.

        Raises:
            TargetError: When there is no such register, the value has another size, or the CSR refuses.
        """
        if len(data) != SIZE:
            raise TargetError(f"a register has {SIZE} bytes, not {len(data)}")
        value = int.from_bytes(data, "little")
        if number < PC:
            self._debug.write_x(hart, number, value)
        elif number == PC:
            self._debug.write_pc(hart, value)
        else:
            try:
                if number == PRIV:
                    self._debug.write_priv(hart, value)
                else:
                    self._debug.write_csr(hart, self._csr(number), value)
            except CsrRefused as error:
                raise TargetError(str(error), EFAULT) from None

    def _csr(self, number: int) -> int:
        csr = number - FIRST_CSR
        if csr not in self._csrs:
            raise TargetError(f"there is no register {number}", EFAULT)
        return csr

    def expedited(self, hart: int) -> tuple[tuple[int, bytes], ...]:
        """The registers every stop reply carries."""
        debug = self._debug
        return (
            (1, debug.read_x(hart, 1).to_bytes(SIZE, "little")),
            (2, debug.read_x(hart, 2).to_bytes(SIZE, "little")),
            (8, debug.read_x(hart, 8).to_bytes(SIZE, "little")),
            (PC, debug.read_pc(hart).to_bytes(SIZE, "little")),
            (PRIV, debug.read_priv(hart).to_bytes(SIZE, "little")),
        )


def _register(name: str, number: int, kind: str = "int") -> str:
    return f'    <reg name={quoteattr(name)} bitsize="64" type="{kind}" regnum="{number}"/>'


def _feature(name: str, types: Sequence[str], registers: Sequence[str]) -> list[str]:
    """One `<feature>`; `types` are the declarations that its registers refer to."""
    return [f'  <feature name="{name}">', *types, *registers, "  </feature>"]


def target_description(csrs: Sequence[CsrInfo]) -> bytes:
    """The whole `target.xml`, in one document so that a debugger needs one question.

    The OS ABI is `none`: with any other GDB steps by breakpoints of its own, which cannot follow a trap or `mret`.
    CSRs are plain integers: with a flags type GDB refuses `set var $satp = 0`.

    Args:
        csrs: The CSRs to list, in any order.
    """
    general = [_register(name, number, POINTERS.get(number, "int")) for number, name in enumerate(ABI_NAMES)]
    general.append(_register("pc", PC, POINTERS[PC]))
    listed = [_register(info.name, FIRST_CSR + info.number) for info in sorted(csrs, key=lambda info: info.number)]
    lines = [
        '<?xml version="1.0"?>',
        '<!DOCTYPE target SYSTEM "gdb-target.dtd">',
        '<target version="1.0">',
        "  <architecture>riscv:rv64</architecture>",
        "  <osabi>none</osabi>",
        *_feature("org.gnu.gdb.riscv.cpu", (), general),
        *_feature("org.gnu.gdb.riscv.virtual", (), [_register("priv", PRIV)]),
        *_feature("org.gnu.gdb.riscv.csr", (), listed),
        "</target>",
        "",
    ]
    return "\n".join(lines).encode()
