"""Code that changes, lies in odd places, or is not there."""

from __future__ import annotations

import pytest

from emulator.engine.layout import RAM_BASE
from emulator.hart.fields import Cause
from emulator.isa.extensions import parse_cpu
from emulator.isa.text import assemble
from tests.helpers.rig import DEVICE, Rig

PAGE = 4096
HANDLER = RAM_BASE + 0xE000
ROM = 0x1000
ADD_1 = assemble("addi x5, x5, 1")
ADD_100 = assemble("addi x5, x5, 100")
SHORT_2 = assemble("c.addi x5, 2")


def loop_that_patches(rig: Rig, target: int, store: str, value: int, address: int) -> None:
    """Execute `target`, patch memory through x7 with x6, execute `target` again; x5 counts."""
    rig.load_text(f"jalr x1, 0(x9)\n{store} x6, 0(x7)\njalr x1, 0(x9)\necall", RAM_BASE + 0x8000)
    rig.load_text("addi x5, x5, 1\njalr x0, 0(x1)", target)
    rig.hart.put("mtvec", HANDLER)
    rig.load_text("jal x0, 0", HANDLER)
    for register, content in ((6, value), (7, address), (9, target)):
        rig.hart.put("x", content, register)
    rig.hart.put("pc", RAM_BASE + 0x8000)
    rig.run(20)


@pytest.mark.parametrize("target", [RAM_BASE, RAM_BASE + 60, RAM_BASE + PAGE - 8, RAM_BASE + PAGE - 4])
def test_a_patched_instruction_is_executed(rig: Rig, target: int) -> None:
    """A store to an instruction that has been executed is seen when it is next executed."""
    loop_that_patches(rig, target, "sw", ADD_100, target)

    assert rig.x(5) == 101


@pytest.mark.parametrize("target", [RAM_BASE + 62, RAM_BASE + PAGE - 2, RAM_BASE + PAGE + 62])
@pytest.mark.parametrize("half", [0, 2])
def test_either_half_of_an_instruction_across_lines(rig: Rig, target: int, half: int) -> None:
    """An instruction that lies in two lines, or two pages, is decoded again when either half changes."""
    value = (ADD_100 if half else assemble("addi x10, x5, 1")) >> 8 * half & 0xFFFF
    if half == 0:
        value = assemble("addi x10, x5, 1") & 0xFFFF  # keeps the upper half of `addi x5, x5, 1`
    loop_that_patches(rig, target, "sh", value, target + half)

    assert (rig.x(5), rig.x(10)) == ((101, 0) if half else (1, 2))


@pytest.mark.parametrize("at", [0, 64 - 4, 128])
def test_the_very_next_instruction(rig: Rig, at: int) -> None:
    """A store to the instruction that follows it is seen at once, in the same line or the next one."""
    base = RAM_BASE + 0x100 + at
    rig.load_text("sw x6, 4(x7)\naddi x5, x5, 1\naddi x5, x5, 1", base)
    rig.hart.put("x", ADD_100, 6)
    rig.hart.put("x", base, 7)

    for expected in (101, 202):
        rig.hart.put("pc", base)
        rig.run(3)
        assert rig.x(5) == expected


def test_an_instruction_that_overwrites_itself(rig: Rig) -> None:
    """An instruction completes as it was, and is the new one next time."""
    rig.load_text("sw x6, 0(x7)\naddi x0, x0, 0")
    rig.hart.put("x", ADD_100, 6)
    rig.hart.put("x", RAM_BASE, 7)

    rig.run(2)
    assert rig.x(5) == 0
    rig.hart.put("pc", RAM_BASE)
    rig.run(2)

    assert rig.x(5) == 100


@pytest.mark.parametrize("store", ["sb", "sh", "sw", "sd", "amoswap.w", "amoswap.d", "sc.w"])
def test_every_kind_of_store_is_noticed(rig: Rig, store: str) -> None:
    """Stores of every width, AMOs and SC all make their code be decoded again."""
    text = f"{store} x6, 0(x7)" if store.startswith("s") and "." not in store else f"{store} x11, x6, (x7)"
    rig.load_text(f"lr.w x11, (x7)\n{text}", RAM_BASE + 0x8000)
    target = RAM_BASE + 0x40
    rig.load_text("addi x5, x5, 1\naddi x5, x5, 1", target)
    rig.hart.put("pc", target)
    rig.run(2)
    nop = assemble("addi x0, x5, 1")  # differs in the lowest two bytes only
    rig.hart.put("x", nop | ADD_1 << 32, 6)
    if store == "sb":  # `addi x5` to `addi x4`, in the byte that holds rd's low bit
        rig.hart.put("x", assemble("addi x4, x5, 1") & 0xFF, 6)
    rig.hart.put("x", target, 7)
    rig.hart.put("pc", RAM_BASE + 0x8000)
    rig.run(2)

    rig.hart.put("pc", target)
    rig.run(2)

    assert rig.x(5) == 3


def test_a_long_instruction_becomes_two_short_ones(rig: Rig) -> None:
    """What a patched parcel decodes to may have another length."""
    target = RAM_BASE + 0x40
    loop_that_patches(rig, target, "sw", SHORT_2 | SHORT_2 << 16, target)

    assert rig.x(5) == 1 + 4


def test_entering_the_middle_of_an_instruction(rig: Rig) -> None:
    """The second half of an instruction may be one of its own: both ways through the code are right."""
    word = SHORT_2 << 16 | assemble("lui x10, 0x1") & 0xFFFF
    rig.write(RAM_BASE, word.to_bytes(4, "little") + SHORT_2.to_bytes(2, "little"))
    for start, steps, expected in ((0, 2, 2), (2, 2, 4), (0, 2, 2)):
        rig.hart.put("x", 0, 5)
        rig.hart.put("pc", RAM_BASE + start)
        rig.run(steps)
        assert rig.x(5) == expected
        assert rig.hart.get("pc") == RAM_BASE + 6


def test_data_that_becomes_code(rig: Rig) -> None:
    """A page that was stored to and read is executed afterwards, stored to again, and executed again."""
    rig.load_text("sw x6, 0(x7)\nlw x8, 0(x7)\njalr x1, 0(x7)\njal x0, -12")
    rig.load_text("jalr x0, 0(x1)", RAM_BASE + 3 * PAGE + 4)
    rig.hart.put("x", RAM_BASE + 3 * PAGE, 7)
    for count in range(1, 6):
        rig.hart.put("x", ADD_1 if count % 2 else ADD_100, 6)
        rig.run(6)
        assert rig.x(5) == (count + 1) // 2 + 100 * (count // 2)


def test_data_beside_code(rig: Rig) -> None:
    """Stores to data in the same page, and even the same line, as the code that makes them."""
    program = rig.load_text("loop:\naddi x5, x5, 1\nsd x5, 16(x7)\nsd x5, 128(x7)\njal x0, loop")
    rig.hart.put("x", RAM_BASE, 7)

    rig.run(400)

    assert rig.x(5) == 100
    assert rig.read(RAM_BASE + 16, 8) == rig.read(RAM_BASE + 128, 8) == (100).to_bytes(8, "little")
    assert program.base == RAM_BASE


def test_memory_changed_from_outside(rig: Rig) -> None:
    """Bytes that a debugger or a loader writes are executed."""
    for word in (ADD_1, ADD_100, ADD_1):
        rig.program([word])
        rig.hart.put("pc", RAM_BASE)
        rig.run(1)

    assert rig.x(5) == 102


@pytest.mark.parametrize("store", ["sd", "sw", "sh"])
def test_a_misaligned_store_into_two_lines_of_code(rig: Rig, store: str) -> None:
    """A store that covers the end of one line and the beginning of the next drops both."""
    base = RAM_BASE + 0x40 - 8
    rig.load_text("addi x5, x5, 1\naddi x5, x5, 1\naddi x5, x5, 1\naddi x5, x5, 1", base)
    rig.load_text(f"sb x0, 1024(x7)\n{store} x6, 0(x7)", RAM_BASE + 0x8000)  # the first makes the page a cached one
    rig.hart.put("pc", base)
    rig.run(4)
    at = {"sd": 4, "sw": 6, "sh": 7}[store]
    patched = bytearray(rig.read(base, 16))
    wanted = ADD_100.to_bytes(4, "little")
    patched[4:12] = wanted * 2
    size = {"sd": 8, "sw": 4, "sh": 2}[store]
    rig.hart.put("x", int.from_bytes(patched[at : at + size], "little"), 6)
    rig.hart.put("x", base + at, 7)
    rig.hart.put("pc", RAM_BASE + 0x8000)
    rig.run(2)
    expected = sum(int.from_bytes(rig.read(base + 4 * i, 4), "little") >> 20 for i in range(4))

    rig.hart.put("x", 0, 5)
    rig.hart.put("pc", base)
    rig.run(4)

    assert rig.x(5) == expected


def test_a_block_of_code_that_is_zeroed(rig: Rig) -> None:
    """`cbo.zero` is a store to all of its block: code in its first and last words is gone, what is around it is not."""
    base = RAM_BASE + 0x200
    rig.load_text("addi x5, x5, 1\n" * 20, base - 8)
    rig.hart.put("mtvec", HANDLER)
    for zeroed in (False, True):
        for at in (base - 4, base, base + 60, base + 64):
            rig.hart.put("x", 0, 5)
            rig.hart.put("pc", at)
            rig.run(1)
            gone = zeroed and at in (base, base + 60)
            assert (rig.x(5), rig.hart.get("pc")) == ((0, HANDLER) if gone else (1, at + 4))
        rig.hart.put("pc", RAM_BASE)
        rig.execute("cbo.zero (x7)", x7=base + 9)


# Where there is no code.


@pytest.mark.parametrize("address", [0, DEVICE, RAM_BASE - 4, RAM_BASE + 16 * PAGE, 1 << 63, (1 << 64) - 4])
def test_a_jump_to_where_nothing_can_be_executed(rig: Rig, address: int) -> None:
    """The jump completes; the fetch faults with the target as pc and as value."""
    rig.load_text("jalr x1, 0(x7)")
    rig.hart.put("x", address, 7)
    rig.hart.put("mtvec", HANDLER)

    rig.run(2)

    assert [rig.hart.get(name) for name in ("mcause", "mepc", "mtval")] == [Cause.FETCH_ACCESS, address, address]
    assert rig.x(1) == RAM_BASE + 4
    assert rig.device == {}


def test_running_off_the_end_of_memory(rig: Rig) -> None:
    """The instruction behind the last one in RAM faults."""
    end = RAM_BASE + 16 * PAGE
    rig.program([ADD_1], end - 4)
    rig.hart.put("pc", end - 4)
    rig.hart.put("mtvec", RAM_BASE)

    rig.run(2)

    assert [rig.hart.get(name) for name in ("mcause", "mepc", "mtval")] == [Cause.FETCH_ACCESS, end, end]


def test_an_instruction_half_out_of_memory(rig: Rig) -> None:
    """The trap value is the address of the half that is not there, mepc that of the instruction."""
    end = RAM_BASE + 16 * PAGE
    rig.write(end - 2, ADD_1.to_bytes(4, "little")[:2])
    rig.hart.put("pc", end - 2)
    rig.hart.put("mtvec", RAM_BASE)

    rig.run(1)

    assert [rig.hart.get(name) for name in ("mcause", "mepc", "mtval")] == [Cause.FETCH_ACCESS, end - 2, end]


def test_a_short_instruction_at_the_end_of_memory(rig: Rig) -> None:
    """A compressed instruction in the last two bytes needs nothing behind it."""
    end = RAM_BASE + 16 * PAGE
    rig.program([SHORT_2], end - 2)
    rig.hart.put("pc", end - 2)

    rig.run(1)

    assert rig.x(5) == 2


@pytest.mark.parametrize("text", ["addi x5, x5, 7", "jal x1, 8", "beq x0, x0, 8", "lw x6, 0(x7)", "auipc x6, 0x1"])
def test_an_instruction_across_two_pages(rig: Rig, text: str) -> None:
    """It does what it does elsewhere, and knows its own address."""
    at = RAM_BASE + PAGE - 2
    for start in (at, RAM_BASE + 0x100):
        rig.load_text(text, start)
        rig.hart.put("x", RAM_BASE + 2 * PAGE, 7)
        rig.hart.put("pc", start)
        rig.run(1)
    both = [rig.x(number) for number in range(32)]
    assert both[5] in (0, 14)
    rig.hart.put("pc", at)
    rig.run(1)
    assert rig.hart.get("pc") == at + (8 if text.startswith(("jal", "beq")) else 4)
    if text.startswith("auipc"):
        assert rig.x(6) == at + PAGE
    if text.startswith("jal"):
        assert rig.x(1) == at + 4


def test_an_illegal_instruction_across_two_pages(rig: Rig) -> None:
    """Its trap value has both halves."""
    at = RAM_BASE + PAGE - 2
    rig.write(at, 0xDEAD_BEFF.to_bytes(4, "little"))
    rig.hart.put("pc", at)
    rig.hart.put("mtvec", HANDLER)

    rig.run(1)

    assert (rig.hart.get("mcause"), rig.hart.get("mtval")) == (Cause.ILLEGAL, 0xDEAD_BEFF)


def test_an_illegal_short_instruction(rig: Rig) -> None:
    """The trap value of a 16-bit illegal instruction is its 16 bits."""
    rig.write(RAM_BASE, b"\0\0\xff\xff")
    rig.hart.put("mtvec", HANDLER)

    rig.run(1)

    assert (rig.hart.get("mcause"), rig.hart.get("mtval")) == (Cause.ILLEGAL, 0)


def test_code_in_rom(rig: Rig) -> None:
    """The boot ROM is executed like RAM, loops included."""
    rom = ADD_1.to_bytes(4, "little") + assemble("jal x0, -4").to_bytes(4, "little")
    rig.backing.rom[: len(rom)] = rom
    rig.engine.ram_changed(len(rig.backing.ram), len(rom))
    rig.hart.put("pc", ROM)

    rig.run(100)

    assert rig.x(5) == 50


@pytest.mark.parametrize("text", ["sb x5, 0(x7)", "sd x5, 0(x7)", "amoadd.w x6, x5, (x7)", "cbo.zero (x7)"])
def test_stores_to_rom_fault(rig: Rig, text: str) -> None:
    """The boot ROM cannot be written by the guest, and can be read."""
    rig.backing.rom[:8] = b"abcdefgh"
    rig.hart.put("mtvec", HANDLER)
    rig.execute(f"ld x8, 0(x7)\n{text}", x7=ROM)

    assert (rig.hart.get("mcause"), rig.hart.get("mtval")) == (Cause.STORE_ACCESS, ROM)
    assert bytes(rig.backing.rom[:8]) == b"abcdefgh"
    assert rig.x(8) == int.from_bytes(b"abcdefgh", "little")


@pytest.mark.parametrize("text", ["jal x1, 6", "jalr x1, 2(x7)", "beq x0, x0, 6"])
def test_misaligned_targets_without_c(engine: str, text: str) -> None:
    """Without compressed instructions a jump to a 2-byte boundary traps at the jump; nothing is linked."""
    rig = Rig(engine, parse_cpu("rv64,c=off"))
    rig.hart.put("mtvec", HANDLER)

    rig.execute(text, x7=RAM_BASE + 4)

    names = ("mcause", "mepc", "mtval")
    assert [rig.hart.get(name) for name in names] == [Cause.FETCH_MISALIGNED, RAM_BASE, RAM_BASE + 6]
    assert rig.x(1) == 0


def test_a_branch_not_taken_does_not_trap(engine: str) -> None:
    """Only a taken branch has a misaligned target."""
    rig = Rig(engine, parse_cpu("rv64,c=off"))

    rig.execute("bne x0, x0, 6")

    assert rig.hart.get("pc") == RAM_BASE + 4


def test_compressed_instructions_are_illegal_without_c(engine: str) -> None:
    """Their encodings trap with their 16 bits as value."""
    rig = Rig(engine, parse_cpu("rv64,c=off"))
    rig.hart.put("mtvec", HANDLER)
    rig.program([SHORT_2, SHORT_2])

    rig.run(1)

    assert (rig.hart.get("mcause"), rig.hart.get("mtval")) == (Cause.ILLEGAL, SHORT_2)


def test_pages_that_share_an_entry_of_the_fetch_tlb(engine: str) -> None:
    """Code that goes to and fro between pages 256 pages apart."""
    rig = Rig(engine, ram_size=600 * PAGE)
    for page in (0, 256, 512):
        rig.load_text(f"addi x5, x5, {page + 1}\njalr x0, 0(x{7 + page // 256})", RAM_BASE + page * PAGE)
    for register, page in ((7, 256), (8, 512), (9, 0)):
        rig.hart.put("x", RAM_BASE + page * PAGE, register)

    rig.run(60)

    assert rig.x(5) == 10 * (1 + 257 + 513)
