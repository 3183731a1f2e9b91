"""What a debug target may be able to do: packets and offered features follow from these, see `packets.py`."""

from __future__ import annotations

from enum import Enum, auto


class Capability(Enum):
    """One thing a target can do beyond registers, memory, threads, continuing and stepping, which all can.

    A packet whose capability is absent is an unknown packet: it gets the empty reply and is not announced.
    """

    TARGET_DESCRIPTION = auto()
    """`qXfer:features:read`."""
    THREAD_DETAILS = auto()
    """`qXfer:threads:read`: names and cores of threads."""
    MEMORY_MAP = auto()
    """`qXfer:memory-map:read`. GDB then refuses every address outside the map, virtual ones included."""
    BINARY_MEMORY = auto()
    """`X` and `x`."""
    SOFTWARE_BREAKPOINTS = auto()
    """`Z0`/`z0`."""
    HARDWARE_BREAKPOINTS = auto()
    """`Z1`/`z1`."""
    WATCHPOINTS = auto()
    """`Z2`-`Z4`/`z2`-`z4`."""
    BREAKPOINT_CONDITIONS = auto()
    """Conditions as agent expressions on `Z0` and `Z1`."""
    BREAKPOINT_COMMANDS = auto()
    """Commands as agent expressions on `Z0` and `Z1`."""
    STOP_REASONS = auto()
    """`swbreak` and `hwbreak` in stop replies."""
    RANGE_STEP = auto()
    """`vCont;r`."""
    REVERSE = auto()
    """`bc` and `bs`."""
    MONITOR = auto()
    """`qRcmd`."""
    RESTART = auto()
    """Extended mode: `!`, `R`, `vRun`."""
    PROCESSES = auto()
    """Process ids (`pPID.TID`), `vAttach`, `vKill`."""
    SEARCH = auto()
    """`qSearch:memory`."""
    CHECKSUM = auto()
    """`qCRC`."""
    SERVER_VERSION = auto()
    """`qGDBServerVersion`."""
    HOST_FACTS = auto()
    """LLDB's `qHostInfo`, `qProcessInfo` and `qWatchpointSupportInfo`."""
    QEMU_STEP_MASK = auto()
    """QEMU's `qqemu.sstepbits`, `qqemu.sstep`, `Qqemu.sstep=`."""
    QEMU_PHYSICAL_MEMORY = auto()
    """QEMU's `qqemu.PhyMemMode` and `Qqemu.PhyMemMode:`."""
