"""The tour, as `scripts/demo` gives it: in one go, with a real GDB and with none."""

from __future__ import annotations

import sys
from subprocess import PIPE, STDOUT, run
from typing import Final

import pytest

from rvgdb.demo.parts import BARE, HIDDEN, MASKING, PARTS, Part
from tests.helpers.elf import Elf
from tests.helpers.guests import ROOT

PLAIN: Final = Elf(MASKING.elf).symbols["savings"]
TAGGED: Final = PLAIN | 0x55 << 57

SHOWN: Final = {
    BARE: ("print total_volume", "$4 = 15", "Breakpoint 3, on_timer", "exited normally"),
    MASKING: (
        "isa_ext.smnpm                        0x1",
        "* VS  henvcfg.PMM=off: addresses are used as they are",
        "fwft.set(feature=POINTER_MASKING_PMLEN, value=7, flags=0) = SUCCESS",
        "PMM=PMLEN7",
        f"deposit (account=account@entry={TAGGED:#x}",
        "print/x $tag(account)",
        "$3 = 0x55",
        "load in VS-mode: henvcfg.PMM=PMLEN7: bits 63:57 are ignored and become copies of bit 56",
        f"means {PLAIN:#018x}",
        "Hardware watchpoint 3: -location *account",
        "New value = 107",
        "print savings",
        "= 107",
        "PMM=PMLEN16",
        "* VU  senvcfg.PMM=PMLEN16: bits 63:48 are ignored and become copies of bit 47",
        "print $satp",
        "MODE=Sv39",
        "print $hs_satp",
        "MODE=Bare",
        "MODE=Sv57x4",
        "VS-stage of",
        "G-stage of",
        "exits of the guest",
        "exited normally",
    ),
    HIDDEN: (
        "isa_ext.smnpm                        0x0",
        "fwft.set(feature=POINTER_MASKING_PMLEN, value=7, flags=0) = NOT_SUPPORTED",
        "PMM=off",
        "load-page-fault (13)",
        "print $scause",
        "CODE=load-page-fault",
        f"= {TAGGED:#x}",
        "exited normally",
    ),
}
"""What each part shows, in this order; addresses are the ELF's."""


def tour(*, debugger: bool) -> list[str]:
    """What the parts show."""
    options = () if debugger else ("--no-gdb",)
    done = run(
        [sys.executable, "-m", "rvgdb.demo", *options], stdout=PIPE, stderr=STDOUT, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stdout
    rest = done.stdout
    pieces = []
    for part in PARTS:
        before, found, rest = rest.partition(f" {part.title} ")
        assert found
        pieces.append(before)
    return [*pieces[1:], rest]


@pytest.fixture(scope="module")
def shown() -> dict[Part, str]:
    """The tour with GDB."""
    return dict(zip(PARTS, tour(debugger=True), strict=True))


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.title)
def test_the_tour_shows_what_it_promises(shown: dict[Part, str], part: Part) -> None:
    """Each part shows its facts in their order."""
    at = 0
    for text in SHOWN[part]:
        at = shown[part].index(text, at) + len(text)


def test_the_tour_shows_what_the_guest_says(shown: dict[Part, str]) -> None:
    """The guest's console is a stream of its own, so that its lines come somewhere between GDB's."""
    assert "hart 1 says hello" in shown[BARE]


def test_titles_fit_on_a_line(shown: dict[Part, str]) -> None:
    """No title is cut off on a terminal of 80 columns."""
    for part in PARTS:
        for scene in part.scenes:
            assert f"\n{scene.title} " in shown[part]


def test_the_guests_run_without_a_debugger() -> None:
    """Where there is no GDB the same guests run, and say of themselves what became of their pointers."""
    bare, masking, hidden = tour(debugger=False)

    assert "guest | demo: done" in bare
    assert "guest | ok      savings and wallet: 122" in masking
    assert "guest | tour: FWFT set POINTER_MASKING_PMLEN 7: -2" in hidden
    assert f"value {TAGGED:#x}" in hidden
