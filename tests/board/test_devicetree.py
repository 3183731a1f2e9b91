"""The device tree's blob: encoding, decoding, damage."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.devicetree import DeviceTree, Node, cells, decode, encode, strings, wide
from emulator.errors import LoadError

QEMU_TREE = Path(__file__).parent / "data" / "qemu-virt-11.1-smp2.dtb"
NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789,._+-#@", min_size=1, max_size=31)
PROPERTIES = st.dictionaries(NAMES, st.binary(max_size=20), max_size=4)
LEAVES = st.builds(Node, NAMES, PROPERTIES)
NODES = st.recursive(
    LEAVES, lambda below: st.builds(Node, NAMES, PROPERTIES, st.lists(below, max_size=3)), max_leaves=10
)
TREES = st.builds(
    lambda root, reservations, boot_cpu: DeviceTree(root=root, reservations=tuple(reservations), boot_cpu=boot_cpu),
    st.builds(Node, st.just(""), PROPERTIES, st.lists(NODES, max_size=4)),
    st.lists(st.tuples(st.integers(0, (1 << 64) - 1), st.integers(1, (1 << 64) - 1)), max_size=3),
    st.integers(0, 0xFFFF_FFFF),
)


def small_tree() -> DeviceTree:
    """A tree with every kind of value."""
    root = Node("", {"model": strings("a", "b"), "#address-cells": cells(2)})
    soc = root.add("soc", ranges=b"")
    soc.add("serial@10000000", reg=wide(0x1000_0000, 0x100))
    return DeviceTree(root=root, reservations=((0x8000_0000, 0x1000),), boot_cpu=1)


@given(tree=TREES)
def test_round_trip(tree: DeviceTree) -> None:
    """What was encoded is what is decoded, order included."""
    assert decode(encode(tree)) == tree


def test_values() -> None:
    """Cells are big-endian, strings end in zero."""
    assert cells(1, 0xFFFF_FFFF) == b"\0\0\0\1\xff\xff\xff\xff"
    assert wide(1) == b"\0\0\0\0\0\0\0\1"
    assert strings("a", "") == b"a\0\0"


def test_paths() -> None:
    """Nodes are found by path; a missing one is None."""
    root = small_tree().root
    assert root.find("/") is root
    node = root.find("/soc/serial@10000000")
    assert node is not None
    assert node.properties["reg"] == wide(0x1000_0000, 0x100)
    assert root.find("/soc/missing/deeper") is None


def test_reads_what_dtc_wrote() -> None:
    """A blob made by another program, with names shared in its own way, decodes."""
    tree = decode(QEMU_TREE.read_bytes())
    assert tree.root.properties["model"] == b"riscv-virtio,qemu\0"
    assert decode(encode(tree)) == tree


DTC = "dtc"


def test_dtc_reads_what_we_write(tmp_path: Path) -> None:
    """The device tree compiler accepts our blob and gives it back unchanged in meaning."""
    blob = tmp_path / "tree.dtb"
    blob.write_bytes(encode(small_tree()))
    command = [DTC, "-q", "-I", "dtb", "-O", "dtb", str(blob)]
    run = subprocess.run(command, capture_output=True, check=True)  # noqa: S603 -- a fixed program and our own file
    assert decode(run.stdout) == small_tree()


def test_what_follows_the_tree_is_ignored() -> None:
    """A blob may be followed by free space."""
    assert decode(encode(small_tree()) + bytes(100)) == small_tree()


def with_word(offset: int, value: int) -> bytes:
    """The small tree's blob with one word changed."""
    blob = bytearray(encode(small_tree()))
    blob[offset : offset + 4] = value.to_bytes(4, "big")
    return bytes(blob)


STRUCTURE = 40 + 32


@pytest.mark.parametrize(
    ("blob", "reason"),
    [
        (b"", "shorter than its header"),
        (with_word(0, 0xFEEDFACE), "wrong magic number"),
        (with_word(20, 3), "version 3 is not supported"),
        (with_word(24, 18), "is not supported"),
        (encode(small_tree())[:-1], "truncated"),
        (with_word(12, 0xFFFF_FFF0), "block of names"),
        (with_word(16, 0xFFFF_FFF0), "memory reservations have no end"),
        (with_word(8, 0xFFFF_FFF0), "runs past the end"),
        (with_word(STRUCTURE, 7), "unexpected token 0x7"),
        (with_word(STRUCTURE, 2), "unexpected token 0x2"),
        (with_word(STRUCTURE, 9), "the tree ends before its nodes do"),
        (with_word(STRUCTURE + 12, 0x1000), "runs past the end"),
        (with_word(STRUCTURE + 16, 0x1000), "outside the block of names"),
        (encode(DeviceTree(root=Node("\xe9"))), "is not ASCII"),
    ],
)
def test_damage_is_named(blob: bytes, reason: str) -> None:
    """The error names the source and says what is wrong."""
    with pytest.raises(LoadError, match=f"^board.dtb: .*{reason}"):
        decode(blob, source="board.dtb")


def test_nesting_has_a_limit() -> None:
    """A blob of nothing but node beginnings is refused, not followed."""
    root = node = Node("")
    for _ in range(70):
        node = node.add("n")
    with pytest.raises(LoadError, match="nested more than 64 deep"):
        decode(encode(DeviceTree(root=root)))


GOOD = encode(small_tree())


@given(
    changes=st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), max_size=10),
    keep=st.integers(0, len(GOOD)),
)
def test_damage_is_a_load_error_or_harmless(changes: list[tuple[int, int]], keep: int) -> None:
    """Whatever bytes are wrong or missing: a tree that can be encoded again, or a LoadError."""
    blob = bytearray(GOOD)
    for at, value in changes:
        blob[at] = value
    try:
        tree = decode(bytes(blob[:keep]))
    except LoadError:
        return
    assert decode(encode(tree)) == tree
