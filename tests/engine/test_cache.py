"""The compiled engine on disk: whatever is wrong with it, it is made anew or done without."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulator.engine import build, cache, compiled
from emulator.engine.build import Code
from emulator.engine.compiled import MappedCode
from emulator.engine.decoding import Tables, tables

CODE = Code(b"\x90" * 100, {"run": 0, "stop": 64})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of its own."""
    monkeypatch.setenv("RVGDB_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def real() -> MappedCode:
    """The engine's code, made before a test points the cache elsewhere."""
    return compiled.mapped_code()


def the_file(folder: Path) -> Path:
    """The one file in the cache."""
    (found,) = folder.iterdir()
    return found


def same_tables(one: Tables, other: Tables) -> bool:
    """Whether the decoder's tables are equal."""
    return all(getattr(one, name) == getattr(other, name) for name in Tables.__slots__)


def test_what_is_stored_is_loaded(folder: Path) -> None:
    """Code, symbols and tables come back as they were, and nothing else is left in the folder."""
    assert cache.load() is None

    cache.store(CODE, tables())

    assert the_file(folder).name == f"engine-{cache.engine_key()}.bin"
    loaded = cache.load()
    assert loaded is not None
    assert loaded[0] == CODE
    assert same_tables(loaded[1], tables())


@pytest.mark.parametrize("keep", [0, 1, 20, 40, 200, -1, -32, -33])
def test_a_truncated_file(folder: Path, keep: int) -> None:
    """A file that was cut off anywhere is not used."""
    cache.store(CODE, tables())
    path = the_file(folder)
    path.write_bytes(path.read_bytes()[:keep])

    assert cache.load() is None


@pytest.mark.parametrize("at", [0, 14, 16, 60, 500, -40, -1])
def test_a_damaged_file(folder: Path, at: int) -> None:
    """A file with one changed byte is not used."""
    cache.store(CODE, tables())
    path = the_file(folder)
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)

    assert cache.load() is None


def test_a_damaged_file_is_replaced(folder: Path) -> None:
    """Storing again mends the cache."""
    cache.store(CODE, tables())
    the_file(folder).write_bytes(b"nonsense")

    cache.store(CODE, tables())

    assert cache.load() is not None


def test_another_version(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other sources, another llvmlite or another processor mean another file."""
    cache.store(CODE, tables())
    monkeypatch.setattr(cache, "engine_key", lambda: "0" * 32)

    assert cache.load() is None


def test_a_folder_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the folder cannot be written nothing is kept, and nobody complains."""
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("RVGDB_CACHE_DIR", str(tmp_path / "file" / "cache"))

    cache.store(CODE, tables())

    assert cache.load() is None


def test_a_folder_in_place_of_the_file(folder: Path) -> None:
    """What cannot be read is not used, what cannot be replaced stays, and no piece of it is left behind."""
    place = folder / f"engine-{cache.engine_key()}.bin"
    (place / "inside").mkdir(parents=True)

    cache.store(CODE, tables())

    assert cache.load() is None
    assert list(folder.iterdir()) == [place]


def test_the_engine_is_compiled_once(real: MappedCode, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first start compiles, says so and keeps the result; the next one loads it; a damaged one is made anew."""
    code = Code(bytes(real._mapping.view), real._symbols)
    compilations: list[int] = []

    def compile_text(source: str) -> Code:
        compilations.append(len(source))
        return code

    monkeypatch.setattr(build, "compile_text", compile_text)
    told: list[str] = []
    make = compiled.mapped_code.__wrapped__
    make(told.append)
    assert (len(compilations), len(told)) == (1, 1)

    make(told.append)
    assert (len(compilations), len(told)) == (1, 1)

    the_file(folder).write_bytes(b"")
    make(told.append)
    assert (len(compilations), len(told)) == (2, 2)
