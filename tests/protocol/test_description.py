"""The XML documents, read back by an XML parser."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from protocol.description import (
    BitField,
    EnumType,
    Feature,
    FlagsType,
    MemoryKind,
    MemoryRegion,
    Register,
    StructType,
    ThreadDetails,
    UnionType,
    VectorType,
    memory_map,
    target_description,
    thread_list,
)
from protocol.ids import ThreadId

CSR = Feature(
    "org.gnu.gdb.riscv.csr",
    (
        Register("mstatus", 64, 0x342, group="csr", save_restore=False),
        Register("satp_fields", 64, 9000, type="satp_t"),
    ),
    (
        EnumType("mode", 8, (("Bare", 0), ("Sv39", 8))),
        FlagsType("satp_t", 8, (BitField("PPN", 0, 43), BitField("MODE", 60, 63, "mode"))),
        StructType("halves", 8, (BitField("low", 0, 31), BitField("high", 32, 63))),
        VectorType("bytes", "uint8", 16),
        UnionType("vector", (("b", "bytes"), ("q", "uint128"))),
    ),
)


def test_target_description() -> None:
    """Architecture, the ABI that keeps GDB from stepping by itself, registers and types are all there, in order."""
    root = ET.fromstring(target_description("riscv:rv64", [CSR]))
    assert [child.tag for child in root] == ["architecture", "osabi", "feature"]
    assert (root[0].text, root[1].text) == ("riscv:rv64", "none")
    feature = root[2]
    assert feature.attrib == {"name": "org.gnu.gdb.riscv.csr"}
    assert [child.tag for child in feature] == ["enum", "flags", "struct", "vector", "union", "reg", "reg"]
    assert feature[5].attrib == {
        "name": "mstatus",
        "bitsize": "64",
        "regnum": "834",
        "type": "int",
        "group": "csr",
        "save-restore": "no",
    }
    assert feature[6].attrib == {"name": "satp_fields", "bitsize": "64", "regnum": "9000", "type": "satp_t"}
    assert feature[1][1].attrib == {"name": "MODE", "start": "60", "end": "63", "type": "mode"}
    assert feature[0][1].attrib == {"name": "Sv39", "value": "8"}
    assert feature[3].attrib == {"id": "bytes", "type": "uint8", "count": "16"}
    assert feature[4][0].attrib == {"name": "b", "type": "bytes"}


def test_target_description_without_an_abi() -> None:
    """The ABI can be left to GDB."""
    assert b"osabi" not in target_description("riscv:rv64", [], osabi=None)


def test_thread_list() -> None:
    """Ids follow the negotiation; names and words survive."""
    threads = [ThreadDetails(ThreadId(1), "hart0 <M>", 0, "halted & waiting"), ThreadDetails(ThreadId(2), "hart1")]
    root = ET.fromstring(thread_list(threads, multiprocess=True))
    assert root[0].attrib == {"id": "p1.1", "core": "0", "name": "hart0 <M>"}
    assert root[0].text == "halted & waiting"
    assert root[1].attrib == {"id": "p1.2", "name": "hart1"}
    assert ET.fromstring(thread_list(threads, multiprocess=False))[1].attrib["id"] == "2"


def test_memory_map() -> None:
    """Regions in hex, the block size for flash only."""
    regions = [
        MemoryRegion(MemoryKind.RAM, 0x80000000, 0x8000000),
        MemoryRegion(MemoryKind.FLASH, 0x20000000, 0x2000000, 0x40000),
    ]
    root = ET.fromstring(memory_map(regions))
    assert root[0].attrib == {"type": "ram", "start": "0x80000000", "length": "0x8000000"}
    assert len(root[0]) == 0
    assert root[1][0].attrib == {"name": "blocksize"}
    assert root[1][0].text == "0x40000"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_is_well_formed(text: str) -> None:
    """Whatever a name holds, the document can be parsed."""
    ET.fromstring(thread_list([ThreadDetails(ThreadId(1), text, 0, text)], multiprocess=False))
