"""Verbs that look at a stopped program and change it: registers, expressions, memory, frames, threads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rvgdb.sessions.errors import SessionError
from rvgdb.sessions.mi import Fields, number_of, quote, rows_of, text_of, texts_of
from rvgdb.sessions.stops import Frame, Thread, frame_from, thread_from
from rvgdb.sessions.verbs import Verbs

# fmt: off
GENERAL: Final = (
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2",
    "fp", "s1", "a0", "a1", "a2", "a3", "a4", "a5",
    "a6", "a7", "s2", "s3", "s4", "s5", "s6", "s7",
    "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
    "pc",
)
# fmt: on
"""The general registers by GDB's names, in the order of their numbers."""


class InspectVerbs(Verbs):
    """What a person types at GDB's prompt to look at a program. Part of `Gdb`."""

    async def evaluate(self, expression: str) -> str:
        """`print EXPRESSION`: the value as GDB prints it."""
        answer = await self.mi(f"-data-evaluate-expression {quote(expression)}")
        return text_of(answer.fields, "value") or ""

    async def integer(self, expression: str) -> int:
        """The value of an expression as an unsigned 64-bit number."""
        return int(await self.evaluate(f"(unsigned long)({expression})"))

    async def set_var(self, target: str, value: int | str) -> None:
        """`set var TARGET = VALUE`: a variable, a register as $NAME, memory."""
        await self.mi(f"-gdb-set var {target} = {value}")

    async def register(self, name: str) -> int:
        """The value of one register, unsigned; `name` without the dollar sign. CSRs are registers too."""
        return await self.integer(f"${name}")

    async def registers(self, *names: str) -> Mapping[str, int]:
        """The values of several registers, unsigned; the general ones and pc when none is named."""
        known = texts_of((await self.mi("-data-list-register-names")).fields, "register-names")
        numbers = {name: number for number, name in enumerate(known) if name}
        wanted = names or GENERAL
        listed = " ".join(str(numbers[name]) for name in wanted)
        answer = await self.mi(f"-data-list-register-values x {listed}")
        by_number = {_whole(row, "number"): _whole(row, "value") for row in rows_of(answer.fields, "register-values")}
        return {name: by_number[numbers[name]] for name in wanted}

    async def memory(self, address: int | str, length: int) -> bytes:
        """`length` bytes from an address or an expression that gives one; fewer where GDB could read only so many."""
        where = quote(str(address) if isinstance(address, str) else hex(address))
        answer = await self.mi(f"-data-read-memory-bytes {where} {length}")
        blocks = rows_of(answer.fields, "memory")
        return b"".join(bytes.fromhex(text_of(block, "contents") or "") for block in blocks)

    async def write_memory(self, address: int | str, data: bytes) -> None:
        """Write bytes to an address or an expression that gives one."""
        where = quote(str(address) if isinstance(address, str) else hex(address))
        await self.mi(f"-data-write-memory-bytes {where} {data.hex()}")

    async def frames(self) -> list[Frame]:
        """`backtrace`: the call stack, innermost frame first."""
        answer = await self.mi("-stack-list-frames")
        return [frame_from(row) for row in rows_of(answer.fields, "stack")]

    async def threads(self) -> list[Thread]:
        """`info threads`: the harts, in the order of their numbers."""
        answer = await self.mi("-thread-info")
        return sorted((thread_from(row) for row in rows_of(answer.fields, "threads")), key=lambda thread: thread.number)

    async def select_thread(self, number: int) -> None:
        """`thread NUMBER`: look at that hart."""
        await self.mi(f"-thread-select {number}")

    async def address_of(self, symbol: str) -> int:
        """The address of a function or variable, as GDB's symbols have it."""
        return await self.integer(f"&{symbol}")


def _whole(row: Fields, key: str) -> int:
    try:
        value = number_of(row, key)
    except ValueError as error:
        raise SessionError(f"GDB gives {key} of register {row.get('number')} as {row.get(key)!r}") from error
    if value is None:
        raise SessionError(f"GDB gives no {key} in {row}")
    return value
