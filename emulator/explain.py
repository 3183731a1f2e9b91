"""Why a hart treats an address as it does: what masks it, and how it is translated, step by step.

Everything here is asked of the hart's own rules (`emulator.witness`). Which CSR's field governs is found by experiment:
the one whose change changes the outcome. How an address is translated is read off the record of its translation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from emulator.hart import layouts
from emulator.hart.access import (
    GUEST_EXECUTE,
    GUEST_READ,
    GUEST_WRITE,
    READ,
    WRITE,
    check_fetch,
    translate_fetch,
)
from emulator.hart.fields import Cause
from emulator.hart.masking import SIGNED, masked, pointer_mask
from emulator.hart.modes import data_mode
from emulator.hart.translation import FIRST, LOAD, translate
from emulator.isa.domain import Routine, routine
from emulator.witness import Call, MemoryWrite, Witness

if TYPE_CHECKING:
    from emulator.engine.reference import Trapped
    from emulator.isa.domain import Domain, Value

LARGEST_PMM: Final = 3


@dataclass(frozen=True, slots=True)
class Named:
    """A field of a CSR and its value now."""

    csr: str
    field: str
    value: int

    @property
    def text(self) -> str:
        """As `henvcfg.PMM=PMLEN7`."""
        found = layouts.field(self.csr, self.field)
        return f"{self.csr}.{self.field}={found.text(self.value) if found else self.value}"


@dataclass(frozen=True, slots=True)
class Masking:
    """What becomes of the data addresses of a mode.

    Attributes:
        mode: The mode of the access.
        pmlen: How many upper bits are ignored.
        signed: Whether they become copies of the highest bit that is kept; otherwise zero.
        governor: The field that chooses PMLEN; None where nothing masks.
        lifted: The fields that switch masking off as they are now.
        extension: The field that chooses between sign and zero; None for M-mode.
    """

    mode: int
    pmlen: int
    signed: bool
    governor: Named | None
    lifted: tuple[Named, ...]
    extension: Named | None


def _named(witness: Witness, csr: str, name: str) -> Named:
    found = layouts.field(csr, name)
    assert found is not None
    return Named(csr, name, found.of(witness.get(csr)))


def _with(witness: Witness, fields: Mapping[tuple[str, str], int]) -> Witness:
    """The same hart with fields of CSRs set."""
    values: dict[str, int] = {}
    for (csr, name), value in fields.items():
        found = layouts.field(csr, name)
        assert found is not None
        values[csr] = found.placed(values.get(csr, witness.get(csr)), value)
    return witness.supposing(**values)


_PMM: Final = tuple(pair for pair in layouts.MASKING if pair[1].endswith("PMM"))
_MXR: Final = tuple(pair for pair in layouts.MASKING if pair[1] == "MXR")
_TRANSLATION: Final = tuple(pair for pair in layouts.MASKING if pair[1] == "MODE")


def masking(witness: Witness, mode: int, *, hlv_from_user: bool = False) -> Masking:
    """What masks the data addresses of a mode, and why.

    Args:
        witness: Of the hart.
        mode: One of `emulator.hart.modes.MODE_NAMES`.
        hlv_from_user: The access is an HLV or HSV that U-mode executes.
    """

    def outcome(seen: Witness) -> int:
        return int(seen.call(pointer_mask, mode, int(hlv_from_user)))

    now = outcome(witness)
    open_ = dict.fromkeys(_MXR, 0)

    def changes(pair: tuple[str, str], low: int, high: int, rest: Mapping[tuple[str, str], int]) -> bool:
        return outcome(_with(witness, {**rest, pair: low})) != outcome(_with(witness, {**rest, pair: high}))

    governors = [pair for pair in _PMM if changes(pair, 0, LARGEST_PMM, open_)]
    on = {**open_, **dict.fromkeys(_PMM, LARGEST_PMM)}
    lifting = [pair for pair in _MXR if _named(witness, *pair).value and changes(pair, 0, 1, on)]
    extending = [pair for pair in _TRANSLATION if changes(pair, 0, 8, open_)]
    return Masking(
        mode,
        now & (SIGNED - 1),
        bool(now & SIGNED),
        _named(witness, *governors[0]) if governors else None,
        tuple(_named(witness, *pair) for pair in lifting),
        _named(witness, *extending[0]) if extending else None,
    )


def transformed(witness: Witness, rule: Masking, address: int) -> int:
    """The address that an access means where a rule masks it."""
    return int(masked(witness.supposing(access_mask=rule.pmlen | (SIGNED if rule.signed else 0)), address))


@routine(params=1, traps=True)
def fetch_parcel(d: Domain, address: Value) -> None:
    """What fetching a parcel asks of the hart's rules."""
    physical = d.call(translate_fetch, address)
    d.call(check_fetch, physical, address)
    for _ in d.unless(d.holds_memory(physical)):
        d.trap(Cause.FETCH_ACCESS, address)
    d.ret(physical)


ACCESSES: Final[Mapping[str, Routine]] = {
    "load": READ[1],
    "store": WRITE[1],
    "fetch": fetch_parcel,
    "hlv": GUEST_READ[1],
    "hsv": GUEST_WRITE[1],
    "hlvx": GUEST_EXECUTE[2],
}
"""The accesses that can be explained, as the hart makes them; the smallest of each kind."""

OF_GUESTS: Final = frozenset({"hlv", "hsv", "hlvx"})


@dataclass(slots=True)
class Entry:
    """A page-table entry that a walk read.

    Attributes:
        level: 0 for the last.
        address: Where the table has it: a guest-physical address in a VS-stage.
        place: Its physical address; None where that could not be had.
        nested: The G-stage's walk that found it.
        pte: What it holds; None where it could not be read.
    """

    level: int
    address: int
    place: int | None = None
    nested: Walk | None = None
    pte: int | None = None


@dataclass(slots=True)
class Walk:
    """A walk of one stage.

    Attributes:
        stage: `FIRST`, `SECOND` or `IMPLICIT`.
        address: What it translated.
        root: The CSR's value it began with.
        kind: The access that the tables had to allow.
        entries: What it read, from the root.
        allowed: What the leaf allows, where there is one.
        updated: What the leaf became by A and D.
        result: Where it led; None where it faulted.
        fault: Whether it faulted itself, and in which routine.
    """

    stage: int
    address: int
    root: int
    kind: int
    entries: list[Entry] = field(default_factory=list)
    allowed: int | None = None
    updated: int | None = None
    result: int | None = None
    fault: str | None = None


@dataclass(slots=True)
class Access:
    """What becomes of an access.

    Attributes:
        kind: One of `ACCESSES`.
        formed: The address as the program formed it.
        address: The address that it means, masked.
        mode: The mode that it is made in.
        walks: The walks of its stages; none where nothing is translated.
        physical: Where it led; None where it faulted before.
        fault: The exception that it raises.
        tval2: What that leaves for `mtval2` or `htval`.
        tinst: What it leaves for `mtinst` or `htinst`.
        raised_in: The routine that raised it.
    """

    kind: str
    formed: int
    address: int
    mode: int
    walks: list[Walk]
    physical: int | None
    fault: Trapped | None
    tval2: int
    tinst: int
    raised_in: str


def _entries(call: Call) -> list[Entry]:
    """The entries that a walk read, from the record of the walk."""
    root_mode = call.args[2] >> 60
    entries: list[Entry] = []
    level = root_mode - 8 + 3
    for step in call.steps:
        if isinstance(step, Call) and step.name == "find_table":
            level -= 1
            entry = Entry(level, step.args[0])
            entry.nested = next((_walk(inner) for inner in step.calls("walk")), None)
            entry.place = entry.address if entry.nested is None else entry.nested.result
            entries.append(entry)
    for entry, read in zip(entries, call.reads(), strict=False):
        entry.place, entry.pte = read.physical, read.value
    return entries


def _walk(call: Call) -> Walk:
    """A walk from its record."""
    address, kind, root, stage = call.args
    walk = Walk(stage, address, root, kind, _entries(call), result=call.result)
    for leaf in call.calls("use_leaf"):
        walk.allowed = next((inner.result for inner in leaf.calls("leaf_permissions")), None)
        for touch in leaf.calls("touch_leaf"):
            walk.updated = next(
                (step.value for step in touch.steps if isinstance(step, MemoryWrite)),
                None,
            )
    if call.fault is not None:
        names = [inner.name for inner in call.culprit()]
        walk.fault = " ".join(names) if "walk" not in names[1:] else None
    return walk


def _find(call: Call, name: str) -> Call | None:
    """The first routine of a name, however deep."""
    for step in call.steps:
        if isinstance(step, Call):
            found = step if step.name == name else _find(step, name)
            if found is not None:
                return found
    return None


def access(witness: Witness, kind: str, address: int) -> Access:
    """What becomes of an access of the smallest size at an address as a program forms it; `kind` is of `ACCESSES`."""
    seen = witness.supposing()
    arguments = (address, 0) if kind in ("store", "hsv") else (address,)
    call = seen.observe(ACCESSES[kind], *arguments)
    translation = _find(call, "translate")
    assert translation is not None
    meant, _, mode = translation.args
    walks = [_walk(step) for step in translation.calls("walk")]
    chain = " ".join(inner.name for inner in call.culprit()) if call.fault else ""
    return Access(
        kind,
        address,
        meant,
        mode,
        walks,
        translation.result,
        call.fault,
        seen.get("trap_tval2") if call.fault else 0,
        seen.get("trap_tinst") if call.fault else 0,
        chain.rpartition(" ")[2] if chain else "",
    )


def first_walk(witness: Witness, address: int, mode: int) -> Walk | None:
    """The walk of the first stage for a load in a mode; None where that stage is Bare."""
    call = witness.supposing().observe(translate, address, LOAD, mode)
    return next((walk for walk in map(_walk, call.calls("walk")) if walk.stage == FIRST), None)


def data_mode_of(witness: Witness) -> int:
    """The mode that the hart's loads and stores are made in."""
    return int(witness.supposing().call(data_mode))
