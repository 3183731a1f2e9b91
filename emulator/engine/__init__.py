"""Turns instruction rows into running code: two domains, a threaded interpreter, the soft TLB, the store of records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from emulator.errors import ConfigError

if TYPE_CHECKING:
    from emulator.engine.hooks import Hooks
    from emulator.engine.watching import Watch
    from emulator.hart.block import Blocks, HartBlock
    from emulator.judgements import Programs
    from emulator.memory.ram import Backing

ENGINES = ("compiled", "reference")


class Engine(Protocol):
    """Runs the harts of one machine.

    Attributes:
        longest: Steps of a slice that takes some milliseconds: nobody can interrupt a slice.
    """

    longest: int

    def run(self, hart: HartBlock, steps: int) -> None:
        """Run a hart for at most `steps` steps; its `stop` field says why it came back, `budget` what is left."""
        ...

    def flush(self) -> None:
        """Forget every cached translation of every hart."""
        ...

    def ram_changed(self, offset: int, length: int) -> None:
        """Someone other than a hart wrote `length` bytes at a backing offset."""
        ...

    def set_breakpoints(self, addresses: Sequence[int], programs: Programs = ...) -> None:
        """Replace the set of breakpoints (virtual addresses); who has a program stops only where that says so."""
        ...

    def set_span(self, hart: int, start: int, size: int) -> None:
        """Have a hart leave the slice before an instruction outside `size` bytes of addresses; 0 is no bound."""
        ...

    def set_watchpoints(self, watches: Sequence[Watch]) -> None:
        """Replace the set of watchpoints."""
        ...

    def observe(self, *, traps: bool, code: bool) -> None:
        """Have `Hooks.trap_taken` or `Hooks.code_decoded` called from now on, or not."""
        ...

    def watch_csrs(self, numbers: frozenset[int]) -> None:
        """Have `Hooks.csr_accessed` called for instructions that name these CSRs, and for no others."""
        ...

    def set_special(self, physical: int | None) -> None:
        """Have `Hooks.line_written` called for stores to the 64-byte line of RAM at a physical address."""
        ...


def make_engine(
    kind: str,
    blocks: Blocks,
    backing: Backing,
    hooks: Hooks,
    extensions: int,
    progress: Callable[[str], None] | None = None,
) -> Engine:
    """Build an engine by name.

    Raises:
        ConfigError: There is no such engine.
        EngineError: The compiled engine cannot be built on this host.
    """
    if kind == "compiled":
        from emulator.engine.compiled import CompiledEngine, mapped_code

        return CompiledEngine(blocks, backing, hooks, extensions, mapped_code(progress))
    if kind == "reference":
        from emulator.engine.reference import ReferenceEngine

        return ReferenceEngine(blocks, backing, hooks, extensions)
    raise ConfigError(f"there is no engine '{kind}'; there are: {', '.join(ENGINES)}")
