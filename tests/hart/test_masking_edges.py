"""Where masking meets page ends, fetches, watchpoints, fences and the soft TLB."""

from __future__ import annotations

import pytest

from emulator.engine.layout import RAM_BASE
from emulator.engine.watching import Watch
from emulator.hart.state import StopCode
from emulator.isa.text import assemble
from emulator.stops import WatchKind
from tests.helpers.paging import CODE_S, DATA, MPRV, PAGE, RW, RX, SUPERVISOR, Guest
from tests.helpers.rig import Rig
from tests.helpers.twostages import GUEST_DATA, RWXU, GuestFault, TwoStages

PMLEN_7, PMLEN_16 = 2 << 32, 3 << 32
HERE = 0x40_0000
TAG = 0x5A << 57
DATA_IN_RIG = RAM_BASE + 8 * PAGE
END = 1 << 47
"""Where the lower half of Sv48 ends."""


def test_parts_are_masked_each(engine: str) -> None:
    """An access across the end of the lower half goes on where the upper half begins: each byte is masked by itself."""
    guest = Guest(engine, "sv48")
    guest.tables.map(END - PAGE, DATA, RW)
    guest.tables.map((1 << 64) - END, DATA + PAGE, RW)
    guest.put_word(DATA + PAGE - 8, 0x1122_3344_5566_7788)
    guest.put_word(DATA + PAGE, 0x99AA_BBCC_DDEE_FF00)
    guest.change(menvcfg=PMLEN_16)
    address = END - 4 | 0x1234 << 48
    assert guest.access("load", address) is None
    assert guest.hart.get("x", 5) == 0xDDEE_FF00_1122_3344
    assert guest.access("store", address) is None
    assert guest.word(DATA + PAGE - 8) == 0x5566_0001_5566_7788
    assert guest.word(DATA + PAGE) == 0x99AA_BBCC_1122_3344


def test_a_part_that_faults_is_reported_masked(engine: str) -> None:
    """The trap value of the second part is its own masked address."""
    guest = Guest(engine, "sv48")
    guest.tables.map(END - PAGE, DATA, RW)
    guest.change(menvcfg=PMLEN_16)
    fault = guest.access("load", END - 4 | 0x1234 << 48)
    assert fault is not None
    assert (fault.cause, fault.tval) == (13, (1 << 64) - END)


def test_the_part_that_faults_in_the_second_stage(engine: str) -> None:
    """A misaligned HLV tells which part faulted: trap value, guest-physical address, and distance."""
    guest = TwoStages(engine)
    for page in range(2):
        guest.first.map(0x4000_0000 + page * PAGE, GUEST_DATA + page * PAGE, RWXU)
    guest.second.map(GUEST_DATA, DATA, RWXU)
    fault = guest.access("hlv", 0x4000_0000 + PAGE - 4, priv=0)
    assert fault == GuestFault(21, 0x4000_1000, (GUEST_DATA + PAGE) >> 2, 0x6C02_42F3)


def test_fetches_are_not_masked(engine: str) -> None:
    """Code at a tagged address is not found, and the trap value keeps the tag."""
    guest = Guest(engine)
    guest.tables.map(HERE, DATA, RX)
    guest.change(menvcfg=PMLEN_7)
    assert guest.access("fetch", HERE) is None
    fault = guest.access("fetch", HERE | TAG)
    assert fault is not None
    assert (fault.cause, fault.tval) == (12, HERE | TAG)


def test_tags_share_one_page(engine: str) -> None:
    """Loads and stores through many tags of one pointer reach the same bytes, with nothing flushed between."""
    guest = Guest(engine)
    guest.tables.map(HERE, DATA, RW)
    guest.change(menvcfg=PMLEN_7, priv=SUPERVISOR)
    lines = ("sd x7, 0(x6)", "ld x5, 0(x8)", "amoadd.d x9, x7, (x8)", "ld x10, 0(x6)")
    guest.rig.program(map(assemble, lines), RAM_BASE)
    for tag in range(0, 128, 7):
        for number, value in ((6, HERE | tag << 57), (7, tag), (8, HERE | (127 - tag) << 57)):
            guest.hart.put("x", value, number)
        guest.hart.put("pc", CODE_S)
        guest.rig.run(len(lines))
        assert [guest.hart.get("x", number) for number in (5, 9, 10)] == [tag, tag, 2 * tag]


@pytest.mark.parametrize("tag", [0, TAG])
def test_a_fence_for_one_address_forgets_its_aliases(engine: str, tag: int) -> None:
    """After SFENCE.VMA of an address, no tagged form of it uses the old translation."""
    guest = Guest(engine)
    guest.tables.map(HERE, DATA, RW)
    guest.tables.map(HERE + PAGE, guest.tables.place(HERE) & ~0xFFF, RW)
    place = HERE + PAGE + (guest.tables.place(HERE) & 0xFFF)
    guest.put_word(DATA, 1)
    guest.put_word(DATA + PAGE, 2)
    guest.change(menvcfg=PMLEN_7, priv=SUPERVISOR, pc=CODE_S)
    lines = ("ld x5, 0(x8)", "sd x9, 0(x6)", "sfence.vma x7, x0", "ld x10, 0(x8)")
    guest.rig.program(map(assemble, lines), RAM_BASE)
    for number, value in ((6, place), (7, HERE), (8, HERE | tag), (9, (DATA + PAGE) >> 2 | RW)):
        guest.hart.put("x", value, number)
    guest.rig.run(len(lines))
    assert (guest.hart.get("x", 5), guest.hart.get("x", 10)) == (1, 2)


@pytest.mark.parametrize("offset", [0, 8])
def test_watchpoints_compare_masked_addresses(engine: str, offset: int) -> None:
    """A watchpoint on an address stops an access through a tagged pointer to it, and to nothing beside it."""
    guest = Guest(engine)
    guest.tables.map(HERE, DATA, RW)
    guest.change(menvcfg=PMLEN_7, priv=SUPERVISOR)
    guest.rig.program(map(assemble, ("ld x5, 0(x6)", "sd x5, 0(x6)", "sd x5, 0(x6)")), RAM_BASE)
    guest.hart.put("x", HERE | TAG, 6)
    guest.hart.put("pc", CODE_S)
    guest.rig.run(2)  # so that the TLB knows the tagged page
    guest.rig.engine.set_watchpoints([Watch(WatchKind.WRITE, HERE + offset, 8)])
    made = guest.rig.run(1)
    guest.rig.engine.set_watchpoints([])
    assert made == (0 if offset == 0 else 1)
    assert (guest.hart.get("stop") == StopCode.WATCHPOINT) == (offset == 0)
    if offset == 0:
        assert guest.hart.get("stop_detail", 1) == HERE | TAG  # as the program formed it: it tells which pointer did it


def test_machine_mode_masks_physical_addresses(rig: Rig) -> None:
    """With `mseccfg.PMM`, M-mode's loads and stores ignore the tag, MXR or not."""
    rig.hart.put("mseccfg", PMLEN_16)
    rig.hart.put("mstatus", 1 << 19)
    rig.engine.flush()
    rig.execute("sd x7, 0(x6)\nld x5, 0(x8)", x6=0xABCD << 48 | DATA_IN_RIG, x7=77, x8=DATA_IN_RIG)
    assert rig.x(5) == 77


def test_mprv_masks_as_the_mode_it_stands_for(engine: str) -> None:
    """Behind MPRV, M-mode's load of a tagged pointer of S-mode takes the sign of S-mode's tables."""
    guest = Guest(engine)
    high = (1 << 64) - HERE
    guest.tables.map(high, DATA, RW)
    guest.put_word(DATA, 5)
    guest.change(menvcfg=PMLEN_7, mseccfg=0)
    address = high % (1 << 57) | TAG
    assert guest.access("load", address, priv=3, status=MPRV | SUPERVISOR << 11) is None
    assert guest.hart.get("x", 5) == 5
