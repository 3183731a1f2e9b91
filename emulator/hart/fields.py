"""Bit positions, masks and numbers of the privileged manual that more than one rule needs."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

MASK64: Final = (1 << 64) - 1


class Privilege(IntEnum):
    """Privilege levels as `mstatus.MPP` encodes them."""

    U = 0
    S = 1
    M = 3


class Cause(IntEnum):
    """Exception codes of `mcause` (manual volume II, table "Machine cause register values after trap")."""

    FETCH_MISALIGNED = 0
    FETCH_ACCESS = 1
    ILLEGAL = 2
    BREAKPOINT = 3
    LOAD_MISALIGNED = 4
    LOAD_ACCESS = 5
    STORE_MISALIGNED = 6
    STORE_ACCESS = 7
    ECALL_U = 8
    ECALL_S = 9
    ECALL_VS = 10
    ECALL_M = 11
    FETCH_PAGE = 12
    LOAD_PAGE = 13
    STORE_PAGE = 15
    DOUBLE_TRAP = 16
    SOFTWARE_CHECK = 18
    HARDWARE_ERROR = 19
    FETCH_GUEST_PAGE = 20
    LOAD_GUEST_PAGE = 21
    VIRTUAL_INSTRUCTION = 22
    STORE_GUEST_PAGE = 23


class Interrupt(IntEnum):
    """Interrupt codes, the bit numbers of `mip` and `mie`."""

    SSI = 1
    VSSI = 2
    MSI = 3
    STI = 5
    VSTI = 6
    MTI = 7
    SEI = 9
    VSEI = 10
    MEI = 11
    SGEI = 12
    LCOFI = 13


INTERRUPT_BIT: Final = 1 << 63

MSTATUS_SIE: Final = 1 << 1
MSTATUS_MIE: Final = 1 << 3
MSTATUS_SPIE: Final = 1 << 5
MSTATUS_MPIE: Final = 1 << 7
MSTATUS_SPP: Final = 1 << 8
MSTATUS_MPP: Final = 3 << 11
MSTATUS_FS: Final = 3 << 13
MSTATUS_MPRV: Final = 1 << 17
MSTATUS_SUM: Final = 1 << 18
MSTATUS_MXR: Final = 1 << 19
MSTATUS_TVM: Final = 1 << 20
MSTATUS_TW: Final = 1 << 21
MSTATUS_TSR: Final = 1 << 22
MSTATUS_UXL64: Final = 2 << 32
MSTATUS_SXL64: Final = 2 << 34
MSTATUS_GVA: Final = 1 << 38
MSTATUS_MPV: Final = 1 << 39
MSTATUS_SD: Final = 1 << 63

HSTATUS_GVA: Final = 1 << 6
HSTATUS_SPV: Final = 1 << 7
HSTATUS_SPVP: Final = 1 << 8
HSTATUS_HU: Final = 1 << 9
HSTATUS_VTVM: Final = 1 << 20
HSTATUS_VTW: Final = 1 << 21
HSTATUS_VTSR: Final = 1 << 22
HSTATUS_VSXL64: Final = 2 << 32
HSTATUS_HUPMM: Final = 3 << 48

ENVCFG_FIOM: Final = 1 << 0
ENVCFG_CBIE: Final = 3 << 4
ENVCFG_CBCFE: Final = 1 << 6
ENVCFG_CBZE: Final = 1 << 7
ENVCFG_PMM: Final = 3 << 32
"""In `menvcfg`, `henvcfg`, `senvcfg` and `mseccfg` alike."""
ENVCFG_STCE: Final = 1 << 63

STATEEN_ENVCFG: Final = 1 << 62
STATEEN_SE: Final = 1 << 63

SSTATUS_WRITABLE: Final = MSTATUS_SIE | MSTATUS_SPIE | MSTATUS_SPP | MSTATUS_SUM | MSTATUS_MXR
SSTATUS_VISIBLE: Final = SSTATUS_WRITABLE | MSTATUS_FS | MSTATUS_UXL64 | MSTATUS_SD
MSTATUS_WRITABLE: Final = (
    SSTATUS_WRITABLE | MSTATUS_MIE | MSTATUS_MPIE | MSTATUS_MPP | MSTATUS_MPRV | MSTATUS_TVM | MSTATUS_TW | MSTATUS_TSR
)

S_INTERRUPTS: Final = 1 << Interrupt.SSI | 1 << Interrupt.STI | 1 << Interrupt.SEI
M_INTERRUPTS: Final = 1 << Interrupt.MSI | 1 << Interrupt.MTI | 1 << Interrupt.MEI
VS_INTERRUPTS: Final = 1 << Interrupt.VSSI | 1 << Interrupt.VSTI | 1 << Interrupt.VSEI
HS_INTERRUPTS: Final = VS_INTERRUPTS | 1 << Interrupt.SGEI
"""What H adds to `mip` and `mie`; always delegated to HS-mode."""

INTERRUPT_ORDER: Final = (
    Interrupt.MEI,
    Interrupt.MSI,
    Interrupt.MTI,
    Interrupt.SEI,
    Interrupt.SSI,
    Interrupt.STI,
    Interrupt.SGEI,
    Interrupt.VSEI,
    Interrupt.VSSI,
    Interrupt.VSTI,
)
"""Decreasing priority (manual volume II, "Machine Interrupt Registers" and "Hypervisor Interrupt Registers")."""

PMP_R: Final = 1
PMP_W: Final = 2
PMP_X: Final = 4
PMP_A: Final = 3 << 3
PMP_L: Final = 1 << 7

MSECCFG_MML: Final = 1 << 0
MSECCFG_MMWP: Final = 1 << 1
MSECCFG_RLB: Final = 1 << 2
MSECCFG_USEED: Final = 1 << 8
MSECCFG_SSEED: Final = 1 << 9
