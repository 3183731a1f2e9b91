from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.engine import ENGINES
from emulator.hart import csrs
from emulator.hart.fields import Cause
from emulator.isa.extensions import CpuConfig, parse_cpu
from tests.helpers.rig import Rig

HANDLER = 0x8000_1000
VALUES = st.integers(0, (1 << 64) - 1)
EVERYTHING = "rv64,smstateen=on,smmpm=on"
"""A hart with every CSR that there is."""
RIGS = {engine: Rig(engine, parse_cpu(EVERYTHING)) for engine in ENGINES}

MSTATUS_BITS = (1, 3, 5, 7, 8, 17, 18, 19, 20, 21, 22)
"""One-bit fields of `mstatus` that a hart with M, S and U and without F, V and H can write."""
OF_H = (38, 39)
"""GVA and MPV."""
PMM = 3 << 32
MSTATUS_FIXED = 2 << 32 | 2 << 34  # UXL and SXL: 64 bits


def mask(*bits: int) -> int:
    """A mask of bits."""
    return sum(1 << bit for bit in bits)


FS_AND_SD = (13, 14, 63)


def legal_mstatus(value: int) -> bool:
    """MPP names a privilege that exists; what this hart lacks reads zero."""
    free = value & ~(3 << 11)
    return (
        value >> 11 & 3 != 2
        and free & ~mask(*MSTATUS_BITS, *OF_H, *FS_AND_SD) == MSTATUS_FIXED
        and legal_dirtiness(value)
    )


def legal_dirtiness(value: int) -> bool:
    """SD says whether FS is Dirty, the only such field here."""
    return value >> 63 == (value >> 13 & 3 == 3)


def legal_pmpcfg(value: int) -> bool:
    """Bits 5 and 6 of each byte are zero and no byte has W without R."""
    return all(byte & 0x60 == 0 and byte & 3 != 2 for byte in value.to_bytes(8, "little"))


def legal_envcfg(value: int) -> bool:
    """CBIE is not 2 and PMM is not 1."""
    return value >> 4 & 3 != 2 and value >> 32 & 3 != 1


def legal_satp(value: int) -> bool:
    """A mode that exists; nothing besides it where that is Bare."""
    return value == 0 or value >> 60 in (8, 9, 10)


LEGAL = {
    "mstatus": legal_mstatus,
    "sstatus": lambda value: value & ~mask(1, 5, 8, 18, 19, *FS_AND_SD) == 2 << 32 and legal_dirtiness(value),
    "vsstatus": lambda value: value & ~mask(1, 5, 8, 18, 19, *FS_AND_SD) == 2 << 32 and legal_dirtiness(value),
    "hstatus": lambda value: value & ~(mask(6, 7, 8, 9, 20, 21, 22) | 3 << 48) == 2 << 32 and value >> 48 & 3 != 1,
    "medeleg": lambda value: value & ~mask(*range(11), 12, 13, 15, *range(20, 24)) == 0,
    "hedeleg": lambda value: value & ~mask(*range(9), 12, 13, 15, 18, 19) == 0,
    "mideleg": lambda value: value & ~mask(1, 5, 9) == mask(2, 6, 10, 12),
    "mie": lambda value: value & ~mask(1, 2, 3, 5, 6, 7, 9, 10, 11, 12) == 0,
    "mip": lambda value: value & ~mask(1, 2, 3, 5, 6, 7, 9, 10, 11) == 0,
    "hideleg": lambda value: value & ~mask(2, 6, 10) == 0,
    "hvip": lambda value: value & ~mask(2, 6, 10) == 0,
    "hip": lambda value: value & ~mask(2, 6, 10) == 0,
    "hie": lambda value: value & ~mask(2, 6, 10, 12) == 0,
    "hgeie": lambda value: value == 0,
    "vsie": lambda value: value == 0,  # nothing is delegated
    "vsip": lambda value: value == 0,
    "sie": lambda value: value & ~mask(1, 5, 9) == 0,
    "sip": lambda value: value & ~mask(1, 5, 9) == 0,
    "mtvec": lambda value: value & 2 == 0,
    "stvec": lambda value: value & 2 == 0,
    "vstvec": lambda value: value & 2 == 0,
    "vsepc": lambda value: value & 1 == 0,
    "hcounteren": lambda value: value >> 32 == 0,
    "mepc": lambda value: value & 1 == 0,
    "sepc": lambda value: value & 1 == 0,
    "mcounteren": lambda value: value >> 32 == 0,
    "scounteren": lambda value: value >> 32 == 0,
    "menvcfg": lambda value: value & ~(0xF1 | PMM | mask(61, 62, 63)) == 0 and legal_envcfg(value),
    "henvcfg": lambda value: value & ~(0xF1 | PMM | mask(61)) == 0 and legal_envcfg(value),  # menvcfg has ADUE only
    "senvcfg": lambda value: value & ~(0xF1 | PMM) == 0 and legal_envcfg(value),
    "mseccfg": lambda value: value & ~PMM == 0 and legal_envcfg(value),
    "satp": legal_satp,
    "vsatp": legal_satp,
    "hgatp": lambda value: value >> 60 in (0, 8, 9, 10) and value >> 58 & 3 == 0 and value & 3 == 0,
    "mstateen0": lambda value: value & ~mask(62, 63) == 0,
    **{f"mstateen{index}": lambda value: value & ~mask(63) == 0 for index in (1, 2, 3)},
    **{f"hstateen{index}": lambda value: value == 0 for index in range(4)},  # mstateen is zero
    **{f"sstateen{index}": lambda value: value == 0 for index in range(4)},
    "pmpcfg0": legal_pmpcfg,
    "pmpcfg2": legal_pmpcfg,
} | {f"pmpaddr{index}": lambda value: value >> 54 == 0 for index in range(16)}
"""What the manual lets a register hold on a hart with these extensions; every other register may hold anything."""

COUNTERS = {"mcycle", "minstret"}
WRITABLE = [row.name for row in csrs.ROWS if row.write is not None and row.name not in COUNTERS]


@pytest.mark.parametrize("engine", ENGINES)
@given(name=st.sampled_from(WRITABLE), values=st.lists(VALUES, min_size=1, max_size=3))
@settings(max_examples=150, deadline=None)
def test_only_legal_values_are_read_back(engine: str, name: str, values: list[int]) -> None:
    """Whatever is written, a register holds a legal value, and reading it twice changes nothing."""
    rig = RIGS[engine]
    rig.reset()
    for value in values:
        rig.execute(f"csrrw x0, {name}, x5\ncsrrs x6, {name}, x0\ncsrrs x7, {name}, x0", x5=value)

        assert LEGAL.get(name, lambda _value: True)(rig.x(6))
        assert rig.x(6) == rig.x(7)


@pytest.mark.parametrize("engine", ENGINES)
@given(name=st.sampled_from(WRITABLE), value=VALUES)
@settings(max_examples=100, deadline=None)
def test_a_legal_value_is_kept(engine: str, name: str, value: int) -> None:
    """Writing back what was read leaves the register as it is (WARL)."""
    rig = RIGS[engine]
    rig.reset()

    rig.execute(f"csrrw x0, {name}, x5\ncsrrs x6, {name}, x0\ncsrrw x0, {name}, x6\ncsrrs x7, {name}, x0", x5=value)

    assert rig.x(6) == rig.x(7)


def test_mpp_keeps_a_legal_value(rig: Rig) -> None:
    """Writing the reserved privilege 2 to MPP leaves a privilege that exists."""
    rig.execute("csrrw x0, mstatus, x5\ncsrrw x0, mstatus, x6\ncsrrs x7, mstatus, x0", x5=1 << 11, x6=2 << 11)

    assert rig.x(7) >> 11 & 3 in (0, 1, 3)


def test_sstatus_is_a_view(rig: Rig) -> None:
    """A write to sstatus shows in mstatus, leaves M's fields alone, and the other way round."""
    rig.execute(
        "csrrw x0, mstatus, x5\ncsrrw x0, sstatus, x6\ncsrrs x7, mstatus, x0\ncsrrs x8, sstatus, x0",
        x5=mask(3, 7, 17) | 3 << 11,
        x6=mask(1, 5, 8, 18, 19),
    )

    assert rig.x(7) == mask(3, 7, 17, 1, 5, 8, 18, 19) | 3 << 11 | MSTATUS_FIXED
    assert rig.x(8) == mask(1, 5, 8, 18, 19) | 2 << 32


def test_sie_and_sip_show_what_is_delegated(rig: Rig) -> None:
    """The views sie and sip read and write only the bits that mideleg has, and only SSIP of sip."""
    rig.execute(
        "csrrw x0, mideleg, x5\ncsrrw x0, sie, x6\ncsrrs x7, mie, x0\ncsrrw x0, mie, x6\ncsrrs x8, sie, x0\n"
        "csrrw x0, mip, x6\ncsrrs x9, sip, x0\ncsrrw x0, sip, x0\ncsrrs x10, mip, x0",
        x5=mask(1, 9),
        x6=mask(1, 3, 5, 7, 9, 11),
    )

    assert rig.x(7) == mask(1, 9)
    assert rig.x(8) == mask(1, 9)
    assert rig.x(9) == mask(1, 9)
    assert rig.x(10) == mask(5, 9)  # SSIP was cleared, SEIP and STIP are read-only in sip


def test_sip_without_delegation(rig: Rig) -> None:
    """An undelegated SSIP is read-only zero in sip."""
    rig.execute("csrrw x0, mip, x5\ncsrrs x6, sip, x0\ncsrrw x0, sip, x0\ncsrrs x7, mip, x0", x5=mask(1))

    assert (rig.x(6), rig.x(7)) == (0, mask(1))


def test_seip_is_the_written_bit_or_the_line(rig: Rig) -> None:
    """A read of mip shows the line; a read-modify-write works on the bit that software wrote."""
    rig.hart.put("seip_line", mask(9))
    rig.hart.put("mip", mask(9))

    rig.execute("csrrs x6, mip, x5\ncsrrs x7, mip, x0", x5=mask(1))
    rig.hart.put("seip_line", 0)  # as the machine does when the line falls
    rig.hart.put("mip", rig.hart.get("mip") & ~mask(9) | rig.hart.get("seip_written"))
    rig.execute("csrrs x8, mip, x0")

    assert rig.x(6) == mask(9)
    assert rig.x(7) == mask(1, 9)
    assert rig.x(8) == mask(1)  # the set did not copy the line into the written bit


def test_clearing_seip_does_not_clear_the_line(rig: Rig) -> None:
    """Software cannot clear SEIP while the interrupt controller raises it."""
    rig.hart.put("seip_line", mask(9))
    rig.hart.put("mip", mask(9))

    rig.execute("csrrw x0, mip, x5\ncsrrw x0, mip, x0\ncsrrs x7, mip, x0", x5=mask(9))

    assert rig.x(7) == mask(9)


def test_m_level_pending_bits_are_read_only(rig: Rig) -> None:
    """MSIP, MTIP and MEIP cannot be written through mip."""
    rig.hart.put("mip", mask(7))

    rig.execute("csrrw x0, mip, x5\ncsrrs x6, mip, x0", x5=mask(3, 11))

    assert rig.x(6) == mask(7)


@pytest.mark.parametrize(("name", "low"), [("mepc", 3), ("sepc", 3)])
@pytest.mark.parametrize("compressed", [True, False])
def test_low_bits_of_exception_pcs(engine: str, name: str, low: int, *, compressed: bool) -> None:
    """Bit 0 of mepc and sepc is zero; bit 1 too where there are no compressed instructions."""
    rig = Rig(engine, parse_cpu("rv64" if compressed else "rv64,c=off"))

    rig.execute(f"csrrw x0, {name}, x5\ncsrrs x6, {name}, x0", x5=(1 << 64) - 1)

    assert rig.x(6) & low == (2 if compressed else 0)


@pytest.mark.parametrize("name", ["mcycle", "minstret"])
@pytest.mark.parametrize("value", [0, 5, (1 << 64) - 1])
def test_a_written_counter_is_what_the_next_instruction_reads(rig: Rig, name: str, value: int) -> None:
    """A write to a counter takes effect instead of the increment of the writing instruction."""
    rig.execute(f"csrrw x0, {name}, x5\ncsrrs x6, {name}, x0\ncsrrs x7, {name}, x0", x5=value)

    assert rig.x(6) == value
    assert rig.x(7) == (value + 1) % (1 << 64)


def test_minstret_counts_retired_instructions_only(rig: Rig) -> None:
    """ECALL and EBREAK trap and so do not retire; mcycle goes on."""
    rig.load_text("csrrs x8, minstret, x0\ncsrrs x9, mcycle, x0\ncsrrs x9, mcycle, x0", HANDLER)
    rig.hart.put("mtvec", HANDLER)
    rig.execute("csrrs x6, minstret, x0\ncsrrs x7, mcycle, x0\necall\nebreak\naddi x0, x0, 0")

    assert rig.x(8) - rig.x(6) == 2  # itself and the read of mcycle, not the call
    assert rig.x(9) - rig.x(7) == 3


def test_counters_in_one_piece_and_many(rig: Rig) -> None:
    """What a counter reads does not depend on how a run is cut."""
    program = rig.load_text("csrrs x6, cycle, x0\n" * 20)
    for _ in range(20):
        rig.run(1)
    in_pieces = rig.x(6)
    rig.reset()
    rig.hart.put("pc", program.base)
    rig.run(20)

    assert rig.x(6) == in_pieces == 19


def test_time_follows_steps(rig: Rig) -> None:
    """`time` is steps scaled, plus the offset that a write to mtime makes."""
    rig.load_text("csrrs x6, time, x0\n" * 400)
    rig.run(250)
    assert rig.x(6) == 2
    rig.blocks.shared.put("ticks_offset", 1000)
    rig.hart.put("time_base", 250)
    rig.run(100)
    assert rig.x(6) == 1003


@pytest.mark.parametrize("name", ["cycle", "time", "instret", "hpmcounter3", "hpmcounter31"])
@pytest.mark.parametrize("by_m", [False, True])
@pytest.mark.parametrize("by_s", [False, True])
@pytest.mark.parametrize("priv", [0, 1, 3])
def test_counter_guards(rig: Rig, name: str, priv: int, *, by_m: bool, by_s: bool) -> None:
    """Below M-mode a counter needs its bit in mcounteren, in U-mode also in scounteren."""
    bit = 1 << (csrs.BY_NAME[name].number - 0xC00)
    rig.open_memory()
    rig.hart.put("mcounteren", bit if by_m else ~bit & 0xFFFF_FFFF)
    rig.hart.put("scounteren", bit if by_s else ~bit & 0xFFFF_FFFF)
    rig.hart.put("priv", priv)
    rig.hart.put("mtvec", HANDLER)

    rig.execute(f"csrrs x6, {name}, x0")

    allowed = priv == 3 or (by_m and (priv == 1 or by_s))
    assert (rig.hart.get("pc") != HANDLER) == allowed
    assert rig.hart.get("mcause") == (0 if allowed else Cause.ILLEGAL)


@pytest.mark.parametrize("row", [row for row in csrs.ROWS if not row.must_write], ids=lambda row: row.name)
def test_privilege_of_each_register(row: csrs.Csr) -> None:
    """A register is refused below the privilege that its number names, with the instruction's bits as trap value."""
    lowest = (0, 1, 1, 3)[row.number >> 8 & 3]
    for engine in ENGINES:
        rig = RIGS[engine]
        for priv in (0, 1, 3):
            rig.reset()
            rig.open_memory()
            rig.hart.put("mcounteren", 0xFFFF_FFFF)
            rig.hart.put("scounteren", 0xFFFF_FFFF)
            rig.hart.put("mstatus", 1 << 13)  # FS: the floating-point registers are there
            rig.hart.put("menvcfg", 1 << 63)  # STCE: the timers of S-mode are there
            for index in range(4):
                rig.hart.put("mstateen", 3 << 62, index)
            rig.hart.put("priv", priv)
            rig.hart.put("mtvec", HANDLER)

            rig.execute(f"csrrs x6, {row.name}, x0")

            assert (rig.hart.get("pc") == HANDLER) == (priv < lowest)
            assert rig.hart.get("mtval") == (row.number << 20 | 0x2373 if priv < lowest else 0)


@pytest.mark.parametrize(
    "text",
    [
        "csrrw x0, {}, x0",
        "csrrs x0, {}, x5",
        "csrrc x0, {}, x5",
        "csrrwi x0, {}, 0",
        "csrrsi x0, {}, 1",
        "csrrci x0, {}, 1",
    ],
)
@pytest.mark.parametrize("name", ["mhartid", "cycle", "mvendorid", "hpmcounter7"])
def test_writing_a_read_only_register_is_illegal(rig: Rig, text: str, name: str) -> None:
    """Every instruction that writes is refused, even where it would write zero."""
    rig.hart.put("mtvec", HANDLER)

    rig.execute(text.format(name), x5=0)

    assert rig.hart.get("mcause") == Cause.ILLEGAL
    assert rig.hart.get("pc") == HANDLER


@pytest.mark.parametrize("text", ["csrrs x6, {}, x0", "csrrc x6, {}, x0", "csrrsi x6, {}, 0", "csrrci x6, {}, 0"])
def test_reading_a_read_only_register_is_legal(rig: Rig, text: str) -> None:
    """CSRRS and CSRRC with x0 or zero as operand do not write."""
    rig.hart.put("mtvec", HANDLER)

    rig.execute(text.format("mhartid"))

    assert rig.hart.get("pc") != HANDLER


def test_a_set_of_no_bits_through_a_register_writes(rig: Rig) -> None:
    """CSRRS writes when rs1 is not x0, whatever rs1 holds: on a read-only register it is illegal."""
    rig.hart.put("mtvec", HANDLER)

    rig.execute("csrrs x6, mhartid, x5", x5=0)

    assert rig.hart.get("mcause") == Cause.ILLEGAL


ABSENT = sorted(set(range(4096)) - set(csrs.BY_NUMBER))


@pytest.mark.parametrize(
    "number", sorted({0x000, 0x004, 0x005, 0x5A8, 0x608, 0x6A8, 0x7A5, 0x7B0, 0xFFF, *ABSENT[50::97]})
)
def test_absent_registers(rig: Rig, number: int) -> None:
    """A register that does not exist is an illegal instruction, for reading and writing."""
    rig.hart.put("mtvec", HANDLER)

    rig.execute(f"csrrs x6, {number:#x}, x0")

    assert rig.hart.get("mcause") == Cause.ILLEGAL
    assert rig.hart.get("mtval") == number << 20 | 0x2373


@pytest.mark.parametrize(
    ("extension", "name"), [("zicntr", "cycle"), ("zicntr", "time"), ("zicntr", "instret"), ("zihpm", "hpmcounter3")]
)
def test_counters_belong_to_extensions(engine: str, extension: str, name: str) -> None:
    """Without Zicntr or Zihpm the unprivileged counters do not exist; M-mode's own stay."""
    rig = Rig(engine, CpuConfig(extensions=CpuConfig().extensions - {extension}))
    rig.hart.put("mtvec", HANDLER)

    rig.execute(f"csrrs x6, mcycle, x0\ncsrrs x6, {name}, x0")

    assert rig.hart.get("mcause") == Cause.ILLEGAL
    assert rig.hart.get("pc") == HANDLER


@pytest.mark.parametrize(("priv", "tvm", "legal"), [(1, 0, True), (1, 1, False), (3, 1, True), (0, 0, False)])
@pytest.mark.parametrize("text", ["csrrs x6, satp, x0", "csrrw x0, satp, x0", "sfence.vma x0, x0"])
def test_tvm(rig: Rig, text: str, priv: int, tvm: int, *, legal: bool) -> None:
    """mstatus.TVM keeps S-mode from satp and SFENCE.VMA; M-mode is never kept from them."""
    rig.open_memory()
    rig.hart.put("mtvec", HANDLER)
    rig.hart.put("priv", priv)
    rig.hart.put("mstatus", tvm << 20)

    rig.execute(text)

    assert (rig.hart.get("pc") != HANDLER) == legal


def test_swap_with_x0_still_writes(rig: Rig) -> None:
    """CSRRW with rd = x0 writes without reading."""
    rig.execute("csrrw x0, mscratch, x5\ncsrrs x6, mscratch, x0", x5=77)

    assert rig.x(6) == 77
    assert rig.x(0) == 0


def test_misa_names_what_there_is(engine: str) -> None:
    """The register misa has MXL = 2, a bit for each single-letter extension, S and U; a write changes nothing."""
    rig = Rig(engine)

    rig.execute("csrrw x0, misa, x0\ncsrrs x6, misa, x0")

    assert rig.x(6) == 2 << 62 | sum(1 << ord(letter) - ord("A") for letter in "IMAFDCHSU")
