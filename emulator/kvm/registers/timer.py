"""TIMER registers: the guest's time and its next event."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from emulator.kvm.registers.access import (
    U64,
    Access,
    Named,
    RegisterClass,
    Request,
    absent,
    demand_size,
    fixed,
    invalid,
    subtyped,
)

if TYPE_CHECKING:
    from emulator.kvm.vcpu import Vcpu

NAMES: Final = subtyped(0, "frequency time compare state")


def resolve(vcpu: Vcpu, request: Request) -> Access:
    """Find a TIMER register.

    Raises:
        KvmError: EINVAL for a wrong size, ENOENT where there is none.
    """
    demand_size(request, U64, "TIMER")
    if request.number >= len(NAMES):
        raise absent(f"TIMER register {request.number:#x}")
    timer = vcpu.timer
    match NAMES[request.number].name:
        case "frequency":
            return fixed(vcpu.host.timebase, "TIMER frequency")
        case "time":
            return Access(lambda: vcpu.vm.time, vcpu.vm.set_time)
        case "compare":
            return Access(timer.get_compare, timer.set_compare)
    return Access(lambda: int(timer.armed), lambda value: _set_state(vcpu, value))


def _set_state(vcpu: Vcpu, value: int) -> None:
    """1 arms the timer; anything else cancels it, which fails when there is nothing to cancel.

    The kernel takes the state itself, 1, for the time of the event, so that it is due at once.
    """
    if value == 1:
        vcpu.timer.arm_by_user(1)
    elif vcpu.timer.armed:
        vcpu.timer.cancel()
    else:
        raise invalid("TIMER state: no event is armed that could be cancelled")


def listing(vcpu: Vcpu) -> Iterable[Named]:
    """All of them."""
    return NAMES


CLASS: Final = RegisterClass(4, resolve, listing, {"timer": NAMES})
