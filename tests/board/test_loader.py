"""Reading images: what is accepted, and that everything else is one clear error."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.errors import LoadError
from emulator.loader import Image, find_symbols, parse_elf, read_image
from tests.board.elf_files import SECTION_NAMES, Elf, Load

PATH = Path("guest.elf")
TWO_LOADS = (Load(address=0x8000_2000, data=b"second"), Load(address=0x8000_0000, data=b"first", size=0x100))


def test_segments_in_order_of_address() -> None:
    """Each segment has its bytes, its address and its size in memory."""
    image = parse_elf(PATH, Elf(entry=0x8000_2002, loads=TWO_LOADS).build())
    assert [(piece.address, bytes(piece.data), piece.size) for piece in image.segments] == [
        (0x8000_0000, b"first", 0x100),
        (0x8000_2000, b"second", 6),
    ]
    assert (image.entry, image.low, image.high) == (0x8000_2002, 0x8000_0000, 0x8000_2006)


def test_entry_becomes_physical() -> None:
    """An entry given as a virtual address is that place's physical address."""
    load = Load(address=0x8000_0000, virtual=0xFFFF_FFFF_8000_0000)
    assert parse_elf(PATH, Elf(entry=0xFFFF_FFFF_8000_0002, loads=(load,)).build()).entry == 0x8000_0002


def test_only_load_segments_count() -> None:
    """Notes, attributes and segments without memory are passed over."""
    loads = (Load(address=0, kind=4), Load(address=0, data=b"", size=0), Load(address=0x8000_0000))
    assert [piece.address for piece in parse_elf(PATH, Elf(loads=loads).build()).segments] == [0x8000_0000]


def test_a_raw_file_goes_where_it_is_told(tmp_path: Path) -> None:
    """A file without ELF's magic number is bytes that start at the first."""
    path = tmp_path / "raw.bin"
    path.write_bytes(b"\x13\0\0\0")
    image = read_image(path, 0x8020_0000)
    assert (image.entry, image.low, image.high) == (0x8020_0000, 0x8020_0000, 0x8020_0004)


def with_headers(padding: bytes) -> Image:
    """An ELF of one segment that is the whole file: headers, padding, and `code` at the end."""
    size = 64 + 56 + len(padding) + 4
    content = bytearray(Elf(loads=(Load(address=0x8000_0000 - size + 4, data=padding + b"code"),)).build())
    content[64 + 8 : 64 + 16] = bytes(8)  # p_offset
    content[64 + 32 : 64 + 48] = size.to_bytes(8, "little") * 2  # p_filesz, p_memsz
    return parse_elf(PATH, bytes(content))


def test_headers_before_ram_can_be_left_out() -> None:
    """What a linker puts before the code is cut off if it is only the ELF's headers and zeros."""
    (segment,) = with_headers(bytes(100)).segments
    cut = segment.from_address(0x8000_0000)
    assert (cut.address, bytes(cut.data), cut.size) == (0x8000_0000, b"code", 4)
    for floor in (0x8000_0000 - 101, 0x8000_0004, 0):
        assert segment.from_address(floor) is segment
    (segment,) = with_headers(bytes(99) + b"x").segments
    assert segment.from_address(0x8000_0000) is segment


OVERLAPPING = (Load(address=0x8000_0000, size=0x101), Load(address=0x8000_0100))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (Elf(elf_class=1).build(), "not a 64-bit ELF"),
        (Elf(elf_class=3).build(), "the ELF is damaged: no decoding mapping for 3"),
        (Elf(byte_order=2).build(), "not a little-endian ELF"),
        (Elf(machine=62).build(), "an ELF for X86_64, not for RISC-V"),
        (Elf(machine=0xFEED).build(), "an ELF for machine 65261, not for RISC-V"),
        (Elf(kind=1).build(), "an object file, not an executable"),
        (Elf(kind=4).build(), "of type ET_CORE, not an executable"),
        (Elf(loads=()).build(), "no segment to load"),
        (Elf(loads=OVERLAPPING).build(), "segments at 0x80000000 and 0x80000100 overlap"),
        (Elf(loads=(Load(address=0, data=b"xx", size=1),)).build(), "larger in the file than in memory"),
        (Elf().build()[:63], "truncated: 63 bytes are less than an ELF header"),
        (Elf().build()[:100], "truncated: the ELF's program headers lie beyond its end"),
        (Elf().build()[:-1], "truncated: a segment needs 124 bytes of the file, which has 123"),
    ],
)
def test_bad_elf_is_one_clear_sentence(content: bytes, reason: str) -> None:
    """The error names the file and says what is wrong with it."""
    with pytest.raises(LoadError) as error:
        parse_elf(PATH, content)
    text = str(error.value)
    assert text.startswith("guest.elf: ")
    assert reason in text
    assert "\n" not in text


@pytest.mark.parametrize("name", ["missing", "folder", "empty", "zero\0byte", "n" * 300])
def test_unreadable_file(tmp_path: Path, name: str) -> None:
    """A file that is not there, is a folder, is empty, or cannot have that name is an error that names it."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(LoadError, match=name[:4]):
        read_image(tmp_path / name, 0)


def test_endless_file() -> None:
    """A device is refused instead of read without end."""
    with pytest.raises(LoadError, match="is a device"):
        read_image(Path("/dev/zero"), 0)


def test_a_name_may_be_the_end_of_another() -> None:
    """A linker keeps `tohost` once, as the tail of `write_tohost`, as in the official ISA tests."""
    content = Elf(symbols={"write_tohost": 1, "tohost": 0x8000_1000}).build()
    first = len(SECTION_NAMES)
    own = (first + len("write_tohost") + 1).to_bytes(4, "little")
    assert content.count(own + b"\x10") == 1
    shared = content.replace(own + b"\x10", (first + len("write_")).to_bytes(4, "little") + b"\x10")

    assert find_symbols(parse_elf(PATH, shared), ("tohost",)) == {"tohost": 0x8000_1000}


def test_symbols_are_found() -> None:
    """Asked-for symbols come with their values; others and missing ones do not."""
    symbols = {"main": 1, "tohost_not": 2, "tohost": 0x8000_1000, "fromhost": 0x8000_1008}
    image = parse_elf(PATH, Elf(symbols=symbols).build())
    assert find_symbols(image, ("tohost", "fromhost")) == {"tohost": 0x8000_1000, "fromhost": 0x8000_1008}
    assert find_symbols(image, ("begin_signature",)) == {}


def test_symbols_of_a_stripped_or_cut_file() -> None:
    """Symbols are no condition for running: a damaged table has none."""
    content = Elf(loads=(Load(address=0x8000_0000, data=b"\0tohost\0"),), symbols={"tohost": 1}).build()
    assert find_symbols(parse_elf(PATH, content[:-64]), ("tohost",)) == {}
    assert find_symbols(parse_elf(PATH, content), ("tohost",)) == {"tohost": 1}


GOOD = Elf(loads=TWO_LOADS, symbols={"tohost": 0x8000_1000, "fromhost": 0x8000_1008}).build()
CHANGES = st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), max_size=12)


@given(changes=CHANGES, keep=st.integers(64, len(GOOD)))
def test_damage_is_a_load_error_or_harmless(changes: list[tuple[int, int]], keep: int) -> None:
    """Whatever bytes are wrong or missing: an image inside its own rules, or a LoadError, and nothing else."""
    content = bytearray(GOOD[:keep])
    for at, value in changes:
        if at < keep:
            content[at] = value
    try:
        image = parse_elf(PATH, bytes(content))
    except LoadError:
        return
    assert all(len(piece.data) <= piece.size for piece in image.segments)
    assert set(find_symbols(image, ("tohost", "fromhost"))) <= {"tohost", "fromhost"}


@given(content=st.binary(max_size=400))
def test_noise_behind_the_magic_number(content: bytes) -> None:
    """Random bytes that claim to be an ELF are refused."""
    with pytest.raises(LoadError):
        parse_elf(PATH, b"\x7fELF" + content)
