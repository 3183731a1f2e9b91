"""`vCont`, `c`, `C`, `s`, `S`, `?`: running and halting."""

from __future__ import annotations

from protocol.replies import Reply
from protocol.requests import ActionKind, Continue, ResumeThreads, Step, WhyStopped
from rvgdb.client import Answer, Client, thread_of
from rvgdb.handlers.stops import stop_answer, stop_reply
from rvgdb.runner import Resume
from rvgdb.target.api import TargetError
from rvgdb.target.csr_registers import SIZE
from rvgdb.target.registers import PC

STEPS = (ActionKind.STEP, ActionKind.STEP_WITH_SIGNAL, ActionKind.STEP_IN_RANGE)


def _go(client: Client, plan: Resume) -> Answer:
    """Resume; a step is answered at once, anything else when the guest halts."""
    halt = client.runner.resume(plan)
    if halt is not None:
        return stop_answer(client, halt)
    client.in_flight = True
    return None


def resume_threads(client: Client, request: ResumeThreads) -> Answer:
    """Each hart takes the leftmost action that names it; a hart that none names does not run.

    Signals are a debugger's way to hand a program an exception; a machine has nobody to hand one to, so they are
    not delivered, as in QEMU.

    Raises:
        TargetError: When an action names a thread that does not exist, or nothing would run.
    """
    for action in request.actions:
        if action.thread is not None:
            client.hart_of(action.thread)
    free: set[int] = set()
    steps: list[int] = []
    span: tuple[int, int] | None = None
    count = client.target.harts.count
    for hart in range(count):
        chosen = request.action_for(thread_of(hart))
        if chosen is None or chosen.kind is ActionKind.STOP:
            continue
        if chosen.kind not in STEPS:
            free.add(hart)
            continue
        steps.append(hart)
        span = (chosen.start, chosen.end) if chosen.kind is ActionKind.STEP_IN_RANGE else None
    if not free and not steps:
        raise TargetError("no thread would run")
    if len(steps) > 1:
        span = None  # a range may be left early; the debugger asks again
    if client.hart in steps:  # the one whose step the debugger looks at
        steps.sort(key=lambda hart: hart != client.hart)
    return _go(client, Resume(None if len(free) == count else frozenset(free), tuple(steps), span))


def _set_pc(client: Client, hart: int, address: int | None) -> None:
    if address is not None:
        client.target.registers.write_register(hart, PC, address.to_bytes(SIZE, "little"))


def resume(client: Client, request: Continue) -> Answer:
    """All harts run, whatever `Hc` chose: as in QEMU."""
    _set_pc(client, client.hart if client.resume_hart is None else client.resume_hart, request.address)
    return _go(client, Resume())


def step(client: Client, request: Step) -> Answer:
    """The hart that `Hc` chose makes a step; the others stand still."""
    hart = client.hart if client.resume_hart is None else client.resume_hart
    _set_pc(client, hart, request.address)
    return _go(client, Resume(frozenset(), (hart,)))


def why_stopped(client: Client, request: WhyStopped) -> Reply:
    """The last halt again. Breakpoints stay: QEMU's stub removes them here."""
    return stop_reply(client, client.runner.last, asked=True)


HANDLERS = {
    ResumeThreads: resume_threads,
    Continue: resume,
    Step: step,
    WhyStopped: why_stopped,
}
