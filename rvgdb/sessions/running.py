"""Verbs that make the program run and stop: breakpoints, watchpoints, stepping, and what is expected of a stop."""

from __future__ import annotations

from typing import Final

from rvgdb.sessions.errors import SessionError, UnexpectedStop
from rvgdb.sessions.mi import Fields, fields_of, number_of, quote
from rvgdb.sessions.stops import Stop, StopReason
from rvgdb.sessions.verbs import Verbs

STOP_LIMIT: Final = 60.0
"""Seconds within which a program that runs must stop unless the script says otherwise."""


class RunVerbs(Verbs):
    """What a person types at GDB's prompt to run a program. Part of `Gdb`."""

    async def break_at(self, location: str, *, temporary: bool = False, hardware: bool = False) -> int:
        """`break LOCATION`: a function, FILE:LINE or *ADDRESS. Returns the breakpoint's number."""
        flags = "-t " * temporary + "-h " * hardware
        answer = await self.mi(f"-break-insert {flags}{quote(location)}")
        return _number(fields_of(answer.fields, "bkpt"))

    async def tbreak(self, location: str) -> int:
        """`tbreak LOCATION`: a breakpoint that is gone once it was hit."""
        return await self.break_at(location, temporary=True)

    async def hbreak(self, location: str) -> int:
        """`hbreak LOCATION`: a hardware breakpoint (packet Z1)."""
        return await self.break_at(location, hardware=True)

    async def watch(self, expression: str) -> int:
        """`watch EXPRESSION`: stop when it is written and changes (Z2)."""
        answer = await self.mi(f"-break-watch {quote(expression)}")
        return _number(fields_of(answer.fields, "wpt"))

    async def rwatch(self, expression: str) -> int:
        """`rwatch EXPRESSION`: stop when it is read (Z3)."""
        answer = await self.mi(f"-break-watch -r {quote(expression)}")
        return _number(fields_of(answer.fields, "hw-rwpt"))

    async def awatch(self, expression: str) -> int:
        """`awatch EXPRESSION`: stop when it is read or written (Z4)."""
        answer = await self.mi(f"-break-watch -a {quote(expression)}")
        return _number(fields_of(answer.fields, "hw-awpt"))

    async def delete(self, *numbers: int) -> None:
        """`delete NUMBERS`: remove breakpoints and watchpoints; all of them when none is named."""
        await self.mi("-break-delete " + " ".join(map(str, numbers)))

    async def condition(self, number: int, expression: str) -> None:
        """`condition NUMBER EXPRESSION`: stop at a breakpoint only where the expression is true."""
        await self.mi(f"-break-condition {number} {expression}")

    async def cont(self) -> None:
        """`continue`: let the program run; `expect_stop` waits for its next stop."""
        self._mi.forget_stops()
        await self.mi("-exec-continue")

    async def step(self, *, limit: float = STOP_LIMIT) -> Stop:
        """`step`: to another source line, into functions."""
        return await self._run("-exec-step", limit)

    async def next(self, *, limit: float = STOP_LIMIT) -> Stop:
        """`next`: to another source line, over functions."""
        return await self._run("-exec-next", limit)

    async def stepi(self, count: int = 1, *, limit: float = STOP_LIMIT) -> Stop:
        """`stepi COUNT`: that many instructions."""
        return await self._run(f"-exec-step-instruction {count}", limit)

    async def nexti(self, *, limit: float = STOP_LIMIT) -> Stop:
        """`nexti`: one instruction, over a call."""
        return await self._run("-exec-next-instruction", limit)

    async def finish(self, *, limit: float = STOP_LIMIT) -> Stop:
        """`finish`: until the selected function returns."""
        return await self._run("-exec-finish", limit)

    async def until(self, location: str = "", *, limit: float = STOP_LIMIT) -> Stop:
        """`until [LOCATION]`: forward past the present line, or to a location in this frame."""
        return await self._run(f"-exec-until {location}".rstrip(), limit)

    async def interrupt(self) -> None:
        """Ctrl-C: ask the running program to stop; `expect_signal("SIGINT")` waits for it."""
        await self.mi("-exec-interrupt")

    async def expect_stop(
        self,
        reason: StopReason | None = None,
        *,
        function: str | None = None,
        address: int | None = None,
        number: int | None = None,
        thread: int | None = None,
        limit: float = STOP_LIMIT,
    ) -> Stop:
        """Wait for the program to stop, and compare the stop with what is known about it beforehand.

        Raises:
            UnexpectedStop: It stopped otherwise.
            SessionTimeout: It did not stop within `limit` seconds.
        """
        stop = await self._mi.next_stop(limit=limit)
        expected = {"reason": reason, "function": function, "address": address, "number": number, "thread": thread}
        wrong = [
            f"{name} is {_show(getattr(stop, name))}, not {_show(value)}"
            for name, value in expected.items()
            if value is not None and getattr(stop, name) != value
        ]
        if wrong:
            raise UnexpectedStop(f"the program stopped, but its {' and its '.join(wrong)}", self.transcript)
        return stop

    async def expect_breakpoint(
        self, function: str | None = None, *, number: int | None = None, thread: int | None = None
    ) -> Stop:
        """Wait for a stop at a breakpoint."""
        return await self.expect_stop(StopReason.BREAKPOINT, function=function, number=number, thread=thread)

    async def expect_signal(self, name: str, *, limit: float = STOP_LIMIT) -> Stop:
        """Wait for a stop by a signal; Ctrl-C gives SIGINT."""
        stop = await self.expect_stop(StopReason.SIGNAL, limit=limit)
        if stop.signal != name:
            raise UnexpectedStop(f"the program stopped by {stop.signal}, not {name}", self.transcript)
        return stop

    async def expect_exit(self, *, limit: float = STOP_LIMIT) -> Stop:
        """Wait until the remote says that the program has ended."""
        stop = await self._mi.next_stop(limit=limit)
        if stop.frame is not None:
            raise UnexpectedStop("the program stopped where its end was expected", self.transcript)
        return stop

    async def _run(self, command: str, limit: float) -> Stop:
        self._mi.forget_stops()
        await self.mi(command)
        return await self._mi.next_stop(limit=limit)


def _number(fields: Fields | None) -> int:
    number = None if fields is None else number_of(fields, "number")
    if number is None:
        raise SessionError(f"GDB named no breakpoint number in {fields}")
    return number


def _show(value: object) -> str:
    if isinstance(value, StopReason):
        return value.value
    return hex(value) if isinstance(value, int) else str(value)
