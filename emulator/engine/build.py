"""From rows and rules to machine code: writes the module's IR, compiles it, cuts the code out of the object file."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Final

from emulator.engine import breaking, decoding, handlers, runtime, special
from emulator.engine.ir import DECLARATIONS, METADATA, emit_routine
from emulator.errors import EngineError
from emulator.hart import csrs
from emulator.isa.domain import Domain, Routine, Value
from emulator.isa.table import ROWS

ATTRIBUTES: Final = """
attributes #0 = { nounwind noinline "no-jump-tables"="true" }
attributes #1 = { nounwind "no-jump-tables"="true" }
attributes #2 = { strictfp }
attributes #3 = { nounwind strictfp "no-jump-tables"="true" }
"""

WITHOUT: Final = "-gfni,-xop"
"""Features of x86 processors that are not used: with them LLVM reverses bits by a constant that it keeps elsewhere."""


@dataclass(frozen=True, slots=True)
class Code:
    """Position-independent machine code and where its functions begin.

    Attributes:
        text: The bytes.
        symbols: Offset of each function by name.
    """

    text: bytes
    symbols: dict[str, int]


def csr_symbol(row: csrs.Csr, kind: str) -> str:
    """Symbol of a CSR's routine; `kind` is `read`, `base` or `write`."""
    return f"csr_{kind}_{row.name}"


def _csr_routines() -> list[Routine]:
    found = [Routine("csr_absent", 1, _absent, traps=True)]
    for row in csrs.ROWS:
        for kind, body in (
            ("read", csrs.read_instruction(row)),
            ("base", csrs.base_instruction(row)),
            ("write", csrs.write_instruction(row)),
        ):
            found.append(Routine(csr_symbol(row, kind), 1, body, traps=True))
    return found


def _absent(d: Domain, _value: Value) -> None:
    d.illegal()


def module_text() -> str:
    """The whole module: engine functions, row handlers, CSR routines and every routine that they call."""
    pending: dict[str, Routine] = {}
    parts: list[str] = []

    def wanted(target: Routine) -> None:
        pending.setdefault(target.name, target)

    for name, params, result, build in (*runtime.FUNCTIONS, *decoding.FUNCTIONS, *breaking.FUNCTIONS):
        parts.append(runtime.emit_function(name, params, result, build, wanted))
    kept = ["run", "drop_line", *runtime.SEEN_CSR.values()]
    for name, handler in special.SPECIAL:
        parts.append(special.emit_special(name, handler, wanted))
        kept.append(name)
    for row in decoding.TARGETS:
        for variant in handlers.variants(row, handlers.lengths_of(row, ROWS)):
            parts.extend(handlers.emit_row(row, variant, wanted))
            kept.append(handlers.handler_name(row, variant))
    for target in _csr_routines():
        wanted(target)
        kept.append(target.name)
    done: set[str] = set()
    while len(done) < len(pending):
        for target in [target for name, target in pending.items() if name not in done]:
            done.add(target.name)
            parts.append(emit_routine(target, wanted))
    used = ", ".join(f"ptr @{name}" for name in kept)
    keep = f'@llvm.compiler.used = appending global [{len(kept)} x ptr] [{used}], section "llvm.metadata"\n'
    return "".join([keep, *parts, special.ENTRY, DECLARATIONS, ATTRIBUTES, METADATA])


def compile_text(source: str) -> Code:
    """Compile IR to position-independent code.

    Raises:
        EngineError: LLVM refused the module, or the object needs relocations.
    """
    import llvmlite.binding as llvm  # deferred: it takes long, and a cached engine needs none of it

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple()
    machine = target.create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=f"{llvm.get_host_cpu_features().flatten()},{WITHOUT}",
        opt=2,
        reloc="pic",
        codemodel="default",
    )
    try:
        module = llvm.parse_assembly(source)
        module.triple = machine.triple
        module.data_layout = str(machine.target_data)
        module.verify()
    except RuntimeError as error:
        raise EngineError(f"LLVM refused the engine's code: {error}") from error
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    options.slp_vectorization = False
    options.loop_vectorization = False
    options.loop_unrolling = False
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    return cut_code(machine.emit_object(module))


def cut_code(image: bytes) -> Code:
    """The code section of an ELF object and the functions in it.

    Raises:
        EngineError: The code refers to something outside itself.
    """
    from elftools.elf.elffile import ELFFile
    from elftools.elf.relocation import RelocationSection
    from elftools.elf.sections import SymbolTableSection

    elf = ELFFile(io.BytesIO(image))
    section = max((s for s in elf.iter_sections() if s.name in (".text", ".ltext")), key=lambda s: s.data_size)
    for other in elf.iter_sections():
        if isinstance(other, RelocationSection) and other.name.endswith("text") and other.num_relocations():
            raise EngineError("the engine's code has relocations; it cannot be mapped as it is")
    symbols = {
        symbol.name: symbol["st_value"]
        for table in elf.iter_sections()
        if isinstance(table, SymbolTableSection)
        for symbol in table.iter_symbols()
        if symbol["st_info"]["type"] == "STT_FUNC"
    }
    return Code(section.data(), symbols)
