"""Sessions to write tests with: an emulator with a guest, stopped at its reset, and a GDB attached to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import pytest

from rvgdb.sessions import EmulatorProcess, Gdb, find_gdb, find_qemu, open_gdb, open_qemu, open_rvgdb
from tests.helpers.guests import DEMO, HOSTED, OPENSBI, SMODE, Guest


@dataclass(frozen=True)
class Emulator:
    """What runs the guests.

    Attributes:
        name: `rvgdb` or `qemu`.
        open: Starts it with further options.
        settings: What GDB must be told for it.
    """

    name: str
    open: Callable[..., AbstractAsyncContextManager[EmulatorProcess]]
    settings: tuple[str, ...] = ()


RVGDB = Emulator("rvgdb", open_rvgdb)
QEMU = Emulator("qemu", open_qemu, ("osabi none",))  # it does not say so itself, and GDB would step by breakpoints


@dataclass(frozen=True)
class Session:
    """A GDB attached to an emulator that is stopped at its guest's reset."""

    gdb: Gdb
    machine: EmulatorProcess
    guest: Guest


@asynccontextmanager
async def attached(emulator: Emulator, guest: Guest, *options: str) -> AsyncIterator[Session]:
    """A session with further emulator options."""
    if guest is SMODE and not OPENSBI.exists():
        pytest.fail("needs Debian's package opensbi")
    async with (
        emulator.open(*guest.options, *options) as machine,
        open_gdb(elf=guest.elf.path, settings=emulator.settings) as gdb,
    ):
        await gdb.connect(machine.address)
        yield Session(gdb, machine, guest)


@pytest.fixture
def emulator(request: pytest.FixtureRequest) -> Emulator:
    """The emulator that `--emulator` names."""
    if find_gdb() is None:
        pytest.fail("needs a GDB that knows RISC-V, for example Debian's package gdb-multiarch")
    if request.config.getoption("--emulator") == "rvgdb":
        return RVGDB
    if find_qemu() is None:
        pytest.fail("there is no QEMU to compare with")
    return QEMU


KVM = pytest.param(HOSTED, marks=pytest.mark.unlike_qemu("QEMU has KVM only on a host that is RISC-V"), id="kvm")


@pytest.fixture(params=[pytest.param(DEMO, id="demo"), pytest.param(SMODE, id="opensbi"), KVM])
def guest(request: pytest.FixtureRequest) -> Guest:
    """Each of the guests."""
    assert isinstance(request.param, Guest)
    return request.param


@pytest.fixture
async def session(emulator: Emulator, guest: Guest) -> AsyncIterator[Session]:
    """A session with each of the guests."""
    async with attached(emulator, guest) as session:
        yield session


@pytest.fixture
async def two_harts(emulator: Emulator, guest: Guest) -> AsyncIterator[Session]:
    """A session with each of the guests on two harts."""
    async with attached(emulator, guest, "-smp", "2") as session:
        yield session


@pytest.fixture
async def demo(emulator: Emulator) -> AsyncIterator[Session]:
    """A session with the built-in guest."""
    async with attached(emulator, DEMO) as session:
        yield session


@pytest.fixture
async def firmware(emulator: Emulator) -> AsyncIterator[Session]:
    """A session with OpenSBI and its payload."""
    async with attached(emulator, SMODE) as session:
        yield session
