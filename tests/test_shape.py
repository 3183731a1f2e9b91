"""The shape of the code: sizes, names and rules that no other tool measures."""

from __future__ import annotations

import ast
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final, TypeAlias

import pytest

ROOT: Final = Path(__file__).resolve().parents[1]
PACKAGES: Final = ("rvgdb", "protocol", "emulator")
FOLDERS: Final = (*PACKAGES, "scripts", "tests")
SOURCES: Final = tuple(sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")))
PRODUCT: Final = tuple(path for path in SOURCES if path.relative_to(ROOT).parts[0] in PACKAGES)

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef

LONGEST_MODULE: Final = 400
"""Code lines. A reader can hold a file of this size; a larger one has more than one reason to change."""

LONGEST_FUNCTION: Final = 40
"""Code lines. What is longer does more than one thing, and its bugs hide in its length."""

TABLES: Final = frozenset[str]()
"""Files that are rows of data and little else, by path: as long as what they describe. Today none needs to be."""

FORBIDDEN_NAMES: Final = frozenset({"utils", "util", "helpers", "helper", "common", "misc", "stuff", "tools"})
"""Names that say nothing about what is inside, so that everything ends up there."""

SHARED: Final = ROOT / "tests" / "helpers"
"""What test folders share. Its files have names that say what they help with."""

BROAD: Final = frozenset({"Exception", "BaseException"})
"""Exceptions whose capture hides bugs: a handler names what it expects."""


BOUNDARIES: Final = {
    "rvgdb/scripting.py": "an error of the user's script is its verdict, whatever it is",
    "rvgdb/connection.py": "a mistake in serving a debugger is reported, and costs the debugger and not the guest",
    "emulator/engine/compiled.py": "an exception cannot cross compiled code: it is kept, and raised on the other side",
}
"""Files that may catch everything, each with its reason; they keep or report what they catch."""


def identify(path: Path) -> str:
    """A file's path as it is shown and listed here."""
    return path.relative_to(ROOT).as_posix()


@cache
def code_lines(path: Path) -> frozenset[int]:
    """The lines of a file that are code: not blank, not only a comment, not a docstring."""
    silent = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING}
    lines: set[int] = set()
    with tokenize.open(path) as stream:
        for token in tokenize.generate_tokens(stream.readline):
            if token.type not in silent and token.type != tokenize.ENDMARKER:
                lines.update(range(token.start[0], token.end[0] + 1))
    return frozenset(lines - docstring_lines(tree(path)))


@cache
def tree(path: Path) -> ast.Module:
    """A file's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def docstring_lines(module: ast.Module) -> set[int]:
    """The lines of strings that stand by themselves: docstrings, and the texts below constants."""
    lines: set[int] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return lines


def table_lines(module: ast.Module) -> set[int]:
    """The lines of a module's constants: a literal, or a call that makes one, bound to an UPPER_CASE name."""
    lines: set[int] = set()
    for node in module.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if any(isinstance(target, ast.Name) and target.id.lstrip("_").isupper() for target in targets):
            lines.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return lines


def functions(path: Path) -> Iterator[Function]:
    """Every function of a file, methods and inner ones included."""
    return (node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def function_size(path: Path, function: Function) -> int:
    """A function's code lines, from its `def` to its end."""
    return len(code_lines(path) & set(range(function.lineno, (function.end_lineno or function.lineno) + 1)))


@pytest.mark.parametrize("path", [path for path in SOURCES if identify(path) not in TABLES], ids=identify)
def test_modules_are_small(path: Path) -> None:
    """A module has at most 400 code lines besides the tables that it holds."""
    size = len(code_lines(path) - table_lines(tree(path)))

    assert size <= LONGEST_MODULE


@pytest.mark.parametrize("path", SOURCES, ids=identify)
def test_functions_are_small(path: Path) -> None:
    """A function has at most 40 code lines."""
    sizes = {f"{function.name}, line {function.lineno}": function_size(path, function) for function in functions(path)}

    assert {name: size for name, size in sizes.items() if size > LONGEST_FUNCTION} == {}


@pytest.mark.parametrize("path", SOURCES, ids=identify)
def test_names_say_what_is_inside(path: Path) -> None:
    """No file and no folder has a name that fits everything, but for the one folder that the tests share."""
    relative = path.relative_to(SHARED if path.is_relative_to(SHARED) else ROOT)
    parts = set(relative.with_suffix("").parts)

    assert set() == parts & FORBIDDEN_NAMES


@pytest.mark.parametrize("path", [path for path in PRODUCT if path.relative_to(ROOT).parts[0] != "rvgdb"], ids=identify)
def test_async_only_where_something_waits(path: Path) -> None:
    """`protocol` and `emulator` are synchronous: whoever calls them decides what waits."""
    waiting = [function.name for function in functions(path) if isinstance(function, ast.AsyncFunctionDef)]

    assert waiting == []


@pytest.mark.parametrize("path", SOURCES, ids=identify)
def test_handlers_name_what_they_expect(path: Path) -> None:
    """No handler catches everything, but at the listed boundaries: it would catch the bugs too."""
    handlers = [node for node in ast.walk(tree(path)) if isinstance(node, ast.ExceptHandler)]

    broad = [handler.lineno for handler in handlers if handler.type is None or caught(handler.type) & BROAD]

    assert bool(broad) == (identify(path) in BOUNDARIES), f"broad handlers in lines {broad}"


def caught(expression: ast.expr) -> set[str]:
    """The names in an `except` clause."""
    return {node.id for node in ast.walk(expression) if isinstance(node, ast.Name)}


@pytest.mark.parametrize("path", SOURCES, ids=identify)
def test_tests_have_one_sentence(path: Path) -> None:
    """Each test says in one sentence what it shows."""
    tests = [function for function in functions(path) if function.name.startswith("test_") and "tests" in path.parts]

    silent = [test.name for test in tests if not (ast.get_docstring(test) or "").endswith(".")]

    assert silent == []


@pytest.mark.parametrize("path", PRODUCT, ids=identify)
def test_nothing_is_left_undone(path: Path) -> None:
    """What is not built is not announced in the code either."""
    text = path.read_text(encoding="utf-8")

    assert [mark for mark in ("TODO", "FIXME", "XXX", "NotImplementedError") if mark in text] == []


@pytest.mark.parametrize("folder", sorted({path.parent for path in SOURCES if "tests" in path.parts}), ids=identify)
def test_test_folders_are_packages(folder: Path) -> None:
    """Each test folder has an `__init__.py`; otherwise `tests/protocol` would hide the real `protocol`."""
    assert (folder / "__init__.py").exists()


def test_listed_tables_exist() -> None:
    """The list of tables names files that are there and that need the exemption."""
    listed = [ROOT / name for name in TABLES]

    assert [identify(path) for path in listed if len(code_lines(path)) <= LONGEST_MODULE] == []
