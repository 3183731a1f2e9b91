from __future__ import annotations

from tests.lockstep.spike import Step, parse

LOG = """\
core   0: 0x0000000080001000 (0x30031073) csrw    mstatus, t1
core   0: 3 0x0000000080001000 (0x30031073) c768_mstatus 0x0000000a00000000
core   0: 0x0000000080001004 (0x00b4b423) sd      a1, 8(s1)
core   0: 3 0x0000000080001004 (0x00b4b423) mem 0x0000000080008008 0x00000000000000ff
core   0: 0x0000000080001008 (0x0004a503) lw      a0, 0(s1)
core   0: 3 0x0000000080001008 (0x0004a503) x10 0xffffffffffffffff mem 0x0000000080008000
core   0: 0x000000008000100c (0x00000000) c.unimp
core   0: exception trap_illegal_instruction, epc 0x000000008000100c
core   0:           tval 0x0000000000000000
core   0: exception trap_machine_ecall, epc 0x0000000080001010
core   0: exception interrupt #1, epc 0x0000000080001014
core   0: 0x0000000080000000 (0x0400006f) j       pc + 0x40
core   0: 1 0x0000000080000000 (0x0400006f)
core   0: 0x0000000080001018 (0x00b4a52f) amoadd.w a0, a1, (s1)
core   0: 1 0x0000000080001018 (0x00b4a52f) x10 0x0000000000000001 \
mem 0x0000000080008000 mem 0x0000000080008000 0x00000003
"""


def test_every_kind_of_line_is_read() -> None:
    """A log with a CSR write, a store, a load, two exceptions, an interrupt and an AMO becomes seven steps."""
    steps = list(parse(LOG))

    assert steps == [
        Step(0x80001000, 3, 0x30031073, csrs=((768, 0xA00000000),)),
        Step(0x80001004, 3, 0x00B4B423, stores=((0x80008008, 8, 0xFF),)),
        Step(0x80001008, 3, 0x0004A503, registers=((10, 0xFFFFFFFFFFFFFFFF),)),
        Step(0x8000100C, None, 0, trap="trap_illegal_instruction"),
        Step(0x80001010, None, 0, trap="trap_machine_ecall"),
        Step(0x80000000, 1, 0x0400006F, interrupted_pc=0x80001014),
        Step(0x80001018, 1, 0x00B4A52F, registers=((10, 1),), stores=((0x80008000, 4, 3),)),
    ]
