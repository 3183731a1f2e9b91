"""The `qSupported` negotiation: what the peer offered, and what this side announces."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from protocol.capabilities import Capability


@dataclass(frozen=True, slots=True)
class Peer:
    """What the debugger said it can do in `qSupported`; nothing before it has.

    Attributes:
        features: Every feature as written: name to `"+"`, `"-"`, `"?"` or the value after `=`.
        multiprocess: Thread ids are `pPID.TID` in both directions.
        software_breaks: `swbreak` may be in stop replies.
        hardware_breaks: `hwbreak` may be in stop replies.
        error_text: Any packet may be answered with `E.text`.
        error_strings: An error may be `Enn;hex`, with its text in hex digits: LLDB's form.
        resume_list: The peer asks `vCont?` and uses `vCont`.
    """

    features: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    multiprocess: bool = False
    software_breaks: bool = False
    hardware_breaks: bool = False
    error_text: bool = False
    resume_list: bool = False
    error_strings: bool = False


_EXTENSIONS: Final[tuple[tuple[str, Capability | None], ...]] = (
    ("multiprocess+", Capability.PROCESSES),
    ("swbreak+", Capability.STOP_REASONS),
    ("hwbreak+", Capability.STOP_REASONS),
    ("ConditionalBreakpoints+", Capability.BREAKPOINT_CONDITIONS),
    ("BreakpointCommands+", Capability.BREAKPOINT_COMMANDS),
    ("error-message+", None),
)
"""What is announced that is not a packet of its own; packets say for themselves (`Packet.offers`)."""


def announcement(capabilities: Collection[Capability], offers: Iterable[str], packet_size: int) -> str:
    """The answer to `qSupported`.

    Args:
        capabilities: What the target can do.
        offers: What the packets in force announce.
        packet_size: The longest payload this side takes, in bytes.
    """
    extensions = [name for name, needs in _EXTENSIONS if needs is None or needs in capabilities]
    return ";".join((f"PacketSize={packet_size:x}", *offers, *extensions))


def read_offer(features: Iterable[str], capabilities: Collection[Capability]) -> Peer:
    """What the peer's `qSupported` puts in force: each extension needs both sides; an unknown one is only recorded."""
    offered: dict[str, str] = {}
    for feature in features:
        name, equals, value = feature.partition("=")
        if equals:
            offered[name] = value
        elif feature[-1:] in ("+", "-", "?"):
            offered[feature[:-1]] = feature[-1]
    return Peer(
        features=MappingProxyType(offered),
        multiprocess=Capability.PROCESSES in capabilities and offered.get("multiprocess") == "+",
        software_breaks=Capability.STOP_REASONS in capabilities and offered.get("swbreak") == "+",
        hardware_breaks=Capability.STOP_REASONS in capabilities and offered.get("hwbreak") == "+",
        error_text=offered.get("error-message") == "+",
        resume_list=offered.get("vContSupported") == "+",
    )


def resume_actions(capabilities: Collection[Capability]) -> str:
    """The answer to `vCont?`. GDB uses none of it unless `c`, `C`, `s` and `S` are all there."""
    return "vCont;c;C;s;S;t" + (";r" if Capability.RANGE_STEP in capabilities else "")
