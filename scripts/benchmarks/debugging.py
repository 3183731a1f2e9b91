"""Experiments about what a debugger does often: conditions, prints, lines that take long, tagged watchpoints.

GDB itself does them, as a person would: `break … if`, `dprintf`, `next`. What an emulator does not do on its side, GDB
does by stopping it.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

from benchmarks.batch import BEGIN, END, ask_gdb
from benchmarks.figures import Figure
from benchmarks.runs import GUESTS, Emulator, patched, symbol_address

if TYPE_CHECKING:
    from benchmarks.experiments import Bench
    from benchmarks.rsp import Rsp

FIRST: Final = 200
"""Passes to begin with: an emulator that has to ask GDB makes some hundreds a second."""
MOST: Final = 1 << 31

ONCE_A_ROUND: Final = "main.c:33"
"""A line of the guest `break` that its loop passes once a round; a0 is then not 0."""
FALSE: Final = "$a0 == 0"

LINE: Final = "main.c:43"
"""A line of the guest `break` whose code is overwritten with a loop that counts a0 down."""
OVERWRITE: Final = (
    "python pc = gdb.selected_frame().pc(); room = gdb.find_pc_line(pc).last + 1 - pc; "
    r"code = bytes.fromhex('7d15 7dfd') + bytes.fromhex('0100') * (room // 2); "
    "gdb.selected_inferior().write_memory(pc, code[:room])"
)
"""`c.addi a0, -1`, `c.bnez a0, -2`, `c.nop` and so on."""
PER_ROUND: Final = 2
"""Instructions."""

TAG: Final = 0x2A << 57
MASKING: Final = "csr mseccfg.PMM PMLEN7"

Note: TypeAlias = Callable[[str], None]
"""Told what is being done."""

Passing: TypeAlias = Callable[[Emulator, int], float]
"""Seconds that an emulator takes for a number of passes."""


def conditions(bench: Bench) -> Iterator[Figure]:
    """A breakpoint in a loop whose condition never holds, the loop included."""
    passing = _under(bench, [f"break {ONCE_A_ROUND} if {FALSE}"])
    yield _figure(bench, "condition that is false", "evaluations/s", passing, ">= 1,000,000 a second")


def prints(bench: Bench) -> Iterator[Figure]:
    """A `dprintf` in a loop, whose condition never holds, and one that prints each time; the loop included."""
    style = "set dprintf-style {}".format
    choose = {bench.subject.name: style("agent")}
    commands = [f'dprintf {ONCE_A_ROUND},"%ld\\n",$a0']
    passing = _under(bench, [*commands, f"condition 1 {FALSE}"], choose)
    yield _figure(bench, "dprintf with a condition that is false", "evaluations/s", passing, ">= 1,000,000 a second")
    yield _figure(bench, "dprintf of a number", "prints/s", _under(bench, commands, choose))


def ranges(bench: Bench) -> Iterator[Figure]:
    """`next` over a line that is a long loop."""

    def passing(emulator: Emulator, rounds: int) -> float:
        elf = patched(GUESTS / "break.elf", "hot_rounds", 1, bench.folder)
        commands = [f"tbreak {LINE}", "continue", OVERWRITE, f"set $a0 = {rounds}", BEGIN, "next", END]
        return ask_gdb(emulator, elf, commands).seconds

    yield _figure(bench, "next over a line", "instructions/s", passing, per_pass=PER_ROUND)


def tagged_watchpoint(bench: Bench) -> Iterator[Figure]:
    """A write watchpoint on a tagged address in the hot page of data, while M-mode masks pointers.

    Only rvgdb: QEMU's watchpoints know no tags.
    """
    elf = GUESTS / "watch.elf"
    address = symbol_address(elf, "never_written") | TAG

    def attach(watched: bool, rsp: Rsp) -> None:
        rsp.greet()
        rsp.ask(b"qRcmd," + MASKING.encode().hex().encode())
        if watched:
            rsp.insert(2, address, 8)
        rsp.resume_to_the_end()

    plain, burdened = (
        bench.per_round(elf, 1_000, partial(attach, watched), (bench.subject,)) for watched in (False, True)
    )
    mine = bench.subject.name
    section = "tagged watchpoint in the hot page"
    yield Figure(section, "loop over the page, without", "ns CPU", plain)
    slowdown = burdened[mine] / plain[mine]
    yield Figure(section, "loop over the page, with", "ns CPU", burdened, slowdown, "with / without, rvgdb", "< 3")


def _under(bench: Bench, commands: Sequence[str], choose: dict[str, str] | None = None) -> Passing:
    """Rounds of the guest `break`, continued behind GDB's commands."""

    def passing(emulator: Emulator, rounds: int) -> float:
        elf = patched(GUESTS / "break.elf", "hot_rounds", rounds, bench.folder)
        first = [choose[emulator.name]] if choose and emulator.name in choose else []
        return ask_gdb(emulator, elf, [*first, *commands, BEGIN, "continue", END]).seconds

    return passing


def _figure(bench: Bench, name: str, unit: str, passing: Passing, aim: str = "", per_pass: int = 1) -> Figure:
    """Passes a second of each emulator, each with as many as take it about a second."""
    rates = {}
    for emulator in bench.emulators:
        count = FIRST
        while (taken := passing(emulator, count)) < bench.seconds / 2 and count < MOST:
            bench.note(f"{emulator.name}, {name}: trying {count} passes")
            count = min(MOST, int(count * min(100.0, bench.seconds / max(taken, 0.001))))
        rates[emulator.name] = count
    runs = bench.in_turns(
        bench.emulators, lambda emulator: rates[emulator.name] / passing(emulator, rates[emulator.name])
    )
    values = {emulator: per_pass * statistics.median(taken) for emulator, taken in runs.items()}
    ratio = values[bench.subject.name] / values[bench.peer.name]
    return Figure("debugging", name, unit, values, ratio, "speed of QEMU with GDB", aim)
