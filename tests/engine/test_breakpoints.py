from __future__ import annotations

import pytest

from emulator.engine.layout import RAM_BASE
from emulator.hart.state import StopCode
from emulator.isa.text import assemble
from tests.helpers.rig import Rig

PAGE = 4096
LOOP = "loop:\naddi x5, x5, 1\naddi x6, x6, 1\nbne x5, x7, loop\naddi x8, x8, 1\njal x0, 0"


def stops(rig: Rig, steps: int) -> tuple[int, int | None]:
    """Steps made, and the pc of the breakpoint that was hit."""
    made = rig.run(steps)
    return made, rig.hart.get("pc") if rig.hart.get("stop") == StopCode.BREAKPOINT else None


@pytest.mark.parametrize("index", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("warm", [0, 30])
@pytest.mark.parametrize("base", [RAM_BASE, RAM_BASE + PAGE - 8, RAM_BASE + PAGE - 10, RAM_BASE + PAGE - 12])
def test_hit_before_executing(rig: Rig, index: int, warm: int, base: int) -> None:
    """A breakpoint stops the hart before its instruction, in cold code and in code that has run."""
    rig.load_text(LOOP, base)
    rig.hart.put("x", 20, 7)
    rig.hart.put("pc", base)
    rig.run(warm)
    rig.hart.put("pc", base)
    before = rig.x(5)
    rig.hart.put("x", before + 3, 7)
    address = base + 4 * index
    rig.engine.set_breakpoints((address,))

    made, hit = stops(rig, 1000)

    assert hit == address
    assert made == (index if index < 3 else 9 + index - 3)
    assert stops(rig, 1000) == (0, address)  # it stays until someone steps over it


def test_a_hart_can_be_stopped_at_each_pass(rig: Rig) -> None:
    """Lifting a breakpoint for one step and setting it again stops at the next pass, at a near branch's target."""
    rig.load_text(LOOP)
    rig.hart.put("x", 5, 7)
    for count in range(5):
        rig.engine.set_breakpoints((RAM_BASE,))
        assert stops(rig, 100)[1] == RAM_BASE
        assert rig.x(5) == count
        rig.engine.set_breakpoints(())
        rig.run(1)
    rig.engine.set_breakpoints((RAM_BASE,))
    assert stops(rig, 100) == (100, None)


def test_removed_ones_vanish(rig: Rig) -> None:
    """After its removal a breakpoint stops nobody."""
    rig.load_text(LOOP)
    rig.hart.put("x", 1 << 40, 7)
    rig.engine.set_breakpoints((RAM_BASE + 4,))
    assert stops(rig, 100) == (1, RAM_BASE + 4)
    rig.engine.set_breakpoints(())

    assert stops(rig, 300) == (300, None)
    assert rig.x(6) == 100


def test_many_of_them(rig: Rig) -> None:
    """Each of many breakpoints is hit, and only those."""
    rig.load_text("addi x5, x5, 1\n" * 64)
    chosen = tuple(RAM_BASE + 4 * at for at in range(1, 64, 3))
    for address in chosen:
        rig.engine.set_breakpoints(tuple(other for other in chosen if other >= address))
        assert stops(rig, 100)[1] == address
    assert rig.x(5) == 61


def test_an_instruction_across_two_pages(rig: Rig) -> None:
    """Its breakpoint is at its first byte; one at its second half means nothing."""
    at = RAM_BASE + PAGE - 2
    rig.load_text("addi x5, x5, 1\naddi x5, x5, 1", at)
    rig.hart.put("pc", at)
    rig.engine.set_breakpoints((at + 2,))
    assert stops(rig, 1) == (1, None)
    rig.engine.set_breakpoints((at,))
    rig.hart.put("pc", at)

    assert stops(rig, 5) == (0, at)


def test_the_second_half_of_an_instruction(rig: Rig) -> None:
    """A breakpoint inside an instruction stops only who jumps there."""
    short = assemble("c.addi x5, 2")
    rig.write(RAM_BASE, (assemble("lui x10, 0x1") & 0xFFFF | short << 16).to_bytes(4, "little") + b"\1\0")
    rig.engine.set_breakpoints((RAM_BASE + 2,))

    assert stops(rig, 1) == (1, None)
    rig.hart.put("pc", RAM_BASE + 2)
    assert stops(rig, 1) == (0, RAM_BASE + 2)


def test_code_that_changes_under_a_breakpoint(rig: Rig) -> None:
    """A breakpoint stays where it is when its instruction is overwritten, by the guest or from outside."""
    rig.load_text("sw x6, 8(x7)\naddi x0, x0, 0\naddi x5, x5, 1\njal x0, -12")
    rig.hart.put("x", assemble("addi x5, x5, 100"), 6)
    rig.hart.put("x", RAM_BASE, 7)
    rig.engine.set_breakpoints((RAM_BASE + 8,))
    assert stops(rig, 10) == (2, RAM_BASE + 8)
    rig.hart.put("pc", RAM_BASE)
    assert stops(rig, 10) == (2, RAM_BASE + 8)
    rig.program([assemble("addi x5, x5, 7")], RAM_BASE + 8)
    assert stops(rig, 10) == (0, RAM_BASE + 8)
    rig.engine.set_breakpoints(())
    rig.run(1)

    assert rig.x(5) == 7


def test_other_pages_at_the_same_offset(rig: Rig) -> None:
    """A breakpoint does not stop the instruction at the same offset of another page."""
    rig.load_text("addi x5, x5, 1\njalr x0, 0(x7)", RAM_BASE + 0x20)
    rig.load_text("addi x6, x6, 1\njalr x0, 0(x8)", RAM_BASE + PAGE + 0x20)
    rig.hart.put("x", RAM_BASE + PAGE + 0x20, 7)
    rig.hart.put("x", RAM_BASE + 0x20, 8)
    rig.hart.put("pc", RAM_BASE + 0x20)
    rig.engine.set_breakpoints((RAM_BASE + 2 * PAGE + 0x20,))
    assert stops(rig, 40) == (40, None)
    rig.engine.set_breakpoints((RAM_BASE + PAGE + 0x20,))

    assert stops(rig, 40)[1] == RAM_BASE + PAGE + 0x20
    assert (rig.x(5), rig.x(6)) == (11, 10)


def test_on_a_page_with_a_pmp_border(rig: Rig) -> None:
    """Pages whose code is never cached stop all the same."""
    rig.load_text(LOOP)
    rig.hart.put("x", 5, 7)
    rig.hart.put("pmpaddr", RAM_BASE + 0x800 >> 2, 0)
    rig.hart.put("pmpcfg", 0x8F, 0)  # locked TOR up to the middle of the page
    rig.engine.flush()
    rig.engine.set_breakpoints((RAM_BASE + 12,))

    assert stops(rig, 100) == (15, RAM_BASE + 12)


@pytest.mark.parametrize("budget", [0, 1, 2, 3])
def test_a_budget_that_ends_at_a_breakpoint(rig: Rig, budget: int) -> None:
    """A run whose budget is spent at the breakpoint's address ends for its budget; the next one stops there."""
    rig.load_text(LOOP)
    rig.hart.put("x", 99, 7)
    rig.engine.set_breakpoints((RAM_BASE + 4 * budget,))
    if budget == 3:
        rig.hart.put("x", 1, 7)

    assert stops(rig, budget) == (budget, None)
    assert stops(rig, 1) == (0, RAM_BASE + 4 * budget)


def test_at_an_interrupt_handler(rig: Rig) -> None:
    """A breakpoint at a trap handler is hit when the trap is taken."""
    rig.load_text("addi x0, x0, 0\necall")
    rig.load_text("addi x0, x0, 0", RAM_BASE + 0x1000)
    rig.hart.put("mtvec", RAM_BASE + 0x1000)
    rig.engine.set_breakpoints((RAM_BASE + 0x1000,))

    assert stops(rig, 10) == (2, RAM_BASE + 0x1000)
