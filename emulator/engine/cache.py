"""The compiled engine on disk: one file per version of the sources and kind of processor, for each user."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import tempfile
from array import array
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from emulator.engine.decoding import Tables

if TYPE_CHECKING:
    from emulator.engine.build import Code

MAGIC: Final = b"rvgdb engine 1\n"
DIGEST: Final = 32

_TABLES: Final = (("rows", "Q"), ("buckets", "Q"), ("candidates", "I"), ("halfwords", "Q"), ("half_rows", "H"))


@cache
def engine_key() -> str:
    """A name for what the engine's code depends on: the sources that write it, llvmlite, the processor."""
    digest = hashlib.sha256()
    package = Path(__file__).resolve().parent.parent
    for folder in ("engine", "hart", "isa"):
        for path in sorted((package / folder).glob("*.py")):
            digest.update(path.name.encode() + path.read_bytes())
    digest.update(_llvmlite_version())
    digest.update(_processor().encode())
    return digest.hexdigest()[:32]


def _llvmlite_version() -> bytes:
    """What tells one llvmlite from another, without importing it (which takes as long as all the rest)."""
    spec = find_spec("llvmlite")
    for folder in spec.submodule_search_locations or () if spec is not None else ():
        version = Path(folder) / "_version.py"
        if version.is_file():
            return version.read_bytes()
    return b""


def _processor() -> str:
    lines = [platform.system(), platform.machine()]
    try:
        with Path("/proc/cpuinfo").open(encoding="ascii", errors="replace") as info:
            for line in info:
                if line.startswith(("model name", "flags", "Features")):
                    lines.append(line)
                if not line.strip():
                    break
    except OSError:
        lines.append(platform.processor())
    return "".join(lines)


def cache_folder() -> Path:
    """Where compiled engines are kept: RVGDB_CACHE_DIR if it is set, else the user's cache folder."""
    chosen = os.environ.get("RVGDB_CACHE_DIR")
    if chosen:
        return Path(chosen)
    from platformdirs import user_cache_path

    return user_cache_path("rvgdb", appauthor=False)


def load() -> tuple[Code, Tables] | None:
    """The engine of this version and processor, or None if there is none or it is damaged."""
    from emulator.engine.build import Code

    try:
        data = (cache_folder() / f"engine-{engine_key()}.bin").read_bytes()
    except OSError:
        return None
    body = data[:-DIGEST]
    if not body.startswith(MAGIC) or hashlib.sha256(body).digest() != data[-DIGEST:]:
        return None
    start = len(MAGIC)
    end = body.index(b"\n", start)
    header = json.loads(body[start:end])
    at = end + 1
    parts = []
    for size in header["sizes"]:
        parts.append(body[at : at + size])
        at += size
    tables = {}
    for (name, kind), part in zip(_TABLES, parts[1:], strict=True):
        tables[name] = array(kind)
        tables[name].frombytes(part)
    return Code(parts[0], header["symbols"]), Tables(**tables)


def store(code: Code, tables: Tables) -> None:
    """Keep an engine for the next start. Where the folder cannot be written, the next start compiles again."""
    parts = [code.text, *(getattr(tables, name).tobytes() for name, _ in _TABLES)]
    header = json.dumps({"symbols": code.symbols, "sizes": [len(part) for part in parts]}).encode()
    body = b"".join([MAGIC, header, b"\n", *parts])
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder, body + hashlib.sha256(body).digest())
    except OSError:
        return


def _write(folder: Path, data: bytes) -> None:
    """Put the file in place at once: another process sees all of it or none."""
    descriptor, temporary = tempfile.mkstemp(dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        Path(temporary).replace(folder / f"engine-{engine_key()}.bin")
    except OSError:
        Path(temporary).unlink()
        raise
