"""Loads and stores: borders, devices, misalignment, the TLB, and errors of the host."""

from __future__ import annotations

import pytest

from emulator.engine.layout import RAM_BASE
from emulator.hart.fields import Cause
from tests.helpers.rig import DEVICE, Rig

PAGE = 4096
HANDLER = RAM_BASE + 0xE000
END = RAM_BASE + 16 * PAGE
DATA = RAM_BASE + 4 * PAGE
LOADS = {"lb": 1, "lbu": 1, "lh": 2, "lhu": 2, "lw": 4, "lwu": 4, "ld": 8}
STORES = {"sb": 1, "sh": 2, "sw": 4, "sd": 8}
PATTERN = bytes(range(0x80, 0x90)) * 4


def expected_load(name: str, raw: bytes) -> int:
    """What a load gives for the bytes that it reads."""
    return int.from_bytes(raw, "little", signed=not name.endswith("u")) % (1 << 64)


@pytest.mark.parametrize("name", LOADS)
@pytest.mark.parametrize("base", [DATA, DATA + 56, DATA + PAGE - 8])
def test_loads_at_every_offset(rig: Rig, name: str, base: int) -> None:
    """A load may be misaligned, across lines and across pages."""
    rig.write(base, PATTERN)
    for offset in range(16):
        rig.execute(f"{name} x6, {offset}(x7)\n{name} x8, {offset}(x7)", x7=base)

        assert rig.x(6) == rig.x(8) == expected_load(name, PATTERN[offset : offset + LOADS[name]])


@pytest.mark.parametrize("name", STORES)
@pytest.mark.parametrize("base", [DATA, DATA + 56, DATA + PAGE - 8])
def test_stores_at_every_offset(rig: Rig, name: str, base: int) -> None:
    """A store may be misaligned, across lines and across pages, and touches only its own bytes."""
    size = STORES[name]
    for offset in range(16):
        rig.write(base, PATTERN)
        rig.execute(f"{name} x6, {offset}(x7)\n{name} x6, {offset}(x7)", x7=base, x6=0x1122334455667788)

        wanted = bytearray(PATTERN)
        wanted[offset : offset + size] = (0x1122334455667788).to_bytes(8, "little")[:size]
        assert rig.read(base, len(PATTERN)) == wanted


@pytest.mark.parametrize("name", [*LOADS, *STORES])
@pytest.mark.parametrize("address", [0, RAM_BASE - 8, END, END + 64, 1 << 63, (1 << 64) - 8, DEVICE + PAGE])
def test_where_nothing_answers(rig: Rig, name: str, address: int) -> None:
    """An access to nothing is an access fault with its address; the register is left alone."""
    rig.hart.put("mtvec", HANDLER)

    rig.execute(f"{name} x6, 0(x7)", x7=address, x6=5)

    cause = Cause.STORE_ACCESS if name in STORES else Cause.LOAD_ACCESS
    assert [rig.hart.get(field) for field in ("mcause", "mepc", "mtval")] == [cause, RAM_BASE, address]
    assert rig.x(6) == 5


@pytest.mark.parametrize(("name", "cause"), [("ld", Cause.LOAD_ACCESS), ("sd", Cause.STORE_ACCESS)])
def test_across_the_end_of_memory(rig: Rig, name: str, cause: Cause) -> None:
    """The trap value is the address of the part that is not there."""
    rig.hart.put("mtvec", HANDLER)

    rig.execute(f"{name} x6, 0(x7)", x7=END - 4)

    assert (rig.hart.get("mcause"), rig.hart.get("mtval")) == (cause, END)


@pytest.mark.parametrize("name", LOADS)
def test_device_loads(rig: Rig, name: str) -> None:
    """A load of a device asks the device, each time, with its own size."""
    rig.device[DEVICE + 8] = 0x8182838485868788
    rig.execute(f"{name} x6, 8(x7)", x7=DEVICE)
    first = rig.x(6)
    rig.device[DEVICE + 8] = 1
    rig.execute(f"{name} x6, 8(x7)", x7=DEVICE)

    assert first == expected_load(name, (0x8182838485868788).to_bytes(8, "little")[: LOADS[name]])
    assert rig.x(6) == 1


@pytest.mark.parametrize("name", STORES)
def test_device_stores(rig: Rig, name: str) -> None:
    """A store to a device reaches it with the bits of its size."""
    rig.execute(f"{name} x6, 8(x7)", x7=DEVICE, x6=0xA1A2A3A4A5A6A7A8)

    assert rig.device == {DEVICE + 8: 0xA1A2A3A4A5A6A7A8 & (1 << 8 * STORES[name]) - 1}


def test_an_amo_on_a_device(rig: Rig) -> None:
    """An AMO reads and writes the device once each."""
    rig.device[DEVICE] = 40
    rig.execute("amoadd.w x6, x5, (x7)", x7=DEVICE, x5=2)

    assert (rig.x(6), rig.device[DEVICE]) == (40, 42)


def test_addresses_that_share_an_entry_of_the_tlb(engine: str) -> None:
    """Pages 256 apart, in one loop, do not get into each other's way."""
    rig = Rig(engine, ram_size=1100 * PAGE)
    pages = (10, 266, 522, 778, 1034)
    for number, page in enumerate(pages):
        rig.write(RAM_BASE + page * PAGE + 8, bytes([number + 1] * 8))
        rig.hart.put("x", RAM_BASE + page * PAGE, 10 + number)
    body = "".join(f"ld x6, 8(x{10 + n})\nadd x5, x5, x6\nsd x6, 16(x{10 + n})\n" for n in range(5))
    rig.load_text(f"{body}jal x0, {-4 * 15}")

    rig.run(16 * 20)

    one = int.from_bytes(b"\1" * 8, "little")
    assert rig.x(5) == 20 * 15 * one % (1 << 64)
    for number, page in enumerate(pages):
        assert rig.read(RAM_BASE + page * PAGE + 16, 8) == bytes([number + 1] * 8)


@pytest.mark.parametrize("high", [1 << 56, 0xFF << 56, 1 << 40])
def test_high_bits_are_part_of_an_address(rig: Rig, high: int) -> None:
    """An address that differs from a cached one in high bits only is another one."""
    rig.hart.put("mtvec", HANDLER)
    rig.execute("ld x6, 0(x7)\nld x6, 0(x8)", x7=DATA, x8=DATA | high)

    assert (rig.hart.get("mcause"), rig.hart.get("mtval")) == (Cause.LOAD_ACCESS, DATA | high)


def test_lr_sc(rig: Rig) -> None:
    """SC succeeds once after LR at its address, and fails without, or elsewhere."""
    rig.write(DATA, (7).to_bytes(8, "little"))
    rig.execute(
        "lr.d x5, (x7)\nsc.d x6, x10, (x7)\nsc.d x8, x11, (x7)\nlr.d x9, (x7)\nsc.d x12, x11, (x13)",
        x7=DATA,
        x10=20,
        x11=30,
        x13=DATA + 8,
    )

    assert [rig.x(number) for number in (5, 6, 8, 9, 12)] == [7, 0, 1, 20, 1]
    assert rig.read(DATA, 16) == (20).to_bytes(8, "little") + bytes(8)


class DeviceError(Exception):
    """Raised by a device of these tests."""


@pytest.mark.parametrize("text", ["lw x6, 0(x7)", "sw x6, 0(x7)", "amoadd.w x6, x6, (x7)"])
def test_an_error_in_a_device(rig: Rig, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """An error of the host comes out of run; the instruction has not happened, and the hart can go on with it."""

    def fail(*_arguments: int) -> int:
        raise DeviceError

    rig.load_text(f"addi x5, x5, 1\n{text}\naddi x5, x5, 1")
    rig.hart.put("x", DEVICE, 7)
    rig.hart.put("x", 9, 6)
    with monkeypatch.context() as patch:
        patch.setattr(rig, "load", fail)
        patch.setattr(rig, "store", fail)
        with pytest.raises(DeviceError):
            rig.engine.run(rig.hart, 10)
    assert [rig.x(5), rig.x(6), rig.hart.get("pc"), rig.hart.get("budget")] == [1, 9, RAM_BASE + 4, 9]
    assert rig.hart.get("mcause") == 0

    assert rig.run(2) == 2

    assert (rig.x(5), rig.hart.get("pc")) == (2, RAM_BASE + 12)


def test_a_watched_line_of_memory(rig: Rig) -> None:
    """Stores to the special line are told, all of them, and no others."""
    rig.engine.set_special(DATA + 64)
    for _ in range(2):
        rig.execute("sd x6, 64(x7)\nsb x6, 127(x7)\nsd x6, 128(x7)\nsd x6, 56(x7)\nld x6, 64(x7)", x7=DATA, x6=1)

    assert rig.lines_written == [(DATA + 64, 8), (DATA + 127, 1)] * 2
