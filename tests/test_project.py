"""What the project says about itself: its configuration, scripts, documents and built guests."""

from __future__ import annotations

import re
import stat
import tomllib
from pathlib import Path
from typing import Final

import pytest
from elftools.elf.elffile import ELFFile

from rvgdb.demo import GUEST, MASKED
from rvgdb.options import OPTIONS

ROOT: Final = Path(__file__).resolve().parents[1]
PYPROJECT: Final = ROOT / "pyproject.toml"
ELFS: Final = (GUEST, *sorted((ROOT / "guests" / "elf").glob("*.elf")))
SCRIPTS: Final = (".ci/run", "scripts/bench.py", "scripts/check", "scripts/demo", "scripts/test")
DOCUMENTS: Final = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "guests").glob("*.md")])


def test_every_ignored_lint_rule_has_a_reason() -> None:
    """Each rule that ruff is told to ignore has a comment that says why."""
    section = PYPROJECT.read_text(encoding="utf-8").partition("[tool.ruff.lint]")[2]

    bare = [line for line in section.splitlines() if re.match(r'\s+"[A-Z]+[0-9]*",\s*$', line)]

    assert bare == []


def test_the_wheel_has_the_three_packages_and_nothing_else() -> None:
    """Packages are listed by name: `protocol` and `emulator` are words that a pattern could widen."""
    settings = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["tool"]["setuptools"]

    assert {name.partition(".")[0] for name in settings["packages"]["find"]["include"]} == {
        "rvgdb",
        "protocol",
        "emulator",
    }
    assert settings["package-data"]["rvgdb.demo"] == [GUEST.name, MASKED.name]


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_can_be_run(name: str) -> None:
    """What the README tells to run is executable and says by what."""
    script = ROOT / name

    assert script.stat().st_mode & stat.S_IXUSR
    assert script.read_text(encoding="utf-8").startswith("#!/usr/bin/env ")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    """Each relative link in a document names a file that is there."""
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", document.read_text(encoding="utf-8"))

    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("elf", ELFS, ids=lambda path: path.name)
def test_guests_can_be_debugged_anywhere(elf: Path) -> None:
    """A guest's debug information names its sources relative to the top of the repository."""
    with elf.open("rb") as stream:
        units = list(ELFFile(stream).get_dwarf_info().iter_CUs())
    named = [unit.get_top_DIE().attributes for unit in units]

    assert units != []
    assert {bytes(attributes["DW_AT_comp_dir"].value) for attributes in named} == {b"."}
    assert [a["DW_AT_name"].value for a in named if not (ROOT / a["DW_AT_name"].value.decode()).exists()] == []


def test_every_option_is_documented() -> None:
    """docs/options.md has each option of the command line, and none that there is not."""
    page = (ROOT / "docs" / "options.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `-")]
    documented = {word for row in rows for word in re.findall(r"`(-[\w-]+)", row)}

    assert {f"-{name}" for option in OPTIONS for name in option.names} == documented
