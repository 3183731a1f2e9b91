"""The registers that a debugger is told of for the CSRs: numbers, groups, types, and writes to single fields."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass

import pytest

from emulator.errors import CsrRefused
from emulator.hart.layouts import LAYOUTS, VALUES, field
from protocol.description import target_description
from rvgdb.target.csr_registers import csr_registers, write_field
from rvgdb.target.registers import target_features
from tests.rvgdb.fake_machine import FakeDebug, FakeHart


@dataclass(frozen=True)
class Named:
    """A CSR by number and name."""

    number: int
    name: str
    writable: bool = True


CSRS = (
    Named(0x10A, "senvcfg"),
    Named(0x180, "satp"),
    Named(0x200, "vsstatus"),
    Named(0x241, "vsepc"),
    Named(0x280, "vsatp"),
    Named(0x300, "mstatus"),
    Named(0x340, "mscratch"),
    Named(0x342, "mcause"),
    Named(0x34A, "mtinst"),
    Named(0x600, "hstatus"),
    Named(0x60A, "henvcfg"),
    Named(0x643, "htval"),
)


@pytest.fixture
def feature() -> ET.Element:
    """The feature with the CSRs, as a debugger reads it."""
    document = ET.fromstring(target_description("riscv:rv64", target_features(CSRS)))
    return next(one for one in document.iter("feature") if one.get("name") == "org.gnu.gdb.riscv.csr")


def test_each_csr_has_qemus_number(feature: ET.Element) -> None:
    """66 and the CSR's own number, under the CSR's own name; the views lie above all of them."""
    numbers = {reg.get("name"): int(reg.get("regnum", "")) for reg in feature.iter("reg")}
    assert [numbers[csr.name] - 66 for csr in CSRS] == [csr.number for csr in CSRS]
    assert numbers["henvcfg_view"] == 66 + 0x2000 + 0x60A
    assert len(set(numbers.values())) == len(numbers)
    assert min(number for name, number in numbers.items() if name not in {csr.name for csr in CSRS}) >= 66 + 0x1000


def test_groups_hold_what_their_names_say(feature: ET.Element) -> None:
    """Views of the hypervisor's CSRs, of the guest's, and single fields that govern masking."""
    members: dict[str | None, list[str | None]] = {}
    for reg in feature.iter("reg"):
        members.setdefault(reg.get("group"), []).append(reg.get("name"))
    assert members["hypervisor"] == ["mtinst_view", "hstatus_view", "henvcfg_view", "htval_view"]
    assert members["virtual"] == ["vsstatus_view", "vsepc_view", "vsatp_view"]
    assert {"senvcfg_PMM", "henvcfg_PMM", "hstatus_HUPMM", "vsstatus_MXR"} <= set(members["pointer-masking"])


def test_every_type_is_there_before_its_use(feature: ET.Element) -> None:
    """A debugger reads the document once, from the top."""
    predefined = {"int", "uint8", "uint16", "uint32", "uint64", "code_ptr", "data_ptr"}
    known = set(predefined)
    for element in feature:
        assert element.tag == "reg" or element.get("id") not in known
        for part in element.iter("field"):
            assert part.get("type") in known
        if element.tag == "reg":
            assert element.get("type") in known
        else:
            known.add(element.get("id", ""))


@pytest.mark.parametrize("name", ["henvcfg", "hstatus", "vsatp", "mstatus"])
def test_a_view_has_the_fields_of_the_table(feature: ET.Element, name: str) -> None:
    """Name, bits and the names of values come from the one table."""
    flags = next(one for one in feature.iter("flags") if one.get("id") == f"{name}_fields")
    rows = [(part.get("name"), part.get("start"), part.get("end")) for part in flags]
    assert rows == [(one.name, str(one.low), str(one.high)) for one in LAYOUTS[name]]


def test_two_meanings_of_the_same_bits_are_both_named(feature: ET.Element) -> None:
    """GDB cannot choose by another bit, so that a code of `mcause` is named by both."""
    values = next(one for one in feature.iter("enum") if one.get("id") == "exception_values")
    texts = {int(one.get("value", "")): one.get("name") for one in values}
    assert texts[5] == "load-access-fault|supervisor-timer"
    assert texts[21] == VALUES["exception"][21]


def test_a_number_of_gdbs_size_is_in_no_set_of_names(feature: ET.Element) -> None:
    """A whole CSR's enumeration has one value, and its name is that number."""
    named = [list(one) for one in feature.iter("enum") if one.get("id") in {csr.name for csr in CSRS}]
    assert {(value.get("name"), value.get("value")) for (value,) in named} == {("0x7fffffff", "2147483647")}


def test_a_csr_with_no_fields_is_a_number() -> None:
    """It has no view, unless a group of ours lists it."""
    registers = {one.name: one for one in csr_registers(CSRS)}
    assert registers["mscratch"].type == "int"
    assert "mscratch_view" not in registers
    assert registers["vsepc_view"].type == "code_ptr"


def test_a_field_that_is_not_taken_is_an_error() -> None:
    """Too great a value, and one that the CSR leaves out; one that it takes changes nothing else."""

    class Reluctant(FakeDebug):
        def write_csr(self, hart: int, number: int, value: int) -> None:
            super().write_csr(hart, number, value & ~(1 << 32))

    debug = Reluctant([FakeHart(csrs={0x60A: 0xF1})])
    pmm = field("henvcfg", "pmm")
    henvcfg = Named(0x60A, "henvcfg")
    assert pmm is not None
    write_field(debug, 0, henvcfg, pmm, 2)
    assert debug.read_csr(0, 0x60A) == 0x2_0000_00F1
    with pytest.raises(CsrRefused, match=r"henvcfg.PMM does not take PMLEN16; it is PMLEN7"):
        write_field(debug, 0, henvcfg, pmm, 3)
    with pytest.raises(CsrRefused, match=r"henvcfg.PMM has values from 0 to 0x3, not 0x4"):
        write_field(debug, 0, henvcfg, pmm, 4)
