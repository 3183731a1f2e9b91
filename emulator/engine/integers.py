"""Operations on Python integers: the reference domain's arithmetic, and constant folding in the LLVM domain."""

from __future__ import annotations

from typing import Final

MASK: Final = (1 << 64) - 1
SIGN: Final = 1 << 63


def signed(value: int) -> int:
    """A 64-bit value read as two's complement."""
    return value - (1 << 64) if value & SIGN else value


class IntOps:
    """`emulator.isa.domain.Ops` over integers in 0 .. 2**64-1. Constants may be given negative."""

    def add(self, a: int, b: int) -> int:
        return (a + b) & MASK

    def sub(self, a: int, b: int) -> int:
        return (a - b) & MASK

    def mul(self, a: int, b: int) -> int:
        return (a * b) & MASK

    def mulh(self, a: int, b: int) -> int:
        return (signed(a) * signed(b) >> 64) & MASK

    def mulhu(self, a: int, b: int) -> int:
        return a * b >> 64

    def mulhsu(self, a: int, b: int) -> int:
        return (signed(a) * b >> 64) & MASK

    def udiv(self, a: int, b: int) -> int:
        return a // b

    def urem(self, a: int, b: int) -> int:
        return a % b

    def sdiv(self, a: int, b: int) -> int:
        p, q = signed(a), signed(b)
        quotient = abs(p) // abs(q)
        return (quotient if (p < 0) == (q < 0) else -quotient) & MASK

    def srem(self, a: int, b: int) -> int:
        p, q = signed(a), signed(b)
        remainder = abs(p) % abs(q)
        return (-remainder if p < 0 else remainder) & MASK

    def and_(self, a: int, b: int) -> int:
        return a & b & MASK

    def or_(self, a: int, b: int) -> int:
        return (a | b) & MASK

    def xor(self, a: int, b: int) -> int:
        return (a ^ b) & MASK

    def shl(self, a: int, b: int) -> int:
        return (a << b) & MASK

    def lshr(self, a: int, b: int) -> int:
        return a >> b

    def ashr(self, a: int, b: int) -> int:
        return (signed(a) >> b) & MASK

    def sext(self, a: int, bits: int) -> int:
        low = a & (1 << bits) - 1
        return (low - (1 << bits)) & MASK if low >> (bits - 1) else low

    def zext(self, a: int, bits: int) -> int:
        return a & (1 << bits) - 1

    def clz(self, a: int) -> int:
        return 64 - a.bit_length()

    def ctz(self, a: int) -> int:
        return (a & -a).bit_length() - 1 if a else 64

    def cpop(self, a: int) -> int:
        return a.bit_count()

    def reverse_bytes(self, a: int) -> int:
        return int.from_bytes(a.to_bytes(8, "little"), "big")

    def reverse_bits(self, a: int) -> int:
        return int(f"{a:064b}"[::-1], 2)

    def rotl(self, a: int, b: int) -> int:
        distance = b & 63
        return (a << distance | a >> (64 - distance)) & MASK

    def rotr(self, a: int, b: int) -> int:
        return self.rotl(a, -b)

    def eq(self, a: int, b: int) -> bool:
        return a == b

    def ne(self, a: int, b: int) -> bool:
        return a != b

    def ult(self, a: int, b: int) -> bool:
        return a < b

    def uge(self, a: int, b: int) -> bool:
        return a >= b

    def slt(self, a: int, b: int) -> bool:
        return signed(a) < signed(b)

    def sge(self, a: int, b: int) -> bool:
        return signed(a) >= signed(b)

    def both(self, a: bool, b: bool) -> bool:
        return a and b

    def either(self, a: bool, b: bool) -> bool:
        return a or b

    def negate(self, a: bool) -> bool:
        return not a

    def flag(self, a: bool) -> int:
        return int(a)

    def select(self, cond: bool, a: int, b: int) -> int:
        return a if cond else b
