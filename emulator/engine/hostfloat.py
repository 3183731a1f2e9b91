"""Floating point on the host's own unit, where that gives the same bits and flags as the manual asks for.

On x86-64, MXCSR holds the rounding mode and collects flags while guest code runs (`to_guest`, `to_host`), so that an
operation is one host instruction and three checks: that it rounds as MXCSR does, that narrower operands are NaN-boxed,
and that the result is no NaN. Whatever fails a check is done again, exactly, by the row's cold twin; the flags that
the attempt left are among those of the exact operation. Both detect underflow after rounding. On other hosts every
operation is an exact one.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Final

from emulator.engine.layout import MODE_SHIFT
from emulator.hart.arithmetic import INTEGERS
from emulator.hart.fields import MASK64
from emulator.hart.floatformats import DOUBLE, SINGLE, FloatFormat
from emulator.hart.floating import Rounding

if TYPE_CHECKING:
    from emulator.engine.handlers import RowEmitter
    from emulator.isa.domain import Value

MXCSR_CLEAN: Final = 0x1F80
"""Every exception masked, no flag raised, nearest even, subnormals as they are."""
MXCSR_FLAGS: Final = 0x3F
MXCSR_MODE_SHIFT: Final = 13
MXCSR_MODES: Final = 0b10_01_11_00
"""By `frm`, two bits each: how MXCSR names the mode."""
FLAG_PLACES: Final = ((0, 4), (2, 3), (3, 2), (4, 1), (5, 0))
"""Bits of MXCSR and of `fflags`: NV, DZ, OF, UF, NX. (MXCSR's bit 1 tells of subnormal operands.)"""

_TYPES: Final = {32: "float", 64: "double"}
_SUFFIXES: Final = {32: "f32", 64: "f64"}
_STRICT: Final = 'metadata !"fpexcept.strict"'
_ROUNDED: Final = f'metadata !"round.dynamic", {_STRICT}'
_PREFIX: Final = "@llvm.experimental.constrained"


@cache
def host_features() -> frozenset[str]:
    """What of the host's unit is used: `mxcsr`, and `fma` where there are fused operations."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return frozenset()
    import llvmlite.binding as llvm  # deferred: a cached engine needs none of it

    return frozenset({"mxcsr"} | ({"fma"} if llvm.get_host_cpu_features().get("fma") else set()))


def _declarations() -> str:
    lines = ["declare void @llvm.x86.sse.stmxcsr(ptr)", "declare void @llvm.x86.sse.ldmxcsr(ptr)"]
    for width, kind in _TYPES.items():
        end = _SUFFIXES[width]
        lines += [
            f"declare {kind} {_PREFIX}.{name}.{end}({kind}, {kind}, metadata, metadata)"
            for name in ("fadd", "fsub", "fmul", "fdiv")
        ]
        lines.append(f"declare {kind} {_PREFIX}.sqrt.{end}({kind}, metadata, metadata)")
        lines.append(f"declare {kind} {_PREFIX}.fma.{end}({kind}, {kind}, {kind}, metadata, metadata)")
        lines.append(f"declare i1 {_PREFIX}.fcmp.{end}({kind}, {kind}, metadata, metadata)")
        lines.append(f"declare i64 {_PREFIX}.fptosi.i64.{end}({kind}, metadata)")
        lines.append(f"declare {kind} {_PREFIX}.sitofp.{end}.i64(i64, metadata, metadata)")
    lines.append(f"declare double {_PREFIX}.fpext.f64.f32(float, metadata)")
    lines.append(f"declare float {_PREFIX}.fptrunc.f32.f64(double, metadata, metadata)")
    return "\n".join(lines) + "\n"


DECLARATIONS: Final = _declarations()

Emit = Callable[["RowEmitter", tuple["Value", ...]], "Value"]


def _call(e: RowEmitter, kind: str, name: str, args: str) -> str:
    return e.op(f"call {kind} {_PREFIX}.{name}({args}) #2")


def _in_mode(e: RowEmitter) -> None:
    """The operation rounds as the host does now, be it that its mode is dynamic or the same."""
    e.cold_unless(e.ne(e.and_(e.lshr(e.get("float_modes"), e.lshr(e.aux, MODE_SHIFT)), 1), 0))


def _in_any_mode(e: RowEmitter) -> None:
    """The result is exact, so that its mode must only be a legal one."""
    e.cold_unless(e.ne(e.get("float_modes"), 0))


def _toward_zero(e: RowEmitter) -> None:
    """The operation says by itself that it rounds toward zero."""
    e.cold_unless(e.ne(e.get("float_on"), 0))
    e.cold_unless(e.eq(e.lshr(e.aux, MODE_SHIFT), Rounding.RTZ))


def _bits(e: RowEmitter, form: FloatFormat, register: Value) -> Value:
    """The bits of an operand, which is NaN-boxed from here on."""
    if form.width == 64:
        return register
    e.cold_unless(e.eq(e.lshr(register, form.width), MASK64 >> form.width))
    return e.zext(register, form.width)


def _number(e: RowEmitter, form: FloatFormat, bits: Value) -> str:
    if form.width == 64:
        return e.op(f"bitcast i64 {bits} to double")
    return e.op(f"bitcast i{form.width} {e.op(f'trunc i64 {bits} to i{form.width}')} to {_TYPES[form.width]}")


def _register(e: RowEmitter, form: FloatFormat, number: str) -> Value:
    """The register that holds a result; a NaN is left to the cold twin."""
    kind = _TYPES[form.width]
    args = f'{kind} {number}, {kind} {number}, metadata !"ord", {_STRICT}'
    e.cold_unless(_call(e, "i1", f"fcmp.{_SUFFIXES[form.width]}", args))
    bits = e.op(f"bitcast {kind} {number} to i{form.width}")
    return bits if form.width == 64 else e.or_(e.op(f"zext i{form.width} {bits} to i64"), form.box(0))


def _rounded(form: FloatFormat, name: str, negated: tuple[bool, ...]) -> Emit:
    """An operation with as many operands as `negated` has items, which say whose sign is changed first."""

    def emit(e: RowEmitter, operands: tuple[Value, ...]) -> Value:
        _in_mode(e)
        kind = _TYPES[form.width]
        numbers = []
        for register, negate in zip(operands, negated, strict=True):
            bits = _bits(e, form, register)
            numbers.append(f"{kind} {_number(e, form, e.xor(bits, form.sign) if negate else bits)}")
        args = ", ".join([*numbers, _ROUNDED])
        return _register(e, form, _call(e, kind, f"{name}.{_SUFFIXES[form.width]}", args))

    return emit


def _to_integer(form: FloatFormat, *, signed: bool, width: int) -> Emit:
    """Toward zero, as programs do it, and only what is in range."""

    def emit(e: RowEmitter, operands: tuple[Value, ...]) -> Value:
        _toward_zero(e)
        bits = _bits(e, form, operands[0])
        limit = form.bias + min(width - signed, 63) << form.fraction
        # Numbers of one sign are in the order of their bits; an unsigned range has no negative ones.
        e.cold_unless(e.ult(e.and_(bits, form.sign - 1) if signed else bits, limit))
        args = f"{_TYPES[form.width]} {_number(e, form, bits)}, {_STRICT}"
        return e.sext(_call(e, "i64", f"fptosi.i64.{_SUFFIXES[form.width]}", args), width)

    return emit


def _from_integer(form: FloatFormat, *, signed: bool, width: int) -> Emit:
    def emit(e: RowEmitter, operands: tuple[Value, ...]) -> Value:
        if width > form.fraction:
            _in_mode(e)
        else:
            _in_any_mode(e)
        value = e.sext(operands[0], width) if signed else e.zext(operands[0], width)
        if width == 64 and not signed:
            e.cold_unless(e.sge(value, 0))
        kind = _TYPES[form.width]
        number = _call(e, kind, f"sitofp.{_SUFFIXES[form.width]}.i64", f"i64 {value}, {_ROUNDED}")
        bits = e.op(f"bitcast {kind} {number} to i{form.width}")
        return bits if form.width == 64 else e.or_(e.op(f"zext i{form.width} {bits} to i64"), form.box(0))

    return emit


def _widened(form: FloatFormat, source: FloatFormat) -> Emit:
    def emit(e: RowEmitter, operands: tuple[Value, ...]) -> Value:
        _in_any_mode(e)
        number = _number(e, source, _bits(e, source, operands[0]))
        return _register(e, form, _call(e, "double", "fpext.f64.f32", f"float {number}, {_STRICT}"))

    return emit


def _narrowed(form: FloatFormat, source: FloatFormat) -> Emit:
    def emit(e: RowEmitter, operands: tuple[Value, ...]) -> Value:
        _in_mode(e)
        number = _number(e, source, operands[0])
        return _register(e, form, _call(e, "float", "fptrunc.f32.f64", f"double {number}, {_ROUNDED}"))

    return emit


_FUSED: Final = {
    "fmadd": (False, False, False),
    "fmsub": (False, False, True),
    "fnmsub": (True, False, False),
    "fnmadd": (True, False, True),
}


@cache
def host_operations() -> dict[str, Emit]:
    """How to write operations, by name, that this host can do."""
    features = host_features()
    found: dict[str, Emit] = {}
    if "mxcsr" not in features:
        return found
    for form in (SINGLE, DOUBLE):
        end = f".{form.suffix}"
        for name in ("fadd", "fsub", "fmul", "fdiv"):
            found[name + end] = _rounded(form, name, (False, False))
        found["fsqrt" + end] = _rounded(form, "sqrt", (False,))
        for name, negated in _FUSED.items() if "fma" in features else ():
            found[name + end] = _rounded(form, "fma", negated)
        for name, (signed, width) in INTEGERS.items():
            found[f"fcvt.{name}{end}"] = _to_integer(form, signed=signed, width=width)
            found[f"fcvt{end}.{name}"] = _from_integer(form, signed=signed, width=width)
    found["fcvt.d.s"] = _widened(DOUBLE, SINGLE)
    found["fcvt.s.d"] = _narrowed(SINGLE, DOUBLE)
    return found
