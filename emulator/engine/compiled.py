"""The compiled engine: machine code mapped once a process, and the tables that tie it to one machine."""

from __future__ import annotations

import ctypes
from array import array
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from emulator.engine import cache as disk
from emulator.engine.decoding import ILLEGAL, TARGETS, Tables
from emulator.engine.layout import CSR_ENTRY, PAGE, PAGE_SHIFT, RAM_BASE, RECORD_PAGE, VARIANTS
from emulator.engine.runtime import SEEN_CSR
from emulator.engine.watching import Watch, watch_table
from emulator.errors import BusFault
from emulator.hart import csrs
from emulator.hart.state import HART_OFFSETS, HART_SIZE, MASK64, Attention, Observed, Pending, StopCode
from emulator.judgements import NO_PROGRAMS, Programs
from emulator.memory.ram import Mapping

if TYPE_CHECKING:
    from emulator.engine.build import Code
    from emulator.engine.hooks import Hooks
    from emulator.hart.block import Blocks, HartBlock
    from emulator.memory.ram import Backing

RUN: Final = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_void_p)
DROP_LINE: Final = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint64)
ON_LOAD: Final = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint64)
ON_STORE: Final = ctypes.CFUNCTYPE(None, ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint64)
ON_LINE: Final = ctypes.CFUNCTYPE(None, ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint64)
ON_TRAP: Final = ctypes.CFUNCTYPE(None, ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint64)
ON_DECODE: Final = ctypes.CFUNCTYPE(None, ctypes.c_uint64, ctypes.c_uint64)
ON_CSR: Final = ctypes.CFUNCTYPE(None, ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint64)
ON_JUDGE_CSR: Final = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint64)
ON_JUDGE_FULL: Final = ctypes.CFUNCTYPE(None, ctypes.c_uint64)
ON_JUDGE_PRINT: Final = ctypes.CFUNCTYPE(None, ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint64)

SPECIAL_NONE: Final = MASK64

PRINT_WORDS: Final = 1 << 16
"""Words that breakpoints may print before Python has to look."""

_TLB_OFFSET: Final = HART_OFFSETS["data_tlb"]
_TLB_SIZE: Final = HART_SIZE - _TLB_OFFSET
_FETCH_OFFSET: Final = HART_OFFSETS["fetch_tlb"]
_FETCH_SIZE: Final = HART_OFFSETS["table_tlb"] - _FETCH_OFFSET


class MappedCode:
    """The engine's machine code in executable memory, shared by all machines of the process."""

    def __init__(self, code: Code, tables: Tables) -> None:
        self._mapping = Mapping(len(code.text), executable=True)
        self._mapping.view[: len(code.text)] = code.text
        self._symbols = code.symbols
        self.tables = tables
        self.run = RUN(self.address("run"))
        self.drop_line = DROP_LINE(self.address("drop_line"))
        self.handlers = self._handler_table()
        self.csr_table = self._csr_table()

    def address(self, symbol: str) -> int:
        """Host address of a function."""
        return self._mapping.address + self._symbols[symbol]

    def _handler_table(self) -> array[int]:
        illegal = self.address("illegal")
        table = array("Q", [illegal]) * ((len(TARGETS) + 1) * VARIANTS)
        for index, row in enumerate(TARGETS):
            prefix = f"i_{row.name.replace('.', '_')}_"
            for variant in range(VARIANTS):
                if prefix + str(variant) in self._symbols:
                    table[index * VARIANTS + variant] = self.address(prefix + str(variant))
        assert len(table) == (ILLEGAL + 1) * VARIANTS
        return table

    def _csr_table(self) -> array[int]:
        words = CSR_ENTRY // 8
        table = array("Q", [self.address("csr_absent")]) * (4096 * words)
        for row in csrs.ROWS:
            for column, kind in enumerate(("read", "base", "write")):
                table[row.number * words + column] = self.address(f"csr_{kind}_{row.name}")
        return table


_mapped: list[MappedCode] = []
"""The code, once it is mapped: all machines of the process share it."""


def mapped_code(progress: Callable[[str], None] | None = None) -> MappedCode:
    """The engine's code: mapped before in this process, from disk, or compiled now and kept.

    Args:
        progress: Told, in a sentence, when the engine has to be compiled first.

    Raises:
        EngineError: It cannot be compiled on this host.
    """
    if not _mapped:
        _mapped.append(MappedCode(*obtain_code(progress)))
    return _mapped[0]


def obtain_code(progress: Callable[[str], None] | None) -> tuple[Code, Tables]:
    """The engine from disk, or compiled now and kept; as of `mapped_code`."""
    kept = disk.load()
    if kept is None:
        from emulator.engine.build import compile_text, module_text

        if progress is not None:
            progress("compiling the engine for this processor (once; a few seconds)")
        from emulator.engine.decoding import tables

        kept = compile_text(module_text()), tables()
        disk.store(*kept)
    return kept


def _pointer(table: array[int]) -> int:
    return table.buffer_info()[0]


class CompiledEngine:
    """Runs the harts of one machine in compiled code.

    Args:
        blocks: The harts' state.
        backing: RAM and ROM.
        hooks: The machine, for devices.
        extensions: The mask of extensions that harts have.
        code: The mapped code.
    """

    longest = 2_000_000

    def __init__(
        self, blocks: Blocks, backing: Backing, hooks: Hooks, extensions: int, code: MappedCode | None = None
    ) -> None:
        self._blocks = blocks
        self._code = code or mapped_code()
        self._hooks = hooks
        self._error: BaseException | None = None
        self._ram = backing.address
        pages = len(backing.bytes) >> PAGE_SHIFT
        self._records = Mapping(pages * RECORD_PAGE)
        self._lines = Mapping(pages * 8)
        self._line_masks = self._lines.view.cast("Q")
        self._stored = Mapping(pages)
        self._breaks = array("Q", [0])
        self._watches = array("Q", [0])
        self._prints = Mapping(PRINT_WORDS * 8)
        # Kept alive here: compiled code holds their addresses.
        self._callbacks = {
            "on_load": ON_LOAD(self._on_load),
            "on_store": ON_STORE(self._on_store),
            "on_line": ON_LINE(self._kept(hooks.line_written)),
            "on_trap": ON_TRAP(self._kept(hooks.trap_taken)),
            "on_decode": ON_DECODE(self._kept(hooks.code_decoded)),
            "on_csr": ON_CSR(self._kept(hooks.csr_accessed)),
            "on_judge_csr": ON_JUDGE_CSR(self._on_judge_csr),
            "on_judge_print": ON_JUDGE_PRINT(self._kept(self._print_now)),
            "on_judge_full": ON_JUDGE_FULL(self._kept(lambda _: self._pass_prints())),
        }
        blocks.shared.put("extensions", extensions)
        self._publish(backing)

    def _publish(self, backing: Backing) -> None:
        tables = self._code.tables
        values = {
            "ram": backing.address,
            "ram_size": len(backing.ram),
            "rom_base": backing.rom_base,
            "rom_size": len(backing.rom),
            "records": self._records.address,
            "lines": self._lines.address,
            "stored": self._stored.address,
            "handlers": _pointer(self._code.handlers),
            "csr_table": _pointer(self._code.csr_table),
            "csr_plain": _pointer(self._code.csr_table),
            "special_line": SPECIAL_NONE,
            "prints": self._prints.address,
            "print_room": PRINT_WORDS,
        }
        values |= {name: _pointer(getattr(tables, name)) for name in Tables.__slots__}
        for name, callback in self._callbacks.items():
            values[name] = ctypes.cast(callback, ctypes.c_void_p).value or 0
        for name, value in values.items():
            self._blocks.shared.put(name, value)
        self.flush()

    def run(self, hart: HartBlock, steps: int) -> None:
        """Run a hart for at most `steps` steps; its `stop` field says why it came back, `budget` what is left."""
        hart.put("stop", StopCode.BUDGET)
        hart.put("budget0", steps)
        self._code.run(hart.address, steps, self._ram)
        self._pass_prints()
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _pass_prints(self) -> None:
        """Tell of what breakpoints have printed."""
        used = self._blocks.shared.get("print_used")
        if used:
            self._blocks.shared.put("print_used", 0)
            self._hooks.judge_printed(self._prints.view.cast("Q")[:used])

    def _print_now(self, hart: int, index: int, depth: int) -> None:
        self._pass_prints()
        self._hooks.judge_print(hart, index, depth)

    def flush(self) -> None:
        """Forget every cached translation of every hart."""
        for hart in self._blocks.harts:
            ctypes.memset(hart.address + _TLB_OFFSET, 0xFF, _TLB_SIZE)

    def ram_changed(self, offset: int, length: int) -> None:
        """Someone other than a hart wrote `length` bytes at a backing offset: drop what was decoded from them."""
        hart = self._blocks.harts[0].address
        for page in range(offset >> PAGE_SHIFT, (offset + length + PAGE - 1) >> PAGE_SHIFT):
            mask = self._line_masks[page]
            if not mask:
                continue
            for line in range(64):
                start = (page << PAGE_SHIFT) + (line << 6)
                if mask >> line & 1 and start < offset + length and start + 64 > offset:
                    self._code.drop_line(hart, start >> 6)

    def set_breakpoints(self, addresses: Sequence[int], programs: Programs = NO_PROGRAMS) -> None:
        """Replace the set of breakpoints."""
        self._breaks = array(
            "Q", [word for address in addresses for word in (address, programs.starts.get(address, 0))]
        )
        self._programs = programs  # kept alive: compiled code holds its address
        self._blocks.shared.put("judgements", _pointer(programs.code))
        self._blocks.shared.put("breaks", _pointer(self._breaks))
        self._blocks.shared.put("break_count", len(addresses))
        self.flush()

    def set_span(self, hart: int, start: int, size: int) -> None:
        """Have a hart leave the slice before an instruction outside `size` bytes of addresses; 0 is no bound."""
        for name, value in (("span_hart", hart), ("span_start", start), ("span_size", size)):
            self._blocks.shared.put(name, value)
        ctypes.memset(self._blocks.harts[hart].address + _FETCH_OFFSET, 0xFF, _FETCH_SIZE)

    def set_watchpoints(self, watches: Sequence[Watch]) -> None:
        """Replace the set of watchpoints."""
        self._watches = watch_table(watches)
        self._blocks.shared.put("watches", _pointer(self._watches))
        self._blocks.shared.put("watch_count", len(watches))
        self.flush()

    def observe(self, *, traps: bool, code: bool) -> None:
        """Call the hooks `trap_taken` and `code_decoded` from now on, or not."""
        self._blocks.shared.put("observed", Observed.TRAPS * traps | Observed.CODE * code)

    def watch_csrs(self, numbers: frozenset[int]) -> None:
        """Have these CSRs' routines replaced in this machine's table."""
        self._csr_table = array("Q", self._code.csr_table)
        for number in numbers:
            for column, symbol in enumerate(SEEN_CSR.values()):
                self._csr_table[number * (CSR_ENTRY // 8) + column] = self._code.address(symbol)
        self._blocks.shared.put("csr_table", _pointer(self._csr_table))

    def set_special(self, physical: int | None) -> None:
        """Have `Hooks.line_written` called for stores to the 64-byte line of RAM at a physical address."""
        if physical is None:
            self._blocks.shared.put("special_line", SPECIAL_NONE)
            return
        line = (physical - RAM_BASE) >> 6
        self._line_masks[line >> 6] |= 1 << (line & 63)
        self._blocks.shared.put("special_line", line)
        self.flush()

    # Called from compiled code: an exception must not pass through it.

    def _fault(self, hart: int, cause: int) -> None:
        block = self._blocks.harts[hart]
        block.put("trap_cause", cause)
        block.put("pending", Pending.TRAP)

    def _failed(self, hart: int, error: BaseException) -> None:
        self._error = error
        self._blocks.harts[hart].put("pending", Pending.FAILED)

    def _on_load(self, hart: int, physical: int, size: int) -> int:
        try:
            return self._hooks.load(hart, physical, size)
        except BusFault:
            self._fault(hart, self._blocks.harts[hart].get("fault_cause"))
        except BaseException as error:  # noqa: BLE001 -- kept, and raised again when the slice has ended
            self._failed(hart, error)
        return 0

    def _on_store(self, hart: int, physical: int, size: int, value: int) -> None:
        try:
            self._hooks.store(hart, physical, size, value)
        except BusFault:
            self._fault(hart, self._blocks.harts[hart].get("fault_cause"))
        except BaseException as error:  # noqa: BLE001 -- kept, and raised again when the slice has ended
            self._failed(hart, error)

    def _on_judge_csr(self, hart: int, number: int) -> int:
        try:
            return self._hooks.judge_csr(hart, number)
        except BaseException as error:  # noqa: BLE001 -- kept, and raised again when the slice has ended
            self._error = error
            block = self._blocks.harts[hart]
            block.put("attention", block.get("attention") | Attention.LEAVE)
        return 0

    def _kept(self, hook: Callable[..., None]) -> Callable[..., None]:
        """A hook whose exception is raised when the slice has ended; its first argument is the hart."""

        def call(hart: int, *args: int) -> None:
            try:
                hook(hart, *args)
            except BaseException as error:  # noqa: BLE001 -- as in `_on_load`
                self._error = error
                block = self._blocks.harts[hart]
                block.put("attention", block.get("attention") | Attention.LEAVE)

        return call
