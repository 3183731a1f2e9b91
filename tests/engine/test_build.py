"""The compiled engine's own making: in child processes, because LLVM ends a process that gives it nonsense."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from emulator.engine.compiled import mapped_code

ROOT = Path(__file__).resolve().parents[2]

REFUSED = {
    "no IR at all": "garbage",
    "types that do not fit": "define i64 @f() {\n ret i32 0\n}\n",
    "an undefined value": "define void @f() {\n %x = add i64 %y, 1\n ret void\n}\n",
    "a malformed graph": "define void @f() {\nentry:\n br label %entry\n}\n",
    "a tail call that cannot be": (
        "define void @g(i32 %a) {\n ret void\n}\n"
        "define void @f(i64 %a) {\n musttail call void @g(i32 0)\n ret void\n}\n"
    ),
    "a function outside": "declare void @h()\ndefine void @f() {\n call void @h()\n ret void\n}\n",
    "a variable outside": "@x = external global i64\ndefine i64 @f() {\n %v = load i64, ptr @x\n ret i64 %v\n}\n",
}


def python(script: str, *arguments: str) -> str:
    """What a Python program prints."""
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=100).stdout


@pytest.mark.parametrize("name", REFUSED)
def test_bad_code_is_refused(name: str) -> None:
    """IR that cannot become position-independent code is an EngineError, not the end of the process."""
    script = (
        "import sys\nfrom emulator.engine.build import compile_text\nfrom emulator.errors import EngineError\n"
        "try:\n    compile_text(sys.argv[1])\nexcept EngineError as error:\n    print('refused:', error)\n"
    )

    assert python(script, REFUSED[name]).startswith("refused: ")


def test_the_engine_compiles_without_relocations() -> None:
    """The whole module is one section that refers to nothing outside itself; compiled twice it is the same."""
    script = (
        "import io\nfrom unittest.mock import patch\nfrom elftools.elf.elffile import ELFFile\n"
        "from emulator.engine import build\nkept = []\ncut = build.cut_code\n"
        "def keep(image):\n    kept.append(image)\n    return cut(image)\n"
        "with patch.object(build, 'cut_code', keep):\n"
        "    code = build.compile_text(build.module_text())\n"
        "assert build.compile_text(build.module_text()) == code\n"
        "sections = [s.name for s in ELFFile(io.BytesIO(kept[0])).iter_sections()]\n"
        "print([name for name in sections if name.startswith('.rel') and name.endswith('text')],"
        " 'run' in code.symbols)\n"
    )

    assert python(script) == "[] True\n"


def test_no_symbol_is_left_outside() -> None:
    """Every function that Python looks up is in the code."""
    code = mapped_code()

    assert all(entry != 0 for entry in code.handlers)
    assert all(code.address(name) for name in ("run", "drop_line", "illegal", "csr_absent"))
