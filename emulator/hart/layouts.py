"""What the bits of each CSR are called, and what the values of their fields mean: data, for whoever shows or names one.

Which bits exist and what a write leaves is the business of the CSR's row (`emulator.hart.csrs`); a field that a machine
lacks reads as its CSR's row says. Positions are those of the manuals: volume II, chapters 3 (machine), 12 (supervisor),
"H", "Smstateen", "Pointer Masking"; volume I, "F" and "Zkr"; the debug specification, "Sdtrig".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from emulator.hart.fields import INTERRUPT_BIT, Cause, Interrupt

VALUES: Final[Mapping[str, Mapping[int, str]]] = {
    "pmm": {0: "off", 1: "reserved", 2: "PMLEN7", 3: "PMLEN16"},
    "satp_mode": {0: "Bare", 8: "Sv39", 9: "Sv48", 10: "Sv57"},
    "hgatp_mode": {0: "Bare", 8: "Sv39x4", 9: "Sv48x4", 10: "Sv57x4"},
    "cbie": {0: "trap", 1: "flush", 2: "reserved", 3: "invalidate"},
    "privilege": {0: "U", 1: "S", 2: "reserved", 3: "M"},
    "nominal": {0: "U", 1: "S"},
    "dirt": {0: "Off", 1: "Initial", 2: "Clean", 3: "Dirty"},
    "xlen": {1: "32", 2: "64", 3: "128"},
    "vector_mode": {0: "direct", 1: "vectored"},
    "rounding": {0: "RNE", 1: "RTZ", 2: "RDN", 3: "RUP", 4: "RMM", 7: "DYN"},
    "pmp_match": {0: "OFF", 1: "TOR", 2: "NA4", 3: "NAPOT"},
    "pmp_rwx": {0: "---", 1: "r--", 2: "-w-", 3: "rw-", 4: "--x", 5: "r-x", 6: "-wx", 7: "rwx"},
    "pbmt": {0: "PMA", 1: "NC", 2: "IO", 3: "reserved"},
    "entropy": {0: "BIST", 1: "WAIT", 2: "ES16", 3: "DEAD"},
    "trigger": {0: "none", 2: "mcontrol", 3: "icount", 4: "itrigger", 5: "etrigger", 6: "mcontrol6", 15: "disabled"},
    "trigger_action": {0: "breakpoint", 1: "debug"},
    "trigger_match": {0: "equal", 1: "napot", 2: "ge", 3: "lt", 4: "mask_low", 5: "mask_high", 8: "not_equal"},
    "exception": {
        Cause.FETCH_MISALIGNED: "instruction-address-misaligned",
        Cause.FETCH_ACCESS: "instruction-access-fault",
        Cause.ILLEGAL: "illegal-instruction",
        Cause.BREAKPOINT: "breakpoint",
        Cause.LOAD_MISALIGNED: "load-address-misaligned",
        Cause.LOAD_ACCESS: "load-access-fault",
        Cause.STORE_MISALIGNED: "store-address-misaligned",
        Cause.STORE_ACCESS: "store-access-fault",
        Cause.ECALL_U: "ecall-from-u",
        Cause.ECALL_S: "ecall-from-s",
        Cause.ECALL_VS: "ecall-from-vs",
        Cause.ECALL_M: "ecall-from-m",
        Cause.FETCH_PAGE: "instruction-page-fault",
        Cause.LOAD_PAGE: "load-page-fault",
        Cause.STORE_PAGE: "store-page-fault",
        Cause.DOUBLE_TRAP: "double-trap",
        Cause.SOFTWARE_CHECK: "software-check",
        Cause.HARDWARE_ERROR: "hardware-error",
        Cause.FETCH_GUEST_PAGE: "guest-instruction-page-fault",
        Cause.LOAD_GUEST_PAGE: "guest-load-page-fault",
        Cause.VIRTUAL_INSTRUCTION: "virtual-instruction",
        Cause.STORE_GUEST_PAGE: "guest-store-page-fault",
    },
    "interrupt": {
        Interrupt.SSI: "supervisor-software",
        Interrupt.VSSI: "virtual-supervisor-software",
        Interrupt.MSI: "machine-software",
        Interrupt.STI: "supervisor-timer",
        Interrupt.VSTI: "virtual-supervisor-timer",
        Interrupt.MTI: "machine-timer",
        Interrupt.SEI: "supervisor-external",
        Interrupt.VSEI: "virtual-supervisor-external",
        Interrupt.MEI: "machine-external",
        Interrupt.SGEI: "supervisor-guest-external",
        Interrupt.LCOFI: "counter-overflow",
    },
}
"""Names for the values of fields, by the name of the set."""


@dataclass(frozen=True, slots=True)
class CsrField:
    """Some bits of a CSR.

    Attributes:
        name: The manual's name.
        low: Lowest bit.
        high: Highest bit, inclusive.
        values: The name of its set in `VALUES`; empty for a number.
        when: The field means this only where `CSR & mask == bits`: mask and bits. Two fields of one name and place
            may so share their bits.
    """

    name: str
    low: int
    high: int
    values: str = ""
    when: tuple[int, int] = (0, 0)

    @property
    def mask(self) -> int:
        """Its bits, in place."""
        return (1 << self.high + 1) - (1 << self.low)

    def applies(self, csr: int) -> bool:
        """Whether the CSR's value makes this the field's meaning."""
        mask, bits = self.when
        return csr & mask == bits

    def of(self, csr: int) -> int:
        """Its value in a CSR's value."""
        return (csr & self.mask) >> self.low

    def placed(self, csr: int, value: int) -> int:
        """The CSR's value with the field's replaced."""
        return csr & ~self.mask | value << self.low & self.mask

    def text(self, value: int) -> str:
        """A value in words: its name where it has one, otherwise a number."""
        named = VALUES[self.values].get(value) if self.values else None
        return named or (str(value) if value < 10 else hex(value))


_FIELD: Final = re.compile(r"(\w+)\[(\d+)(?::(\d+))?\](?:=(\w+))?")


def _layout(text: str) -> tuple[CsrField, ...]:
    """Fields as the manual writes them: `NAME[high:low]=VALUES`."""
    return tuple(
        CsrField(name, int(low or high), int(high), values) for name, high, low, values in _FIELD.findall(text)
    )


def _bits(names: Iterable[tuple[int, str]]) -> tuple[CsrField, ...]:
    return tuple(CsrField(name, bit, bit) for bit, name in names)


_EXCEPTIONS: Final = _bits((cause, cause.name) for cause in Cause)
_CAUSE: Final = (
    CsrField("INTERRUPT", 63, 63),
    CsrField("CODE", 0, 62, "exception", (INTERRUPT_BIT, 0)),
    CsrField("CODE", 0, 62, "interrupt", (INTERRUPT_BIT, INTERRUPT_BIT)),
)
_DELEGATED: Final = _bits((interrupt, interrupt.name) for interrupt in Interrupt)
_PENDING: Final = _bits((interrupt, f"{interrupt.name}P") for interrupt in Interrupt)
_ENABLED: Final = _bits((interrupt, f"{interrupt.name}E") for interrupt in Interrupt)
_COUNTERS: Final = _layout("CY[0] TM[1] IR[2]") + _bits((n, f"HPM{n}") for n in range(3, 32))
_TVEC: Final = _layout("MODE[1:0]=vector_mode BASE[63:2]")
_FLAGS: Final = "NX[0] UF[1] OF[2] DZ[3] NV[4]"
_ENVCFG: Final = "FIOM[0] LPE[2] SSE[3] CBIE[5:4]=cbie CBCFE[6] CBZE[7] PMM[33:32]=pmm"
_SSTATUS: Final = (
    "SIE[1] SPIE[5] UBE[6] SPP[8]=nominal VS[10:9]=dirt FS[14:13]=dirt XS[16:15]=dirt SUM[18] MXR[19] SPELP[23] "
    "SDT[24] UXL[33:32]=xlen SD[63]"
)
_STATEEN: Final = "CONTEXT[57] IMSIC[58] AIA[59] CSRIND[60] ENVCFG[62] SE0[63]"


def _pmpcfg(number: int) -> tuple[CsrField, ...]:
    """Eight entries a register; RV64 has the even ones."""
    return tuple(
        field
        for byte in range(8)
        for field in (
            CsrField(f"RWX{4 * number + byte}", 8 * byte, 8 * byte + 2, "pmp_rwx"),
            CsrField(f"A{4 * number + byte}", 8 * byte + 3, 8 * byte + 4, "pmp_match"),
            CsrField(f"L{4 * number + byte}", 8 * byte + 7, 8 * byte + 7),
        )
    )


LAYOUTS: Final[Mapping[str, tuple[CsrField, ...]]] = {
    "fflags": _layout(_FLAGS),
    "frm": _layout("FRM[2:0]=rounding"),
    "fcsr": _layout(f"{_FLAGS} FRM[7:5]=rounding"),
    "seed": _layout("ENTROPY[15:0] OPST[31:30]=entropy"),
    # Status.
    "sstatus": _layout(_SSTATUS),
    "vsstatus": _layout(_SSTATUS),
    "mstatus": _layout(
        "SIE[1] MIE[3] SPIE[5] UBE[6] MPIE[7] SPP[8]=nominal VS[10:9]=dirt MPP[12:11]=privilege FS[14:13]=dirt "
        "XS[16:15]=dirt MPRV[17] SUM[18] MXR[19] TVM[20] TW[21] TSR[22] SPELP[23] SDT[24] UXL[33:32]=xlen "
        "SXL[35:34]=xlen SBE[36] MBE[37] GVA[38] MPV[39] MPELP[41] MDT[42] SD[63]"
    ),
    "hstatus": _layout(
        "VSBE[5] GVA[6] SPV[7] SPVP[8]=nominal HU[9] VGEIN[17:12] VTVM[20] VTW[21] VTSR[22] VSXL[33:32]=xlen "
        "HUPMM[49:48]=pmm"
    ),
    "misa": _bits((bit, chr(ord("A") + bit)) for bit in range(26)) + _layout("MXL[63:62]=xlen"),
    # Environment.
    "senvcfg": _layout(_ENVCFG),
    "henvcfg": _layout(f"{_ENVCFG} DTE[59] ADUE[61] PBMTE[62] STCE[63]"),
    "menvcfg": _layout(f"{_ENVCFG} DTE[59] CDE[60] ADUE[61] PBMTE[62] STCE[63]"),
    "mseccfg": _layout("MML[0] MMWP[1] RLB[2] USEED[8] SSEED[9] MLPE[10] PMM[33:32]=pmm"),
    "sstateen0": _layout("C[0] FCSR[1] JVT[2]"),
    "hstateen0": _layout(f"C[0] FCSR[1] JVT[2] CTR[54] {_STATEEN}"),
    "mstateen0": _layout(f"C[0] FCSR[1] JVT[2] CTR[54] SRMCFG[55] P1P13[56] {_STATEEN}"),
    # Translation.
    "satp": _layout("PPN[43:0] ASID[59:44] MODE[63:60]=satp_mode"),
    "vsatp": _layout("PPN[43:0] ASID[59:44] MODE[63:60]=satp_mode"),
    "hgatp": _layout("PPN[43:0] VMID[57:44] MODE[63:60]=hgatp_mode"),
    # Traps.
    **dict.fromkeys(("mcause", "scause", "vscause"), _CAUSE),
    **dict.fromkeys(("mtvec", "stvec", "vstvec"), _TVEC),
    **dict.fromkeys(("medeleg", "hedeleg"), _EXCEPTIONS),
    **dict.fromkeys(("mideleg", "hideleg", "sideleg"), _DELEGATED),
    **dict.fromkeys(("mip", "sip", "hip", "hvip", "vsip"), _PENDING),
    **dict.fromkeys(("mie", "sie", "hie", "vsie"), _ENABLED),
    # Counters, protection, triggers.
    **dict.fromkeys(("mcounteren", "scounteren", "hcounteren", "mcountinhibit"), _COUNTERS),
    **{f"pmpcfg{number}": _pmpcfg(number) for number in range(0, 16, 2)},
    "tdata1": _layout(
        "load[0] store[1] execute[2] u[3] s[4] uncertainen[5] m[6] match[10:7]=trigger_match chain[11] "
        "action[15:12]=trigger_action size[18:16] select[21] hit0[22] vu[23] vs[24] hit1[25] uncertain[26] dmode[59] "
        "type[63:60]=trigger"
    ),
}
"""The fields of each CSR that has more than one, from the lowest bit up."""

PTE: Final = _layout(
    "V[0] R[1] W[2] X[3] U[4] G[5] A[6] D[7] RSW[9:8] PPN[53:10] RESERVED[60:54] PBMT[62:61]=pbmt N[63]"
)
"""The fields of a page-table entry of Sv39, Sv48, Sv57 and their G-stage forms."""

MASKING: Final[tuple[tuple[str, str], ...]] = (
    ("mseccfg", "PMM"),
    ("menvcfg", "PMM"),
    ("senvcfg", "PMM"),
    ("henvcfg", "PMM"),
    ("hstatus", "HUPMM"),
    ("hstatus", "SPVP"),
    ("mstatus", "MXR"),
    ("vsstatus", "MXR"),
    ("mstatus", "MPRV"),
    ("mstatus", "MPP"),
    ("mstatus", "MPV"),
    ("satp", "MODE"),
    ("vsatp", "MODE"),
)
"""CSR and field, of everything that decides how an address is masked ("Pointer Masking")."""


HOST_PREFIX: Final = "hs_"
"""Begins a debugger's name of HS-mode's own CSR, where the plain name is the guest's at V=1: `hs_satp`."""


def fields(name: str) -> tuple[CsrField, ...]:
    """The fields of a CSR, from the lowest bit up; none where it is one number."""
    return LAYOUTS.get(name.removeprefix(HOST_PREFIX), ())


def field(name: str, wanted: str) -> CsrField | None:
    """One field of a CSR, whatever the case of its name's letters."""
    return next((one for one in fields(name) if one.name.casefold() == wanted.casefold()), None)


def decoded(name: str, value: int) -> tuple[tuple[CsrField, int], ...]:
    """The fields that a CSR has while it holds `value`, with theirs."""
    return tuple((one, one.of(value)) for one in fields(name) if one.applies(value))


def cause_name(cause: int) -> str:
    """An `mcause` value in words, such as `load-page-fault`; an interrupt says that it is one."""
    kind = "interrupt" if cause & INTERRUPT_BIT else "exception"
    code = cause & ~INTERRUPT_BIT
    name = VALUES[kind].get(code, f"{kind} {code}")
    return f"{name} interrupt" if kind == "interrupt" and code in VALUES[kind] else name
