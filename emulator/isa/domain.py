"""What a meaning may use: operations on values, control flow, state, and the effects of an instruction.

A meaning (of an instruction row, a CSR row or a rule of the hart) is a Python function of a *domain*. It is written
once and executed by every domain: `emulator.engine.reference` runs it on Python integers, `emulator.engine.lower`
writes it down as LLVM IR. So a meaning must not look at a value with Python's own `if`, `while` or operators:

* arithmetic goes through the methods below (`d.add(a, b)`); constants may be plain Python integers;
* a condition is `for _ in d.when(cond): ...`, whose body runs once or not at all (and is emitted exactly once);
  `d.unless(cond)` is its opposite, `for _ in d.loop(lambda: cond): ...` repeats;
* a local that changes inside such a body is a `d.var(initial)`.

Operations are total where the meaning makes them so: shift amounts are below 64, divisors are not zero and
`sdiv`/`srem` never see the overflowing pair; rows mask and select before they operate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

Value: TypeAlias = Any
"""A 64-bit value: an `int` in 0 .. 2**64-1 in the reference domain, the name of an SSA value in the LLVM domain."""

Bool: TypeAlias = Any
"""A truth value: a `bool` in the reference domain, an `i1` in the LLVM domain."""


class Var(Protocol):
    """A local variable of a meaning."""

    def get(self) -> Value:
        """The current value."""
        ...

    def set(self, value: Value) -> None:
        """Assign."""
        ...


@dataclass(frozen=True, slots=True)
class Routine:
    """A rule of the hart with a name: compiled once, called from rows and from other routines.

    Attributes:
        name: Unique name, also the symbol's.
        params: How many values it takes.
        body: The meaning: called with the domain and the parameters; returns through `d.ret`.
        traps: Whether it may end in `d.trap` (or stop the hart); a caller then gives up at once.
    """

    name: str
    params: int
    body: Callable[..., None]
    traps: bool = False


def routine(*, params: int, traps: bool = False) -> Callable[[Callable[..., None]], Routine]:
    """Declare a function of a domain and `params` values as a routine named like the function."""

    def declare(body: Callable[..., None]) -> Routine:
        return Routine(body.__name__, params, body, traps)

    return declare


class Ops(Protocol):
    """Pure operations on 64-bit values."""

    def add(self, a: Value, b: Value) -> Value: ...
    def sub(self, a: Value, b: Value) -> Value: ...
    def mul(self, a: Value, b: Value) -> Value: ...
    def mulh(self, a: Value, b: Value) -> Value:
        """High half of the signed × signed product."""
        ...

    def mulhu(self, a: Value, b: Value) -> Value:
        """High half of the unsigned × unsigned product."""
        ...

    def mulhsu(self, a: Value, b: Value) -> Value:
        """High half of the signed × unsigned product."""
        ...

    def udiv(self, a: Value, b: Value) -> Value: ...
    def urem(self, a: Value, b: Value) -> Value: ...
    def sdiv(self, a: Value, b: Value) -> Value: ...
    def srem(self, a: Value, b: Value) -> Value: ...
    def and_(self, a: Value, b: Value) -> Value: ...
    def or_(self, a: Value, b: Value) -> Value: ...
    def xor(self, a: Value, b: Value) -> Value: ...
    def shl(self, a: Value, b: Value) -> Value: ...
    def lshr(self, a: Value, b: Value) -> Value: ...
    def ashr(self, a: Value, b: Value) -> Value: ...
    def sext(self, a: Value, bits: int) -> Value:
        """The low `bits` bits, sign-extended."""
        ...

    def zext(self, a: Value, bits: int) -> Value:
        """The low `bits` bits, zero-extended."""
        ...

    def clz(self, a: Value) -> Value:
        """Zero bits above the highest one; 64 for zero."""
        ...

    def ctz(self, a: Value) -> Value:
        """Zero bits below the lowest one; 64 for zero."""
        ...

    def cpop(self, a: Value) -> Value:
        """How many bits are set."""
        ...

    def reverse_bytes(self, a: Value) -> Value: ...
    def reverse_bits(self, a: Value) -> Value: ...
    def rotl(self, a: Value, b: Value) -> Value:
        """Rotated left by `b` modulo 64."""
        ...

    def rotr(self, a: Value, b: Value) -> Value:
        """Rotated right by `b` modulo 64."""
        ...

    def eq(self, a: Value, b: Value) -> Bool: ...
    def ne(self, a: Value, b: Value) -> Bool: ...
    def ult(self, a: Value, b: Value) -> Bool: ...
    def uge(self, a: Value, b: Value) -> Bool: ...
    def slt(self, a: Value, b: Value) -> Bool: ...
    def sge(self, a: Value, b: Value) -> Bool: ...
    def both(self, a: Bool, b: Bool) -> Bool: ...
    def either(self, a: Bool, b: Bool) -> Bool: ...
    def negate(self, a: Bool) -> Bool: ...
    def flag(self, a: Bool) -> Value:
        """1 for true, 0 for false."""
        ...

    def select(self, cond: Bool, a: Value, b: Value) -> Value: ...


class Domain(Ops, Protocol):
    """Operations, control flow and the hart's state: what a routine may use."""

    def when(self, cond: Bool) -> Iterator[None]:
        """Run the body of the `for` if `cond` holds."""
        ...

    def unless(self, cond: Bool) -> Iterator[None]:
        """Run the body of the `for` if `cond` does not hold."""
        ...

    def loop(self, cond: Callable[[], Bool]) -> Iterator[None]:
        """Run the body of the `for` while `cond()` holds."""
        ...

    def var(self, initial: Value) -> Var:
        """A new local variable."""
        ...

    def get(self, field: str, index: Value = 0) -> Value:
        """Read a field of the hart's state (`emulator.hart.state`)."""
        ...

    def put(self, field: str, value: Value, index: Value = 0) -> None:
        """Write a field of the hart's state."""
        ...

    def shared(self, field: str) -> Value:
        """Read a field of what all harts share."""
        ...

    def call(self, target: Routine, *args: Value) -> Value:
        """Run a routine."""
        ...

    def call_csr(self, kind: str, number: Value, *args: Value) -> Value:
        """Run the routine of a CSR's row, found by number: `kind` is `read`, `base` or `write`.

        `read` takes whether the instruction writes too (not zero: it does), `write` the value. `base` reads what a
        read-modify-write instruction combines with its operand; it differs from `read` for `mip`.
        """
        ...

    def ret(self, value: Value = 0) -> None:
        """Return from the routine."""
        ...

    def trap(self, cause: Value, tval: Value = 0, *, gva: Value = 0, tval2: Value = 0, tinst: Value = 0) -> None:
        """Raise a synchronous exception: nothing after it happens.

        `gva` is 1 where `tval` is a guest virtual address; `tval2` and `tinst` go to mtval2 or htval, mtinst or htinst.
        """
        ...

    def illegal(self, *, virtual: Bool = False) -> None:
        """Raise an illegal-instruction exception with the bits of the running instruction as trap value.

        Where `virtual` holds it is a virtual-instruction exception (`emulator.hart.refusal` decides).
        """
        ...

    def instruction(self) -> Value:
        """The encoding of the running instruction, 2 or 4 bytes."""
        ...

    def attend(self) -> None:
        """After this instruction, look again at interrupts and at the translation context."""
        ...

    def end_slice(self) -> None:
        """After this instruction, leave the run slice: something is due before its end."""
        ...

    def now(self) -> Value:
        """The hart's step count so far, the current step excluded; time and the counters derive from it."""
        ...

    def flush(self) -> None:
        """Forget every cached translation of this hart."""
        ...

    def flush_space(self, guest: Value) -> None:
        """Forget the translations of the modes with V = `guest` (1 or 0); those of M-mode stay."""
        ...

    def flush_page(self, address: Value, guest: Value) -> None:
        """Forget those of them that come from the leaf PTE of an address, whatever tags they were asked for with."""
        ...

    def watch(self, address: Value, size: Value, kind: int) -> None:
        """Stop before an access (`emulator.hart.access.LOAD`, `STORE` or both) that a watchpoint covers."""
        ...

    def watch_place(self, physical: Value, size: Value, kind: int) -> None:
        """Stop before an access that a watchpoint covers by where it leads: called behind its translation."""
        ...

    def cache(self, formed: Value, address: Value, physical: Value) -> None:
        """Remember where the page of an address is, so that the next access need not ask again.

        It is remembered under the address as the program formed it; `address` is the masked one.
        """
        ...

    def known_table(self, entry: Value) -> Value:
        """Physical address of a page-table entry whose page is remembered; 0 if it is not.

        Bit 0 of `entry` tells guest-physical addresses from physical ones.
        """
        ...

    def know_table(self, entry: Value, physical: Value) -> None:
        """Remember where the page of a page-table entry is."""
        ...

    def holds_memory(self, physical: Value) -> Bool:
        """Whether RAM or ROM answers at a physical address."""
        ...

    def load_physical(self, physical: Value, size: int) -> Value:
        """Read RAM or a device, zero-extended; `fault_cause` with `trap_tval` where nothing answers."""
        ...

    def store_physical(self, physical: Value, size: int, value: Value) -> None:
        """Write RAM or a device; `fault_cause` with `trap_tval` where nothing answers or nothing can be written."""
        ...

    def collect_flags(self) -> None:
        """Have `fflags` complete: what the host's own arithmetic raised is moved there."""
        ...

    def observe_trap(self, pc: Value, cause: Value, tval: Value) -> None:
        """Tell whoever watches the machine that a trap is being taken."""
        ...

    def attempt(self, target: Routine, *args: Value) -> tuple[Bool, Value]:
        """Run a routine that may trap, and take no trap: whether it would have, and what it returned."""
        ...

    def judge_word(self, index: Value) -> Value:
        """A word of the programs at breakpoints (`emulator.engine.judging`)."""
        ...

    def judge_csr(self, number: Value) -> Value:
        """A CSR as a debugger reads it."""
        ...

    def judge_print(self, operand: Value, depth: Value) -> None:
        """Have the debugger print what an operand of `print` names, with the topmost of `depth` values on the stack."""
        ...

    def in_trap_loop(self) -> None:
        """Stop the run slice: the exception that was just taken repeats itself for ever."""
        ...


class Execution(Domain, Protocol):
    """One instruction being executed: what a row's meaning may use on top of a routine."""

    @property
    def rs1(self) -> Value:
        """Value of the first source register."""
        ...

    @property
    def rs2(self) -> Value:
        """Value of the second source register."""
        ...

    @property
    def f1(self) -> Value:
        """The first source f register."""
        ...

    @property
    def f2(self) -> Value:
        """The second source f register."""
        ...

    @property
    def f3(self) -> Value:
        """The third source f register."""
        ...

    @property
    def imm(self) -> Value:
        """The immediate, extended to 64 bits (CSR number for CSR instructions)."""
        ...

    @property
    def rs1_number(self) -> Value:
        """The first source register's number (the immediate of `csrrwi` and its kin)."""
        ...

    @property
    def rs2_number(self) -> Value:
        """The second source register's number."""
        ...

    @property
    def rd_number(self) -> Value:
        """The destination register's number, for instructions that read it too or that write a pair."""
        ...

    @property
    def rd_is_zero(self) -> Bool:
        """Whether the destination is x0."""
        ...

    @property
    def pc(self) -> Value:
        """Address of this instruction."""
        ...

    @property
    def after(self) -> Value:
        """Address of the instruction that follows in memory."""
        ...

    def write_rd(self, value: Value) -> None:
        """Write the destination register."""
        ...

    def write_fd(self, value: Value) -> None:
        """Write the destination f register, which makes it dirty."""
        ...

    def begin_float(self, *, rounded: bool = False) -> None:
        """Raise the exception where FS is off. Comes first; `rounded` announces `float_op`."""
        ...

    def float_op(self, name: str, *operands: Value) -> Value:
        """An operation of `emulator.hart.arithmetic` in the row's rounding mode; raises its flags.

        Comes before any other effect of a row.
        """
        ...

    def raise_flags(self, flags: Value) -> None:
        """Add to `fflags`. Comes before any other effect of a row."""
        ...

    def branch(self, cond: Bool) -> None:
        """Go to `pc + imm` if `cond` holds. The last effect of a row."""
        ...

    def jump_by_imm(self) -> None:
        """Write `after` to rd and go to `pc + imm`. The last effect of a row."""
        ...

    def jump(self, target: Value) -> None:
        """Write `after` to rd and go to `target`. The last effect of a row."""
        ...

    def go(self, pc: Value) -> None:
        """Go to `pc` in a mode that may be new (xRET). The last effect of a row."""
        ...

    def load(self, address: Value, size: int) -> Value:
        """Read `size` bytes of memory, zero-extended. Comes before any other effect of a row."""
        ...

    def store(self, address: Value, size: int, value: Value) -> None:
        """Write the low `size` bytes of `value` to memory."""
        ...

    def amo(self, address: Value, size: int, change: Callable[[Value], Value]) -> Value:
        """Atomically replace memory by `change(old)`; returns old, zero-extended. Needs an aligned address."""
        ...

    def wait(self) -> None:
        """Wait for an interrupt (WFI)."""
        ...
