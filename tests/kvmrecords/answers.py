"""The lines of a record that need no running guest: the same questions, asked of the emulated KVM."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from emulator.kvm import Kvm, KvmError, Vcpu
from emulator.kvm.one_reg import IDS
from tests.kvmrecords.line import Line, integer

Answer: TypeAlias = dict[str, object]

ISA_MULTI_BIT: Final = {0: 1 << 62}
"""What the recording program wrote to the first register of many ISA extensions; 1 to the others."""
SBI_MULTI: Final = 1 << 7
ONES: Final = (1 << 64) - 1


class Asked:
    """A register of a fresh vcpu, asked the way the recording program asked.

    Args:
        vcpu: The vcpu.
        number: The register's id.
    """

    def __init__(self, vcpu: Vcpu, number: int) -> None:
        self._vcpu = vcpu
        self._number = number

    def get(self) -> tuple[str, int]:
        """The error's name or OK, and the value; 0 with an error."""
        try:
            return "OK", self._vcpu.get_one_reg(self._number)
        except KvmError as error:
            return error.name, 0

    def set(self, value: int) -> str:
        """The error's name or OK."""
        try:
            self._vcpu.set_one_reg(self._number, value & ONES)
        except KvmError as error:
            return error.name
        return "OK"


def hexadecimal(value: int) -> str:
    """A number as C's `%#x` writes it, which is how records have them."""
    return f"{value:#x}" if value else "0"


def fresh(kvm: Kvm, *, ran: bool = False) -> Vcpu:
    """A new vcpu of a new virtual machine."""
    vcpu = kvm.create_vm().create_vcpu(0)
    if ran:
        vcpu.run(immediate_exit=True)
    return vcpu


def _api(kvm: Kvm, line: Line) -> Answer:
    return {"api": kvm.api_version}


def _list(kvm: Kvm, line: Line) -> Answer:
    vcpu = fresh(kvm)
    number = integer(line["list"])
    register = Asked(vcpu, number)
    error, value = register.get()
    answer: Answer = {
        "list": line["list"],
        "size": 1 << (number >> 52 & 0xF),
        "get": error,
        "value": hexadecimal(value),
    }
    answer["set_same"] = register.set(value)
    if number not in vcpu.reg_list():
        answer["list"] = "not listed"
    return answer


def _isa(kvm: Kvm, line: Line) -> Answer:
    register = Asked(fresh(kvm), IDS["isa_ext.a"] + integer(line["isa"]))
    answer: Answer = dict(zip(("get", "v"), register.get(), strict=True))
    for value in (0, 1, 2):
        answer[f"set{value}"] = register.set(value)
        answer[f"after{value}"] = register.get()[1]
    return answer


def _sbi(kvm: Kvm, line: Line) -> Answer:
    register = Asked(fresh(kvm), IDS["sbi_ext.v01"] + integer(line["sbi"]))
    answer: Answer = dict(zip(("get", "v"), register.get(), strict=True))
    for value in (0, 1):
        answer[f"set{value}"] = register.set(value)
        answer[f"after{value}"] = register.get()[1]
    answer["set2"] = register.set(2)
    return answer


def _multi(kvm: Kvm, kind: str, line: Line, written: int) -> Answer:
    first = IDS[f"{kind}_ext.{'a' if kind == 'isa' else 'v01'}"]
    number = first | integer(line[f"{kind}_multi"]) << 16 | integer(line["idx"])
    register = Asked(fresh(kvm), number)
    error, value = register.get()
    return {"get": error, "v": hexadecimal(value), "set": register.set(written)}


def _isa_multi(kvm: Kvm, line: Line) -> Answer:
    return _multi(kvm, "isa", line, ISA_MULTI_BIT.get(integer(line["idx"]), 1))


def _sbi_multi(kvm: Kvm, line: Line) -> Answer:
    return _multi(kvm, "sbi", line, SBI_MULTI)


def _config(kvm: Kvm, line: Line) -> Answer:
    register = Asked(fresh(kvm), IDS["config.isa"] + integer(line["config"]))
    error, value = register.get()
    answer: Answer = {"get": error, "v": hexadecimal(value), "set_same": register.set(value)}
    answer |= {"set_plus1": register.set(value + 1), "after": hexadecimal(register.get()[1])}
    return answer | {"set0": register.set(0), "after0": hexadecimal(register.get()[1])}


def _core(kvm: Kvm, line: Line) -> Answer:
    return _set_ones(kvm, IDS["core.pc"] + integer(line["core"]))


def _csr(kvm: Kvm, line: Line) -> Answer:
    return _set_ones(kvm, IDS["csr.sstatus"] + (integer(line["sub"]) << 16) + integer(line["csr"]))


def _set_ones(kvm: Kvm, number: int) -> Answer:
    register = Asked(fresh(kvm), number)
    error, value = register.get()
    answer: Answer = {"get": error, "v": hexadecimal(value), "set_ones": register.set(ONES)}
    return answer | {"after": hexadecimal(register.get()[1])}


def _timer(kvm: Kvm, line: Line) -> Answer:
    register = Asked(fresh(kvm), IDS["timer.frequency"] + integer(line["timer"]))
    error, value = register.get()
    answer: Answer = {"get": error, "v": hexadecimal(value), "set_same": register.set(value)}
    answer["plus1"] = register.set(value + 1)
    return answer | {f"set{value}": register.set(value) for value in (0, 1, 2)}


def _sbi_state(kvm: Kvm, line: Line) -> Answer:
    vcpu = fresh(kvm)
    if not line["smnpm"]:
        Asked(vcpu, IDS["isa_ext.smnpm"]).set(0)
    number = IDS["sbi_sta.shmem_lo"] + (integer(line["sub"]) << 16) + integer(line["sbistate"])
    register = Asked(vcpu, number)
    error, value = register.get()
    answer: Answer = {"get": error, "v": hexadecimal(value)}
    for value in (0, 1, 7, 16, 8, -1):
        answer[f"set{value}"] = register.set(value)
        answer[f"after{value}"] = hexadecimal(register.get()[1])
    return answer


def _bad_id(kvm: Kvm, line: Line) -> Answer:
    register = Asked(fresh(kvm), integer(line["badid"]))
    return {"get": register.get()[0], "set": register.set(0)}


def _isa_ran(kvm: Kvm, line: Line) -> Answer:
    return _ran(kvm, IDS["isa_ext.a"] + integer(line["isa_ran"]))


def _sbi_ran(kvm: Kvm, line: Line) -> Answer:
    return _ran(kvm, IDS["sbi_ext.v01"] + integer(line["sbi_ran"]))


def _ran(kvm: Kvm, number: int) -> Answer:
    register = Asked(fresh(kvm, ran=True), number)
    error, value = register.get()
    return {"get": error, "v": value, "set_same": register.set(value), "set_flip": register.set(value ^ 1)}


def _config_ran(kvm: Kvm, line: Line) -> Answer:
    register = Asked(fresh(kvm, ran=True), IDS["config.isa"] + integer(line["config_ran"]))
    error, value = register.get()
    answer: Answer = {"get": error, "v": hexadecimal(value), "set_same": register.set(value)}
    return answer | {"set_plus1": register.set(value + 1)}


ANSWERS: Final[dict[str, Callable[[Kvm, Line], Answer]]] = {
    "api": _api,
    "list": _list,
    "isa": _isa,
    "sbi": _sbi,
    "isa_multi": _isa_multi,
    "sbi_multi": _sbi_multi,
    "config": _config,
    "core": _core,
    "csr": _csr,
    "timer": _timer,
    "sbistate": _sbi_state,
    "badid": _bad_id,
    "isa_ran": _isa_ran,
    "sbi_ran": _sbi_ran,
    "config_ran": _config_ran,
}
"""By kind of line, which is the name of its first field."""
