"""Debian's packages for another suite or architecture, through apt, from the mirror that this system uses.

apt gets a configuration of its own, with its lists and packages in a folder of ours: the system is left alone.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.errors import BenchError

SUITE: Final = "sid"
KEYRINGS: Final = tuple(Path(f"/usr/share/keyrings/debian-archive-keyring.{suffix}") for suffix in ("gpg", "pgp"))


@dataclass(frozen=True, slots=True)
class Apt:
    """An apt of our own. Make one with `open_apt`.

    Attributes:
        folder: Where packages and apt's state are kept.
        options: What each of its commands begins with.
    """

    folder: Path
    options: tuple[str, ...]

    def get(self, *words: str) -> bytes:
        """Run `apt-get`; returns what it prints."""
        return run(["apt-get", *self.options, "-qq", *words], self.folder)

    def search(self, pattern: str) -> list[str]:
        """Names of packages that a pattern matches."""
        shown = run(["apt-cache", *self.options, "search", "--names-only", pattern], self.folder).decode()
        return [line.split(" ", 1)[0] for line in shown.splitlines()]


def open_apt(folder: Path, architecture: str, mirror: str | None = None) -> Apt:
    """An apt for an architecture, with its lists up to date.

    Args:
        folder: Where packages and apt's state are kept.
        architecture: As Debian calls it.
        mirror: Address of a Debian mirror; by default the one in this system's sources.

    Raises:
        BenchError: apt is missing or fails, or there are no keys.
    """
    apt = Apt(folder, ("-c", str(_configure(folder, architecture, mirror or _system_mirror()))))
    apt.get("update")
    return apt


def run(command: Sequence[str], folder: Path) -> bytes:
    """Run a program of Debian's; returns what it prints.

    Raises:
        BenchError: It is missing or fails.
    """
    try:
        return subprocess.run(command, cwd=folder, capture_output=True, check=True).stdout
    except OSError as error:
        raise BenchError(f"cannot run {command[0]}: {error.strerror}; this needs a Debian system") from error
    except subprocess.CalledProcessError as error:
        raise BenchError(f"{command[0]} failed: {error.stderr.decode(errors='replace').strip()}") from error


def _system_mirror() -> str:
    """The address from which this system has Debian itself."""
    shown = run(["apt-get", "indextargets", "--format", "$(SITE) $(RELEASE) $(COMPONENT) $(LABEL)"], Path("/"))
    for line in shown.decode().splitlines():
        site, release, component, label = line.split(" ", 3)
        if component == "main" and "-" not in release and label in ("Debian", "$(LABEL)", ""):
            return site
    raise BenchError("no source of this system is Debian's main archive; name a mirror with --mirror")


def _configure(folder: Path, architecture: str, mirror: str) -> Path:
    """Write apt's configuration; returns its file."""
    keyring = next((path for path in KEYRINGS if path.exists()), None)
    if keyring is None:
        raise BenchError("Debian's keys are missing (Debian: apt-get install debian-archive-keyring)")
    for name in ("var/lib/apt/lists/partial", "var/lib/dpkg", "var/cache/apt/archives/partial", "etc/apt"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "var/lib/dpkg/status").touch()
    sources = folder / "sources.list"
    sources.write_text(f"deb [arch={architecture} signed-by={keyring}] {mirror} {SUITE} main\n", encoding="utf-8")
    settings = {
        "Dir": folder,
        "Dir::State::status": folder / "var/lib/dpkg/status",
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "-",
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
        "APT::Sandbox::User": "root",
        "APT::Install-Recommends": "false",
        "Acquire::Languages": "none",
        "Acquire::Check-Valid-Until": "false",  # a snapshot of the archive will do
    }
    file = folder / "apt.conf"
    file.write_text("".join(f'{name} "{value}";\n' for name, value in settings.items()), encoding="utf-8")
    return file
