"""The `qSupported` negotiation: what the peer offered, and what this side announces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Peer:
    """What the debugger said it can do in `qSupported`; nothing before it has.

    Attributes:
        features: Every feature as written: name to `"+"`, `"-"`, `"?"` or the value after `=`.
        multiprocess: Thread ids are `pPID.TID` in both directions.
        software_breaks: `swbreak` may be in stop replies.
        hardware_breaks: `hwbreak` may be in stop replies.
        error_text: Any packet may be answered with `E.text`.
        resume_list: The peer asks `vCont?` and uses `vCont`.
    """

    features: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    multiprocess: bool = False
    software_breaks: bool = False
    hardware_breaks: bool = False
    error_text: bool = False
    resume_list: bool = False
