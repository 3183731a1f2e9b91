"""The experiments: which guest runs how, and which ratio answers the question."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

from benchmarks.errors import BenchError
from benchmarks.figures import Figure
from benchmarks.rsp import Rsp, connect
from benchmarks.runs import BARE, GUESTS, Emulator, Sample, free_port, patched, run_guest, started, symbol_address
from emulator.config import MachineConfig
from emulator.machine import Machine

MACHINES: Final = 20

ENOUGH: Final = 1.0
"""Seconds of CPU time that a measured loop should take, so that what surrounds it does not matter."""
MOST_ROUNDS: Final = 1 << 40
REGISTER_PC: Final = b"p20"
READ_BYTES: Final = 1024

FEW_PAGES: Final = 64
MANY_PAGES: Final = 2000
"""Pages that the guest `spaces` loads from in turn: fewer than a TLB holds, and many more."""
SPACES: Final = (
    ("Bare", 0, 0, ""),
    ("Sv39", 1, 0, "< 150"),
    ("Sv39, masked", 1, 0x2A, "< 150"),
    ("Sv39 over Sv39x4", 2, 0, "< 600"),
)
"""Name, `hot_space`, `hot_tag` (QEMU would need an option for it, so it is left out), and the aim of a miss in ns."""

Result = TypeVar("Result")
Attach: TypeAlias = Callable[[Rsp], None]

PACKETS: Final = {
    "attach": ("ms", ""),
    "qC": ("packets/s", ""),
    "g": ("packets/s", ">= 0.5"),
    "m, 4 bytes": ("packets/s", ">= 0.5"),
    "m, 1 KiB": ("MB/s", ">= 1"),
    "vCont;s": ("steps/s", ">= 1"),
}
"""The packet experiment's figures, in the order of `Bench._packet_rates`: unit, and what the ratio should be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """One sitting.

    Attributes:
        subject: The emulator that is judged, rvgdb.
        peer: What it is compared with, QEMU.
        precise: The peer counting instructions, the deterministic mode that compares best with a deterministic machine.
        repeats: How often each measurement is made.
        seconds: How long each packet is sent over and over.
        processor: The one CPU that the packet experiment is pinned to.
        folder: A place for changed copies of guests.
        note: Told what is being measured.
        others: More to compare with.
    """

    subject: Emulator
    peer: Emulator
    precise: Emulator
    repeats: int
    seconds: float
    processor: int
    folder: Path
    note: Callable[[str], None]
    others: tuple[Emulator, ...] = ()

    @property
    def emulators(self) -> tuple[Emulator, ...]:
        """Who takes part where nothing else is said."""
        return (self.subject, self.peer, *self.others)

    def integer(self) -> Iterator[Figure]:
        """Eight integer kernels, 1.2 × 10⁹ instructions, with and without what it costs to start and end."""
        emulators = (self.subject, self.peer, self.precise)
        idle = self._cpu(emulators, GUESTS / "nothing.elf")
        samples = self._samples(emulators, GUESTS / "bench.elf")
        if len({sample.console for runs in samples.values() for sample in runs}) != 1:
            raise BenchError("the emulators disagree about the benchmark's result")
        total = _medians({name: [sample.cpu for sample in runs] for name, runs in samples.items()})
        net = {name: total[name] - idle[name] for name in total}
        count = samples[self.precise.name][0].instructions or 0
        mine = self.subject.name
        section = "integer benchmark"
        yield Figure(section, "start and end only", "CPU s", idle)
        yield Figure(
            section, "all", "CPU s", total, total[self.peer.name] / total[mine], "speed of QEMU's TCG", ">= 0.25"
        )
        yield Figure(
            section, "all", "CPU s", total, total[self.precise.name] / total[mine], "speed of QEMU's icount", ">= 0.5"
        )
        speed = {name: count / net[name] / 1e6 for name in net}
        yield Figure(section, "guest only", "MIPS", speed, speed[mine] / speed[self.peer.name], "QEMU's TCG")
        yield Figure(section, "guest only", "MIPS", speed, speed[mine] / speed[self.precise.name], "QEMU's icount")

    def floating(self) -> Iterator[Figure]:
        """Five kernels of double precision, 2.6 × 10⁸ instructions, without what it costs to start and end."""
        emulators = (self.subject, self.peer)
        idle = self._cpu(emulators, GUESTS / "nothing.elf")
        samples = self._samples(emulators, GUESTS / "float.elf")
        if len({sample.console for runs in samples.values() for sample in runs}) != 1:
            raise BenchError("the emulators disagree about the floating-point benchmark's result or flags")
        total = _medians({name: [sample.cpu for sample in runs] for name, runs in samples.items()})
        net = {name: total[name] - idle[name] for name in total}
        ratio = net[self.peer.name] / net[self.subject.name]
        yield Figure("floating point", "guest only", "CPU s", net, ratio, "speed of QEMU's TCG", ">= 0.5")

    def code_page(self) -> Iterator[Figure]:
        """A store to data that shares a page with its code, against the same store elsewhere."""
        shared = self.per_round(GUESTS / "mixed_shared.elf", 100_000)
        apart = self.per_round(GUESTS / "mixed_apart.elf", 100_000)
        yield from self._slowdowns("store in a page of code", "loop", apart, shared, "about 1")

    def breakpoint(self) -> Iterator[Figure]:
        """A breakpoint in the hot page of code that is never reached."""
        elf = GUESTS / "break.elf"
        plain = self.per_round(elf, 100_000, attach=resume)
        address = symbol_address(elf, "never_called")
        stopped = self.per_round(elf, 100_000, attach=inserting(0, address, 2))
        yield from self._slowdowns("breakpoint in the hot page", "loop", plain, stopped, "< 1.05")

    def watchpoint(self) -> Iterator[Figure]:
        """A write watchpoint in the hot page of data that is never written to."""
        elf = GUESTS / "watch.elf"
        plain = self.per_round(elf, 1_000, attach=resume)
        address = symbol_address(elf, "never_written")
        watched = self.per_round(elf, 1_000, attach=inserting(2, address, 8))
        yield from self._slowdowns("watchpoint in the hot page", "loop over the page", plain, watched, "< 3")

    def translation(self) -> Iterator[Figure]:
        """Loads from pages that the TLB holds and from more than it holds, by what stands between them and memory."""
        section = "address translation"
        baseline: dict[str, float] = {}
        for name, space, tag, aim in SPACES:
            emulators = (self.subject,) if tag else (self.subject, self.peer)
            hit, all_missing = (
                self._per_load(GUESTS / "spaces.elf", pages, space, tag, emulators) for pages in (FEW_PAGES, MANY_PAGES)
            )
            baseline = baseline or hit
            mine = self.subject.name
            slowdown = hit[mine] / baseline[mine]
            yield Figure(section, f"{name}, hit", "ns CPU", hit, slowdown, "of Bare, rvgdb", "< 1.05")
            miss = {emulator: all_missing[emulator] - hit[emulator] for emulator in hit}
            yield Figure(section, f"{name}, a miss more", "ns CPU", miss, miss[mine], "ns, rvgdb", aim)

    def _per_load(self, elf: Path, pages: int, space: int, tag: int, emulators: Sequence[Emulator]) -> dict[str, float]:
        """Nanoseconds of CPU time that one load of the guest `spaces` costs, its share of the loop included."""
        for variable, value in (("hot_pages", pages), ("hot_space", space), ("hot_tag", tag)):
            elf = patched(elf, variable, value, self.folder)
        rounds = self.per_round(elf, max(1, 1_000_000 // pages), emulators=emulators)
        return {emulator: nanoseconds / pages for emulator, nanoseconds in rounds.items()}

    def start(self) -> Iterator[Figure]:
        """From the command to a debugger that is connected, after one start that does not count."""
        emulators = (self.subject, self.peer)
        for emulator in emulators:
            self._listening(emulator)
        taken = _medians(self.in_turns(emulators, self._listening))
        yield Figure("start", "-S to connected", "s", taken, taken[self.subject.name], "seconds", "< 0.5")
        each = statistics.median(_make_machine() for _ in range(MACHINES))
        values = {self.subject.name: each}
        yield Figure("start", "one more machine in a process", "ms", values, each, "milliseconds", "< 30")

    def packets(self) -> Iterator[Figure]:
        """Round trips of single packets, everything on one processor."""
        with pinned(self.processor):
            runs = self.in_turns((self.subject, self.peer), self._packet_rates)
        for name, (unit, aim) in PACKETS.items():
            values = _medians({emulator: [rates[name] for rates in taken] for emulator, taken in runs.items()})
            mine, peers = values[self.subject.name], values[self.peer.name]
            ratio = peers / mine if unit == "ms" else mine / peers
            yield Figure("packets, one processor", name, unit, values, ratio, "speed of QEMU", aim)

    def single_steps(self) -> Iterator[Figure]:
        """Round trips of `vCont;s`, everything on one processor."""
        with pinned(self.processor):
            runs = self.in_turns(self.emulators, self._step_rate)
        values = _medians(runs)
        yield Figure("packets", "vCont;s", "steps/s", values, values[self.subject.name] / values[self.peer.name])

    def in_turns(self, emulators: Sequence[Emulator], measure: Callable[[Emulator], Result]) -> dict[str, list[Result]]:
        """Measure each emulator `repeats` times, in turns, so that a change of the machine's mood hits all of them."""
        results: dict[str, list[Result]] = {emulator.name: [] for emulator in emulators}
        for repeat in range(self.repeats):
            for emulator in emulators:
                self.note(f"{emulator.name}, {repeat + 1} of {self.repeats}")
                results[emulator.name].append(measure(emulator))
        return results

    def _samples(self, emulators: Sequence[Emulator], elf: Path) -> dict[str, list[Sample]]:
        return self.in_turns(emulators, lambda emulator: run_guest(emulator, elf))

    def _cpu(self, emulators: Sequence[Emulator], elf: Path, attach: Attach | None = None) -> dict[str, float]:
        samples = self.in_turns(emulators, lambda emulator: run_guest(emulator, elf, attach))
        return _medians({name: [sample.cpu for sample in taken] for name, taken in samples.items()})

    def per_round(
        self, elf: Path, first: int, attach: Attach | None = None, emulators: Sequence[Emulator] = ()
    ) -> dict[str, float]:
        """Nanoseconds of CPU time that one round of the guest's loop costs, without start and end.

        Emulators differ a hundredfold here, so each gets as many rounds as make `ENOUGH`, beginning with `first`.
        """
        emulators = emulators or self.emulators
        idle = self._cpu(emulators, GUESTS / "nothing.elf", attach)
        rounds = {
            emulator.name: self._rounds(emulator, elf, first, idle[emulator.name], attach) for emulator in emulators
        }

        def measure(emulator: Emulator) -> float:
            changed = patched(elf, "hot_rounds", rounds[emulator.name], self.folder)
            net = run_guest(emulator, changed, attach).cpu - idle[emulator.name]
            return 1e9 * net / rounds[emulator.name]

        return _medians(self.in_turns(emulators, measure))

    def _rounds(self, emulator: Emulator, elf: Path, first: int, idle: float, attach: Attach | None) -> int:
        rounds = first
        while rounds < MOST_ROUNDS:
            self.note(f"{emulator.name}, trying {rounds} rounds")
            net = run_guest(emulator, patched(elf, "hot_rounds", rounds, self.folder), attach).cpu - idle
            if net > ENOUGH / 2:
                break
            rounds = int(rounds * min(10.0, ENOUGH / max(net, 0.001)))
        return rounds

    def _slowdowns(
        self, section: str, name: str, plain: dict[str, float], burdened: dict[str, float], aim: str
    ) -> Iterator[Figure]:
        yield Figure(section, f"{name}, without", "ns CPU", plain)
        yield Figure(section, f"{name}, with", "ns CPU", burdened)
        slowdown = {emulator: burdened[emulator] / plain[emulator] for emulator in plain}
        yield Figure(section, "slowdown", "times", slowdown, slowdown[self.subject.name], "with / without, rvgdb", aim)

    def _listening(self, emulator: Emulator) -> float:
        port = free_port()
        command = [
            *emulator.command,
            *BARE,
            "-S",
            "-gdb",
            f"tcp:127.0.0.1:{port}",
            "-kernel",
            str(GUESTS / "nothing.elf"),
        ]
        begin = time.perf_counter()
        with started(command, subprocess.DEVNULL, subprocess.DEVNULL), connect(port):
            return time.perf_counter() - begin

    def _step_rate(self, emulator: Emulator) -> float:
        with _attached(emulator) as rsp:
            rsp.greet()
            return self._rate(rsp, b"vCont;s:1")

    def _packet_rates(self, emulator: Emulator) -> dict[str, float]:
        with _attached(emulator) as rsp:
            begin = time.perf_counter()
            rsp.greet()
            attach = 1e3 * (time.perf_counter() - begin)
            address = int.from_bytes(bytes.fromhex(rsp.ask(REGISTER_PC).decode()), "little")
            page = address & ~0xFFF
            bodies = (b"qC", b"g", b"m%x,4" % address, b"m%x,%x" % (page, READ_BYTES), b"vCont;s:1")
            query, registers, word, block, step = [self._rate(rsp, body) for body in bodies]
        figures = (attach, query, registers, word, block * READ_BYTES / 1e6, step)
        return dict(zip(PACKETS, figures, strict=True))

    def _rate(self, rsp: Rsp, body: bytes) -> float:
        """How often a second `body` is answered."""
        rsp.ask(body)
        count = 0
        begin = time.perf_counter()
        while (taken := time.perf_counter() - begin) < self.seconds:
            rsp.ask(body)
            count += 1
        return count / taken


@contextmanager
def _attached(emulator: Emulator) -> Iterator[Rsp]:
    """A connection to an emulator that stands at its reset."""
    port = free_port()
    command = [*emulator.command, *BARE, "-S", "-gdb", f"tcp:127.0.0.1:{port}", "-kernel", str(GUESTS / "bench.elf")]
    with started(command, subprocess.DEVNULL, subprocess.DEVNULL), Rsp(port) as rsp:
        yield rsp


def _make_machine() -> float:
    """Milliseconds that a new machine takes in this process."""
    begin = time.perf_counter()
    Machine(MachineConfig(), transmit=lambda _: None)
    return 1e3 * (time.perf_counter() - begin)


def resume(rsp: Rsp) -> None:
    """Attach and let the guest run to its end."""
    rsp.greet()
    rsp.resume_to_the_end()


def inserting(kind: int, address: int, length: int) -> Attach:
    """Attach, insert one breakpoint or watchpoint, and let the guest run to its end."""

    def attach(rsp: Rsp) -> None:
        rsp.greet()
        rsp.insert(kind, address, length)
        rsp.resume_to_the_end()

    return attach


@contextmanager
def pinned(processor: int) -> Iterator[None]:
    """Keep this process, and what it starts, on one processor."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {processor})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _medians(values: Mapping[str, Sequence[float]]) -> dict[str, float]:
    return {name: statistics.median(taken) for name, taken in values.items()}
