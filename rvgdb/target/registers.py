"""Register numbers toward a debugger, which are QEMU's, and the target description that names them.

x0-x31 are 0-31, pc is 32, f0-f31 are 33-64, the privilege is 65, CSR n is 66 + n (`rvgdb.target.csr_registers` has
what follows). Each has 8 bytes, but for the f registers of a hart without D, which have 4.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from emulator.errors import CsrRefused
from emulator.judgements import Step
from protocol.description import Feature, Register, UnionType
from rvgdb.target.api import EFAULT, CsrInfo, Debug, TargetError
from rvgdb.target.csr_registers import (
    BITS,
    FIRST_CSR,
    SIZE,
    CsrRegister,
    csr_registers,
    csr_types,
    description_rows,
    write_field,
)

__all__ = ("ABI_NAMES", "FIRST_CSR", "FLOAT_NAMES", "PC", "PRIV", "SIZE", "RegisterFile", "target_features")

PC: Final = 32
FIRST_FLOAT: Final = 33
PRIV: Final = 65

DOUBLE_BITS: Final = 64
_FLOAT_LAYOUTS: Final = {0: "", 32: "32I", DOUBLE_BITS: "32Q"}
GENERAL: Final = PC + 1
"""Registers that `g` begins with: x0 to x31 and pc. The f registers follow, where there are any."""

_ABI_NAMES: Final = """
    zero ra sp gp tp t0 t1 t2 fp s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6
"""
ABI_NAMES: Final = tuple(_ABI_NAMES.split())
"""As GDB's own RISC-V feature names them."""

_FLOAT_NAMES: Final = """
    ft0 ft1 ft2 ft3 ft4 ft5 ft6 ft7 fs0 fs1 fa0 fa1 fa2 fa3 fa4 fa5 fa6 fa7 fs2 fs3 fs4 fs5 fs6 fs7 fs8 fs9 fs10 fs11
    ft8 ft9 ft10 ft11
"""
FLOAT_NAMES: Final = tuple(_FLOAT_NAMES.split())

EXPEDITED: Final = (1, 2, 8, PC, PRIV)
"""What a debugger asks for after every stop: ra, sp, fp, pc and the privilege."""

POINTERS: Final = {1: "code_ptr", 2: "data_ptr", 3: "data_ptr", 4: "data_ptr", 8: "data_ptr", PC: "code_ptr"}

GENERIC: Final = {1: "ra", 2: "sp", 8: "fp", PC: "pc"} | {10 + index: f"arg{index + 1}" for index in range(8)}
"""What LLDB calls a register by its use. An LLDB without an ABI of RISC-V (before 16) finds no frame without it."""

FIRST_DWARF_FLOAT: Final = 32
"""f0 in debug information (RISC-V ELF psABI, "DWARF Register Numbers"); x0 is 0."""


class RegisterFile:
    """Implements `rvgdb.target.api.Registers` over the machine's debug view."""

    def __init__(self, debug: Debug) -> None:
        self._debug = debug
        self._csrs = {register.number: register for register in csr_registers(debug.csrs())}
        self._float_size = debug.float_bits // 8
        self._layout = struct.Struct(f"<{GENERAL}Q{_FLOAT_LAYOUTS[debug.float_bits]}")

    def _size(self, number: int) -> int:
        """Bytes of a register."""
        return self._float_size if self._is_float(number) else SIZE

    def read_general(self, hart: int) -> bytes:
        """x0 to x31, pc, and f0 to f31 where there are any."""
        debug = self._debug
        values = [debug.read_x(hart, index) for index in range(32)]
        values.append(debug.read_pc(hart))
        if self._float_size:
            values += [debug.read_f(hart, index) for index in range(len(FLOAT_NAMES))]
        return self._layout.pack(*values)

    def write_general(self, hart: int, data: bytes) -> None:
        """Set what `read_general` reads.

        Raises:
            TargetError: When the data is not exactly that long.
        """
        if len(data) != self._layout.size:
            raise TargetError(f"{self._layout.size} bytes of registers are needed, not {len(data)}")
        for number, value in enumerate(self._layout.unpack(data)):
            self.write_register(hart, number, value.to_bytes(self._size(number), "little"))

    def read_register(self, hart: int, number: int) -> bytes:
        """One register.

        Raises:
            TargetError: When there is no such register, or the CSR refuses.
        """
        return self._read(hart, number).to_bytes(self._size(number), "little")

    def _read(self, hart: int, number: int) -> int:
        if number < PC:
            return self._debug.read_x(hart, number)
        if number == PC:
            return self._debug.read_pc(hart)
        if self._is_float(number):
            return self._debug.read_f(hart, number - FIRST_FLOAT)
        if number == PRIV:
            return self._debug.read_priv(hart)
        register = self._csr(number)
        try:
            value = self._debug.read_csr(hart, self._debug.seen(hart, register.csr.number))
        except CsrRefused as error:
            raise TargetError(str(error), EFAULT) from None
        return value if register.field is None else register.field.of(value)

    def steps(self, number: int) -> tuple[Step, ...]:
        """What an expression at a breakpoint does to read a register.

        Raises:
            TargetError: When there is no such register.
        """
        if number < PC:
            return (Step("x", number),)
        if number == PC:
            return (Step("pc"),)
        if self._is_float(number):
            return (Step("f", number - FIRST_FLOAT), Step("zero_ext", 8 * self._float_size))
        if number == PRIV:
            return (Step("priv"),)
        register = self._csr(number)
        whole, part = Step("csr", register.csr.number), register.field
        if part is None:
            return (whole,)
        return whole, Step("const", part.low), Step("rsh_unsigned"), Step("zero_ext", part.high - part.low + 1)

    def write_register(self, hart: int, number: int, data: bytes) -> None:
        """Set one register.

        Raises:
            TargetError: When there is no such register, the value has another size, or the CSR refuses.
        """
        if len(data) != self._size(number):
            raise TargetError(f"the register has {self._size(number)} bytes, not {len(data)}")
        value = int.from_bytes(data, "little")
        if number < PC:
            self._debug.write_x(hart, number, value)
        elif number == PC:
            self._debug.write_pc(hart, value)
        elif self._is_float(number):
            self._debug.write_f(hart, number - FIRST_FLOAT, value)
        else:
            try:
                if number == PRIV:
                    self._debug.write_priv(hart, value)
                else:
                    self._write_csr(hart, self._csr(number), value)
            except CsrRefused as error:
                raise TargetError(str(error), EFAULT) from None

    def _is_float(self, number: int) -> bool:
        return FIRST_FLOAT <= number < PRIV and self._float_size > 0

    def _csr(self, number: int) -> CsrRegister:
        register = self._csrs.get(number)
        if register is None:
            raise TargetError(f"there is no register {number}", EFAULT)
        return register

    def _write_csr(self, hart: int, register: CsrRegister, value: int) -> None:
        """Write a CSR, or a field of it and nothing else.

        Raises:
            CsrRefused: It does not take the value.
        """
        if register.field is None:
            self._debug.write_csr(hart, self._debug.seen(hart, register.csr.number), value)
        else:
            write_field(self._debug, hart, register.csr, register.field, value)

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


def _float_features(bits: int) -> tuple[Feature, ...]:
    """The f registers; with D each is a union, as with QEMU, because it may hold a single."""
    if not bits:
        return ()
    kind = "riscv_double" if bits == DOUBLE_BITS else "ieee_single"
    union = UnionType("riscv_double", (("float", "ieee_single"), ("double", "ieee_double")))
    registers = tuple(
        Register(name, bits, FIRST_FLOAT + index, kind, dwarf=FIRST_DWARF_FLOAT + index)
        for index, name in enumerate(FLOAT_NAMES)
    )
    return (Feature("org.gnu.gdb.riscv.fpu", registers, (union,) if bits == DOUBLE_BITS else ()),)


def target_features(csrs: Sequence[CsrInfo], *, float_bits: int = 0) -> tuple[Feature, ...]:
    """The registers that a debugger is told of.

    Args:
        csrs: The CSRs to list, in any order.
        float_bits: Width of the f registers; 0 where there are none.
    """
    general = [
        Register(name, BITS, number, POINTERS.get(number, "int"), generic=GENERIC.get(number), dwarf=number)
        for number, name in enumerate(ABI_NAMES)
    ]
    general.append(Register("pc", BITS, PC, POINTERS[PC], generic=GENERIC[PC]))
    listed = csr_registers(csrs)
    return (
        Feature("org.gnu.gdb.riscv.cpu", tuple(general)),
        *_float_features(float_bits),
        Feature("org.gnu.gdb.riscv.virtual", (Register("priv", BITS, PRIV),)),
        Feature("org.gnu.gdb.riscv.csr", description_rows(listed), csr_types(listed)),
    )
