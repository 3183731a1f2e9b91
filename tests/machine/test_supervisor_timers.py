"""Sstc: S- and VS-mode's timers follow time to the step (manual volume II, "Sstc")."""

from __future__ import annotations

import pytest

from emulator.stops import Idle
from tests.helpers.machines import MTIME, Guest

COMPARE = """
    li t0, 1
    slli t0, t0, 63
    csrrs x0, menvcfg, t0
    csrrs x0, henvcfg, t0
    li t1, -1
    csrrw x0, stimecmp, t1
    csrrw x0, vstimecmp, t1
    li t3, BIT
    csrrw x0, mie, t3
    csrrw x0, mideleg, x0
    la t0, handler
    csrrw x0, stvec, t0
    csrrw x0, mtvec, t0
    li t2, DUE
    csrrw x0, NAME, t2
    ENTER
loop:
    addi s0, s0, 1
    jal x0, loop
.align 4
handler:
    csrrs s1, mepc, x0
    csrrs s2, cycle, x0
    jal x0, 0
"""
WAIT = COMPARE.replace(
    "    ENTER\n", "    wfi\n    csrrs s0, time, x0\n    li t1, -1\n    csrrw x0, NAME, t1\n    wfi\n"
)


def own(text: str, due: int) -> str:
    """The program for `stimecmp`, in M-mode, which takes what it does not delegate."""
    values = {"BIT": 32, "DUE": due, "NAME": "stimecmp", "ENTER": "csrrsi x0, mstatus, 8"}
    for name, value in values.items():
        text = text.replace(name, str(value))
    return text


@pytest.mark.parametrize("due", [20, 21, 50])
@pytest.mark.parametrize("shift", [0, 2, 5])
def test_an_interrupt_at_its_exact_step(engine: str, due: int, shift: int) -> None:
    """The first instruction not executed is the one at the first step whose time reaches stimecmp."""
    guest = Guest(engine, own(COMPARE, due), shift=shift)
    exact = -(-due * 100 // (1 << shift))  # a tick is 100 ns, a step is 2**shift ns

    guest.run(exact + 100)

    assert guest.x(18) == exact + 1  # one instruction of the handler before the reading one


@pytest.mark.parametrize("pieces", [(1,), (7, 3), (100,), (64, 1000)])
def test_pieces_of_a_run(engine: str, pieces: tuple[int, ...]) -> None:
    """Where runs are cut does not move the interrupt."""
    whole, cut = (Guest(engine, own(COMPARE, 7)) for _ in range(2))

    whole.run(1000)
    cut.run(1000, *pieces)

    assert whole.x(18) == 701
    assert whole.state() == cut.state()


def test_waiting_ends_at_the_comparison(engine: str) -> None:
    """WFI skips to the tick of stimecmp; with nothing left to come the machine is idle."""
    guest = Guest(engine, own(WAIT, 5000))

    stop = guest.run(10_000_000)

    assert isinstance(stop, Idle)
    assert guest.x(8) == 5000


def test_a_write_of_mtime_counts(engine: str) -> None:
    """A comparison is with mtime, so that moving it on makes the interrupt pending at once, and back takes it away."""
    moved = f"    li t1, {MTIME}\n    li t2, 100000\n    sd t2, 0(t1)\n    csrrs s3, mip, x0\n"
    back = "    sd x0, 0(t1)\n    csrrs s4, mip, x0\nend:\n    jal x0, end\n"
    guest = Guest(engine, own(COMPARE.replace("    ENTER\n", moved + back), 90_000))

    guest.run(200)

    assert (guest.x(19) & 0x20, guest.x(20) & 0x20) == (0x20, 0)


def test_the_timer_of_a_guest(engine: str) -> None:
    """VSTIP is what hvip injects or `time + htimedelta >= vstimecmp`, at V=0 too."""
    text = """
    li t0, 1
    slli t0, t0, 63
    csrrs x0, menvcfg, t0
    li t1, 1000
    csrrw x0, vstimecmp, t1
    csrrs s2, mip, x0
    csrrs x0, henvcfg, t0
    csrrs s3, mip, x0
    li t1, 2000
    csrrw x0, htimedelta, t1
    csrrs s4, mip, x0
    csrrw x0, htimedelta, x0
    csrrs s5, mip, x0
    csrrwi x0, hvip, 0
    li t1, 64
    csrrw x0, hvip, t1
    csrrs s6, hip, x0
    end:
    jal x0, end
    """
    guest = Guest(engine, text)

    guest.run(60)

    assert [guest.x(18 + at) & 64 for at in range(5)] == [0, 0, 64, 0, 64]
