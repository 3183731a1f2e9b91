"""The guests themselves, with a debugger that only lets them run."""

from __future__ import annotations

import pytest

from rvgdb.sessions import StopReason
from tests.gdb.conftest import Session


async def test_firmware_and_payload_print_their_banners(firmware: Session) -> None:
    """OpenSBI's banner appears on the UART, then its payload's, and the payload ends the machine with status 0."""
    await firmware.gdb.cont()
    await firmware.machine.expect_output("OpenSBI v")
    await firmware.machine.expect_output(firmware.guest.banner)
    await firmware.machine.expect_output(f"timer interrupts: {firmware.guest.wanted_ticks}")
    await firmware.machine.expect_output(firmware.guest.last_words)
    assert await firmware.machine.wait() == 0


async def test_built_in_guest_runs_to_its_end(demo: Session) -> None:
    """The built-in guest prints what its source says and ends the machine with status 0."""
    await demo.gdb.cont()
    await demo.machine.expect_output(demo.guest.banner)
    await demo.machine.expect_output(f"matchbox: {5 * 3 * 1}\nshoebox: {33 * 12 * 19}\ncrate: {120 * 80 * 100}\n")
    await demo.machine.expect_output("fibonacci(15) is 610\n")
    await demo.machine.expect_output(f"timer interrupts: {demo.guest.wanted_ticks}\n{demo.guest.last_words}")
    assert await demo.machine.wait() == 0


@pytest.mark.unlike_qemu("it drops the connection without a word")
async def test_debugger_is_told_that_the_guest_ended(demo: Session) -> None:
    """A guest that switches the machine off is, for GDB, a program that has exited."""
    await demo.gdb.cont()
    stop = await demo.gdb.expect_exit()
    assert stop.reason is StopReason.EXITED_NORMALLY
