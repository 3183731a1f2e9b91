from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.engine import ENGINES
from emulator.engine.layout import RAM_BASE
from emulator.engine.watching import Watch
from emulator.hart.state import StopCode
from emulator.stops import WatchKind
from tests.helpers.rig import DEVICE, Rig

PAGE = 4096
DATA = RAM_BASE + 4 * PAGE
READ, WRITE, ACCESS = WatchKind.READ, WatchKind.WRITE, WatchKind.ACCESS
RIGS = {engine: Rig(engine) for engine in ENGINES}
SIZES = {"lb": 1, "lhu": 2, "lw": 4, "ld": 8, "sb": 1, "sh": 2, "sw": 4, "sd": 8}


def hit(rig: Rig, text: str, address: int) -> tuple[int, int, int] | None:
    """Execute an instruction on x7 = `address`: which watchpoint stopped it, address and size of the access."""
    rig.load_text(text)
    rig.hart.put("pc", RAM_BASE)
    rig.hart.put("x", address, 7)
    made = rig.run(1)
    if rig.hart.get("stop") != StopCode.WATCHPOINT:
        assert made == 1
        return None
    assert (made, rig.hart.get("pc")) == (0, RAM_BASE)
    return rig.hart.get("stop_detail", 0), rig.hart.get("stop_detail", 1), rig.hart.get("stop_detail", 2)


@pytest.mark.parametrize("kind", list(WatchKind))
@pytest.mark.parametrize(
    ("text", "reads", "writes", "size"),
    [
        ("lw x6, 0(x7)", True, False, 4),
        ("sw x6, 0(x7)", False, True, 4),
        ("c.lw x8, 0(x15)", True, False, 4),
        ("amoadd.w x6, x6, (x7)", True, True, 4),
        ("amoswap.d x6, x6, (x7)", True, True, 8),
        ("lr.d x6, (x7)", True, False, 8),
    ],
)
@pytest.mark.parametrize("warm", [False, True])
def test_kinds(rig: Rig, kind: WatchKind, text: str, size: int, *, reads: bool, writes: bool, warm: bool) -> None:
    """Each kind of watchpoint stops the accesses that it is for, also on a page that is cached."""
    rig.hart.put("x", DATA, 15)
    if warm:
        assert hit(rig, text, DATA) is None
    rig.engine.set_watchpoints([Watch(kind, DATA, 4)])
    before = rig.read(DATA, 8)

    stopped = hit(rig, text, DATA)

    wanted = (reads and kind is not WRITE) or (writes and kind is not READ)
    assert stopped == ((0, DATA, size) if wanted else None)
    if wanted:
        assert rig.read(DATA, 8) == before


def test_sc_that_stores(rig: Rig) -> None:
    """SC stops if it is going to store, before it does, and keeps its reservation."""
    rig.engine.set_watchpoints([Watch(WRITE, DATA, 8)])
    assert hit(rig, "sc.d x6, x5, (x7)", DATA) is None
    assert hit(rig, "lr.d x6, (x7)", DATA) is None
    rig.hart.put("x", 5, 5)

    assert hit(rig, "sc.d x6, x5, (x7)", DATA) == (0, DATA, 8)
    rig.engine.set_watchpoints([])
    assert hit(rig, "sc.d x6, x5, (x7)", DATA) is None

    assert (rig.x(6), rig.read(DATA, 1)) == (0, b"\5")


@pytest.mark.parametrize("engine", ENGINES)
@given(
    name=st.sampled_from(sorted(SIZES)),
    start=st.integers(-12, 12),
    length=st.one_of(st.integers(1, 16), st.integers(60, 200), st.just(2 * PAGE)),
    at=st.integers(-24, 240),
    kind=st.sampled_from(list(WatchKind)),
    near_page_end=st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_ranges(
    engine: str, *, name: str, start: int, length: int, at: int, kind: WatchKind, near_page_end: bool
) -> None:
    """Any length and place: an access stops exactly if one of its bytes is watched and its kind is."""
    rig = RIGS[engine]
    rig.reset()
    base = DATA + (PAGE if near_page_end else 0x800)
    rig.engine.set_watchpoints([Watch(kind, base + start, length)])
    overlap = base + at < base + start + length and base + start < base + at + SIZES[name]
    kind_fits = kind is ACCESS or (kind is READ) == name.startswith("l")

    for _ in range(2):
        stopped = hit(rig, f"{name} x6, 0(x7)", base + at)
        assert stopped == ((0, base + at, SIZES[name]) if overlap and kind_fits else None)


def test_neighbours_do_not_stop(rig: Rig) -> None:
    """Stores and loads beside a watched byte, in its line and its page, go on and take effect."""
    rig.engine.set_watchpoints([Watch(ACCESS, DATA + 32, 1)])
    rig.load_text("sd x6, 24(x7)\nsb x6, 33(x7)\nld x8, 40(x7)\nsd x6, 72(x7)\nlb x8, 31(x7)\njal x0, -20")
    rig.hart.put("x", DATA, 7)
    rig.hart.put("x", 0x0101010101010101, 6)

    assert rig.run(60) == 60
    assert rig.read(DATA + 24, 10) == b"\1" * 8 + b"\0\1"


def test_which_of_several(rig: Rig) -> None:
    """The stop names a watchpoint that covers the access."""
    rig.engine.set_watchpoints([Watch(READ, DATA, 4), Watch(WRITE, DATA + 8, 4), Watch(WRITE, DATA, 4)])

    assert hit(rig, "sw x6, 0(x7)", DATA) == (2, DATA, 4)
    assert hit(rig, "sw x6, 0(x7)", DATA + 10) == (1, DATA + 10, 4)
    assert hit(rig, "lw x6, 0(x7)", DATA + 3) == (0, DATA + 3, 4)


def test_removed_ones_vanish(rig: Rig) -> None:
    """After its removal a watchpoint stops nobody."""
    rig.engine.set_watchpoints([Watch(WRITE, DATA, 8)])
    assert hit(rig, "sd x6, 0(x7)", DATA) is not None
    rig.engine.set_watchpoints([])

    assert hit(rig, "sd x6, 0(x7)", DATA) is None


def test_on_a_device(rig: Rig) -> None:
    """An access to a device is stopped before the device knows of it."""
    rig.engine.set_watchpoints([Watch(ACCESS, DEVICE, 4)])

    assert hit(rig, "sw x6, 0(x7)", DEVICE) == (0, DEVICE, 4)
    assert rig.device == {}


def test_fetches_are_not_watched(rig: Rig) -> None:
    """A watchpoint is for loads and stores: executing the bytes is neither."""
    rig.engine.set_watchpoints([Watch(ACCESS, RAM_BASE, 64)])
    rig.load_text("addi x5, x5, 1\n" * 4)

    assert rig.run(4) == 4


def test_on_a_line_with_code(rig: Rig) -> None:
    """A watched store that also changes code stops before it does either."""
    rig.engine.set_watchpoints([Watch(WRITE, RAM_BASE + 32, 4)])
    rig.load_text("sw x6, 32(x7)\njal x0, 0")
    rig.hart.put("x", RAM_BASE, 7)

    rig.run(5)

    assert (rig.hart.get("stop"), rig.hart.get("pc")) == (StopCode.WATCHPOINT, RAM_BASE)


def test_at_the_top_of_the_address_space(rig: Rig) -> None:
    """The last bytes of the address space can be watched, too."""
    top = (1 << 64) - 8
    rig.engine.set_watchpoints([Watch(ACCESS, top, 8)])

    assert hit(rig, "ld x6, 0(x7)", top) == (0, top, 8)
    assert hit(rig, "lb x6, 0(x7)", top + 7) == (0, top + 7, 1)
