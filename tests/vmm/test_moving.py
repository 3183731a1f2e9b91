"""Guests that are saved and go on elsewhere, with their devices."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from emulator.devices.moving import SavedStateError, check
from emulator.kvm import StateError
from emulator.kvm.statefile import seal, unseal
from emulator.stops import BreakpointHit, GuestExit, Idle
from tests.vmm.guests import START, Guest

LOOP = "jal zero,0"
FINISH = ("lui t0,0x100", "lui t1,0x5", "addi t1,t1,0x555", "sw t1,0(t0)", LOOP)
ON_INPUT = (
    *("lui s1,0x10000", "li t1,1", "sb t1,1(s1)"),  # the serial port interrupts when there is input
    *("lui s0,0xc000", "sw t1,40(s0)", "li t1,0x400", "lui s2,0xc002", "sw t1,0(s2)", "lui s3,0xc200", "sw zero,0(s3)"),
    *("li t1,0x200", "csrw sie,t1", "wfi", "lw a0,4(s3)", "beq a0,zero,-8", "lb a1,0(s1)", "lb a2,0(s1)", *FINISH),
)


def altered(data: bytes, path: tuple[str | int, ...], value: object) -> bytes:
    """A saved guest, sealed again after something in its description was changed."""
    description, memory = unseal(data)
    place: Any = description
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    return seal(description, memory)


def devices(data: bytes) -> Mapping[str, Any]:
    """The devices in a saved guest."""
    found = unseal(data)[0]["user_space"]["devices"]
    assert isinstance(found, dict)
    return found


def test_interrupts_and_input_move(tmp_path: Path) -> None:
    """A guest that waits for its serial port is saved; elsewhere, input wakes it through serial port and PLIC."""
    saved = Guest(tmp_path, ON_INPUT)
    assert saved.machine.run(100_000) == Idle()

    other = Guest(tmp_path, [LOOP], incoming=saved.machine.save())
    assert other.machine.run(100_000) == Idle()
    other.machine.receive(b"z")

    assert other.run() == GuestExit(0)
    assert (other.x(10), other.x(11)) == (10, ord("z"))


def test_what_was_pending_is_pending(tmp_path: Path) -> None:
    """Input that came before the guest was saved, and the line that it raised, are there at the destination."""
    saved = Guest(tmp_path, ON_INPUT)
    assert saved.machine.run(100_000) == Idle()
    saved.machine.receive(b"xy")

    other = Guest(tmp_path, [LOOP], incoming=saved.machine.save())

    assert other.run() == GuestExit(0)
    assert (other.x(10), other.x(11), other.x(12)) == (10, ord("x"), ord("y"))


def test_the_clock_goes_on(tmp_path: Path) -> None:
    """The RTC and `time` are later at the destination than at the source, not back at the beginning."""
    read = ("lui s0,0x101", "lw a0,0(s0)", "csrr a1,time")
    count = ("lui s1,0x8", "addi s1,s1,-1", "bne s1,zero,-4")
    saved = Guest(tmp_path, [*read, *count, "ebreak", *read, *FINISH])
    saved.machine.debug.insert_breakpoint(START + 4 * 6)
    assert isinstance(saved.run(), BreakpointHit)
    first = saved.x(10), saved.x(11)
    saved.machine.debug.write_pc(0, START + 4 * 7)

    other = Guest(tmp_path, [LOOP], incoming=saved.machine.save())

    assert other.machine.clock.now() == 0
    assert other.run() == GuestExit(0)
    assert other.x(10) - first[0] >= 60_000  # nanoseconds: as many as there were instructions
    assert other.x(11) - first[1] >= 600


def test_an_alarm_of_the_clock_is_still_to_come(tmp_path: Path) -> None:
    """An RTC alarm that was set at the source goes off at the destination, after the time that was left."""
    saved = Guest(
        tmp_path,
        [
            *("lui s0,0x101", "lw a0,0(s0)", "lw a1,4(s0)", "lui t1,0x10", "add t1,a0,t1"),
            *("sw a1,12(s0)", "sw t1,8(s0)", "lui s1,0x8", "addi s1,s1,-1", "bne s1,zero,-4", LOOP),
        ],
    )
    saved.machine.run(30)
    assert devices(saved.machine.save())["rtc"]["_armed"] == 1

    other = Guest(tmp_path, [LOOP], incoming=saved.machine.save())
    assert other.machine.board.rtc.peek(0x18, 4)[0] == 1
    other.machine.run(40_000)
    assert other.machine.board.rtc.peek(0x18, 4)[0] == 1
    other.machine.run(40_000)
    assert other.machine.board.rtc.peek(0x18, 4)[0] == 0


def test_masking_keeps_a_guest_and_hiding_lets_it_go(tmp_path: Path) -> None:
    """With Smnpm a guest needs a host with Ssnpm, and the register is named; with Smnpm hidden it runs on without."""
    lines = ["ebreak", *FINISH]
    for cpu in ("host", "host,smnpm=off"):
        saved = Guest(tmp_path, lines, cpu=cpu)
        saved.machine.debug.insert_breakpoint(START)
        assert isinstance(saved.run(), BreakpointHit)
        saved.machine.debug.write_pc(0, START + 4)
        data = saved.machine.save()
        if cpu == "host":
            with pytest.raises(StateError) as refusal:
                Guest(tmp_path, lines, isa="-ssnpm", incoming=data)
            assert refusal.value.register == "isa_ext.smnpm"
        else:
            assert Guest(tmp_path, lines, isa="-ssnpm", incoming=data).run() == GuestExit(0)


def test_a_guest_that_arrives_can_be_reset(tmp_path: Path) -> None:
    """A reset begins with the images and the device tree of the command line, whose ISA is the arrived guest's."""
    saved = Guest(tmp_path, [LOOP], cpu="host,smnpm=off")
    other = Guest(tmp_path, [LOOP], incoming=saved.machine.save())

    other.machine.reset()

    assert other.machine.board.device_tree == saved.machine.board.device_tree
    assert other.machine.debug.read_pc(0) == START
    assert other.x(11) == other.machine.board.plan.device_tree_address


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        (("user_space",), {}, "was not saved by 'migrate'"),
        (("user_space", "board"), "sifive_u", "was not saved by 'migrate'"),
        (("user_space", "devices"), 5, "has other devices"),
        (("user_space", "devices", "serial"), {}, "saved serial is not one of this machine's"),
        (("user_space", "devices", "serial", "_ier"), "1", "serial has a ier"),
        (("user_space", "devices", "serial", "_fifo"), [-1], "serial has a fifo"),
        (("user_space", "devices", "plic", "_enable"), [1, 2], "plic has a enable"),
        (("user_space", "devices", "rtc", "now"), None, "rtc has a now"),
        (("user_space", "devices", "extra"), {}, "has other devices"),
        (("slots", 0, "number"), 5, "other memory than a virt board"),
        (("vcpus", 0, "id"), 1, "other vcpus than a virt board"),
        (("vcpus",), [], "0 vcpus and 4096 KiB of RAM; write -smp 0"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, path: tuple[str | int, ...], value: object, text: str) -> None:
    """A file that is whole but none of this board's says why."""
    data = Guest(tmp_path, [LOOP]).machine.save()

    with pytest.raises(StateError, match=text):
        Guest(tmp_path, [LOOP], incoming=altered(data, path, value))


def test_the_command_line_must_fit(tmp_path: Path) -> None:
    """Another number of vcpus, or another `-cpu`, is refused as QEMU refuses another machine."""
    data = Guest(tmp_path, [LOOP], harts=2).machine.save()

    with pytest.raises(StateError, match=r"write -smp 2 -m 4096k"):
        Guest(tmp_path, [LOOP], incoming=data)
    with pytest.raises(StateError, match="the saved guest has 'smnpm', and -cpu says smnpm=off"):
        Guest(tmp_path, [LOOP], harts=2, cpu="host,smnpm=off", incoming=data)
    Guest(tmp_path, [LOOP], harts=2, cpu="host,zba=off", incoming=data)  # KVM hides it nowhere


def test_states_of_devices_are_compared_in_shape() -> None:
    """Numbers stay numbers, lists lists; a list that is empty may become any."""
    example: dict[str, int | list[int]] = {"a": 1, "b": [1, 2], "c": []}
    assert check("x", {"a": 5, "b": [0, 9], "c": [7]}, example) == {"a": 5, "b": [0, 9], "c": [7]}
    for state in (None, {"a": 5}, {"a": [1], "b": [0, 9], "c": []}, {"a": 1, "b": [0], "c": []}):
        with pytest.raises(SavedStateError):
            check("x", state, example)
