"""Register numbers toward a debugger, which are QEMU's, and the target description that names them.

x0-x31 are 0-31, pc is 32, 33-64 are kept for f0-f31, the privilege is 65, CSR n is 66 + n. Each has 8 bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from emulator.errors import CsrRefused
from protocol.description import Feature, Register
from rvgdb.target.api import EFAULT, CsrInfo, Debug, TargetError

PC: Final = 32
PRIV: Final = 65
FIRST_CSR: Final = 66

SIZE: Final = 8
BITS: Final = 8 * SIZE
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


def target_features(csrs: Sequence[CsrInfo]) -> tuple[Feature, ...]:
    """The registers that a debugger is told of.

    CSRs are plain integers: with a flags type GDB refuses `set var $satp = 0`.

    Args:
        csrs: The CSRs to list, in any order.
    """
    general = [Register(name, BITS, number, POINTERS.get(number, "int")) for number, name in enumerate(ABI_NAMES)]
    general.append(Register("pc", BITS, PC, POINTERS[PC]))
    listed = sorted(csrs, key=lambda info: info.number)
    return (
        Feature("org.gnu.gdb.riscv.cpu", tuple(general)),
        Feature("org.gnu.gdb.riscv.virtual", (Register("priv", BITS, PRIV),)),
        Feature("org.gnu.gdb.riscv.csr", tuple(Register(info.name, BITS, FIRST_CSR + info.number) for info in listed)),
    )
