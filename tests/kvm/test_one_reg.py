"""KVM_GET_ONE_REG and KVM_SET_ONE_REG: names, ids, sizes, errors."""

from __future__ import annotations

import errno
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.kvm import PROFILES, Kvm, KvmError, MpState, Profile, Vcpu
from emulator.kvm.extensions import KVM_EXTENSIONS
from emulator.kvm.one_reg import IDS

EVERYTHING = frozenset(extension.host for extension in KVM_EXTENSIONS) - {"v", "svade"}


def vcpu_of(kernel: str = "linux-7.2", host: frozenset[str] = EVERYTHING) -> Vcpu:
    """A fresh vcpu."""
    return Kvm(host, kernel).create_vm().create_vcpu(0)


def errno_of(vcpu: Vcpu, register: int | str, value: int | None = None) -> int:
    """The errno of a get, or of a set if there is a value; 0 for success."""
    try:
        if value is None:
            vcpu.get_one_reg(register)
        else:
            vcpu.set_one_reg(register, value)
    except KvmError as error:
        return error.errno
    return 0


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("isa_ext.smnpm", 0x803000000700003E),
        ("isa_ext.ssnpm", 0x803000000700003F),
        ("csr.senvcfg", 0x803000000300000A),
        ("csr_smstateen.sstateen0", 0x8030000003020000),
        ("core.a0", 0x803000000200000A),
        ("timer.compare", 0x8030000004000002),
        ("fp_f.fcsr", 0x8020000005000020),
        ("fp_d.f31", 0x803000000600001F),
        ("sbi_ext.fwft", 0x803000000800000C),
        ("sbi_fwft.pointer_masking.value", 0x803000000A010005),
    ],
)
def test_names_are_ids(name: str, number: int) -> None:
    """A register's name stands for the id that the kernel's headers give it."""
    assert IDS[name] == number


def test_registers_are_reached_by_name_and_by_id() -> None:
    """A value that is written by name is read by id."""
    vcpu = vcpu_of()

    vcpu.set_one_reg("csr.senvcfg", 3 << 32)

    assert vcpu.get_one_reg(IDS["csr.senvcfg"]) == 3 << 32


@pytest.mark.parametrize("kernel", [profile.name for profile in PROFILES])
def test_what_is_listed_can_be_read_and_written_back(kernel: str) -> None:
    """Each listed register is there and takes its own value, but for the timer's state (selftests/kvm/get-reg-list)."""
    vcpu = vcpu_of(kernel)

    for number in vcpu.reg_list():
        value = vcpu.get_one_reg(number)
        if number != IDS["timer.state"]:
            vcpu.set_one_reg(number, value)


@pytest.mark.parametrize("name", ["config.isa", "core.pc", "csr.sip", "timer.time", "isa_ext.a", "sbi_ext.v01"])
def test_a_wrong_size_is_einval(name: str) -> None:
    """An id with another size than the register's is EINVAL."""
    number = IDS[name] & ~(0xF << 52) | 2 << 52

    assert errno_of(vcpu_of(), number) == errno.EINVAL


def test_an_unknown_name_is_enoent() -> None:
    """A name that no register has is ENOENT, and the error says it."""
    with pytest.raises(KvmError, match=r"ENOENT: .*isa_ext\.smnpn"):
        vcpu_of().get_one_reg("isa_ext.smnpn")


def test_vector_registers_do_not_exist() -> None:
    """A host whose ISA has V answers as one without: there is no vector unit to keep registers of."""
    vcpu = vcpu_of(host=EVERYTHING | {"v"})

    assert errno_of(vcpu, "vector.vlenb") == errno.ENOENT
    assert IDS["vector.vlenb"] not in vcpu.reg_list()


def test_single_precision_looks_into_the_union() -> None:
    """FP_F and FP_D are one piece of kernel memory: f1 as a float is the upper half of f0 as a double."""
    vcpu = vcpu_of()

    vcpu.set_one_reg("fp_d.f0", 0x4000_0000_3F80_0000)

    assert vcpu.get_one_reg("fp_f.f0") == 0x3F80_0000
    assert vcpu.get_one_reg("fp_f.f1") == 0x4000_0000


def test_the_timer_is_due_at_once_when_its_state_is_set() -> None:
    """Without Sstc, arming by ONE_REG takes 1 for the time: the interrupt is pending and nothing is left to cancel."""
    vcpu = vcpu_of(host=EVERYTHING - {"sstc"})

    vcpu.set_one_reg("timer.state", 1)

    assert vcpu.get_one_reg("csr.sip") == 1 << 5
    assert vcpu.get_one_reg("timer.compare") == 1
    assert errno_of(vcpu, "timer.state", 0) == errno.EINVAL


def test_single_precision_stands_alone_without_d() -> None:
    """A vcpu without D has single-precision registers side by side, as `__riscv_f_ext_state` lays them out."""
    vcpu = vcpu_of()
    vcpu.set_one_reg("isa_ext.d", 0)

    vcpu.set_one_reg("fp_f.f1", 0x3F80_0000)
    vcpu.set_one_reg("fp_f.fcsr", 0x1F)

    assert vcpu.get_one_reg("fp_f.f1") == 0x3F80_0000
    assert vcpu.get_one_reg("fp_f.f0") == 0
    assert vcpu.context.get("f1") == 0xFFFF_FFFF_3F80_0000
    assert vcpu.context.get("fcsr") == 0x1F


@pytest.mark.parametrize("subtype", range(4))
@pytest.mark.parametrize("index", [0, 1, 99])
def test_sbi_extensions_are_settled_by_the_run_whatever_the_id(subtype: int, index: int) -> None:
    """`kvm_riscv_vcpu_set_reg_sbi_ext` asks whether the vcpu has run before it looks at subtype and index."""
    vcpu = vcpu_of()
    vcpu.run(immediate_exit=True)

    assert errno_of(vcpu, IDS["sbi_ext.v01"] | subtype << 16 | index, 0) == errno.EBUSY


def test_what_was_hidden_is_reset_too() -> None:
    """`kvm_sbi_ext_fwft_reset` clears PMM whether or not Smnpm is still there."""
    vcpu = vcpu_of()
    vcpu.vm.enable_mp_state_reset()
    vcpu.set_one_reg("sbi_fwft.pointer_masking.value", 7)
    vcpu.set_one_reg("isa_ext.smnpm", 0)

    vcpu.set_mp_state(MpState.INIT_RECEIVED)
    vcpu.set_one_reg("isa_ext.smnpm", 1)

    assert vcpu.get_one_reg("sbi_fwft.pointer_masking.value") == 0


def known_id() -> st.SearchStrategy[int]:
    """Ids near those of registers that exist."""
    return st.builds(lambda number, bits: number ^ bits, st.sampled_from(sorted(IDS.values())), near())


def near() -> st.SearchStrategy[int]:
    """Few changed bits anywhere in an id."""
    return st.one_of(st.just(0), st.integers(0, 63).map(lambda bit: 1 << bit), st.integers(0, 0xFFFF))


ERRORS = (errno.ENOENT, errno.EINVAL, errno.EBUSY, errno.EPERM)
VALUES = st.one_of(st.integers(-1, 64), st.integers(0, (1 << 64) - 1), st.integers(-(1 << 70), 1 << 70))
IDENTIFIERS = st.one_of(known_id(), st.integers(-1, 1 << 64), st.text(max_size=12))


@settings(deadline=None)
@given(kernel=st.sampled_from(PROFILES), register=IDENTIFIERS, value=VALUES, ran=st.booleans())
def test_what_is_refused_changes_nothing(kernel: str, register: int | str, value: int, *, ran: bool) -> None:
    """Whatever is written where, a refusal has an errno of the kernel's and leaves every register as it was."""
    vcpu = Kvm(EVERYTHING, kernel).create_vm().create_vcpu(0)
    if ran:
        vcpu.run(immediate_exit=True)
    before = state_of(vcpu)

    error = errno_of(vcpu, register, value)

    assert error in (0, *ERRORS)
    if error:
        assert state_of(vcpu) == before


@pytest.mark.parametrize("kernel", PROFILES, ids=lambda kernel: kernel.name)
def test_a_million_random_writes_change_only_what_they_may(kernel: Profile) -> None:
    """A vcpu that got random ids and values, a million for all kernels, is as one that got only those accepted."""
    rng = random.Random(kernel.name)
    ids = sorted(IDS.values())
    vm = Kvm(EVERYTHING, kernel).create_vm()
    vcpu, other = vm.create_vcpu(0), vm.create_vcpu(1)
    accepted = 0
    for _ in range(1_000_000 // len(PROFILES)):
        number = rng.choice(ids) ^ (1 << rng.randrange(64) if rng.random() < 0.7 else rng.getrandbits(3))
        value = rng.getrandbits(rng.choice((1, 3, 32, 64)))
        error = errno_of(vcpu, number, value)
        if error:
            assert error in ERRORS
        elif not is_time(number):
            accepted += 1
            other.set_one_reg(number, value)
    assert accepted > 20_000
    assert {n: v for n, v in state_of(vcpu).items() if not is_time(n)} == {
        n: v for n, v in state_of(other).items() if not is_time(n)
    }


def is_time(number: int) -> bool:
    """Whether a register is the virtual machine's time, which its vcpus share."""
    return number & 0xFFFF_FFFF == IDS["timer.time"] & 0xFFFF_FFFF


def state_of(vcpu: Vcpu) -> dict[int, int]:
    """Every listed register."""
    return {number: vcpu.get_one_reg(number) for number in vcpu.reg_list()}
