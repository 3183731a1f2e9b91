"""Guests of a few instructions, as machine code: for runs that need a real machine and nothing else."""

from __future__ import annotations

from pathlib import Path

WAIT = 0x10500073
"""`wfi`."""

LOOP = 0x0000006F
"""`j .`"""

ILLEGAL = 0x00000000


def exits(value: int) -> list[int]:
    """Store a value below 0x80000 to the test finisher: 0x5555 ends with status 0, 0x7777 resets."""
    upper, lower = (value + 0x800) >> 12, value & 0xFFF
    return [
        0x00100537,  # lui a0, 0x100
        upper << 12 | 0x5B7,  # lui a1, upper
        lower << 20 | 0x00058593,  # addi a1, a1, lower
        0x00B52023,  # sw a1, 0(a0)
        LOOP,
    ]


def prints(text: str) -> list[int]:
    """Write characters to the serial port."""
    code = [0x10000537]  # lui a0, 0x10000
    for character in text.encode():
        code += [character << 20 | 0x593, 0x00B50023]  # li a1, character; sb a1, 0(a0)
    return code


STRAY_LOAD = [0x20000537, 0x00052583]
"""`lui a0, 0x20000; lw a1, 0(a0)`: nothing is there. The trap goes to address 0, where nothing is either."""


def options(folder: Path, code: list[int]) -> list[str]:
    """What starts a guest: `-bios none` and a loader for it at the start of RAM."""
    path = folder / "guest.bin"
    path.write_bytes(b"".join(word.to_bytes(4, "little") for word in code))
    return ["-M", "virt", "-m", "16M", "-bios", "none", "-device", f"loader,file={path},addr=0x80000000,force-raw=on"]
