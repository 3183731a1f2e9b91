"""Fetches Debian's kernel for RISC-V through apt, from the mirror that this system uses, and leaves the system alone.

apt gets a configuration of its own: another architecture, another suite, its lists and packages in a folder of ours.
"""

from __future__ import annotations

import io
import re
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.errors import BenchError

ARCHITECTURE: Final = "riscv64"
SUITE: Final = "sid"
PACKAGES: Final = f"^linux-(binary|image)-[0-9].*-{ARCHITECTURE}$"
"""Packages that may hold a kernel. A name, of which apt shows a version's own."""

KERNEL: Final = re.compile(r"(usr/lib/modules/[^/]+/vmlinuz|boot/vmlinu[xz]-[^/]+)")
KEYRINGS: Final = tuple(Path(f"/usr/share/keyrings/debian-archive-keyring.{suffix}") for suffix in ("gpg", "pgp"))


def fetch_kernel(folder: Path, *, mirror: str | None = None) -> Path:
    """The kernel in `folder`, fetched when it is not there.

    Args:
        folder: Where packages and apt's state are kept.
        mirror: Address of a Debian mirror; by default the one in this system's sources.

    Raises:
        BenchError: apt is missing or fails, or no package has a kernel.
    """
    kernel = folder / "vmlinuz"
    if kernel.exists():
        return kernel
    options = ["-c", str(_configure(folder, mirror or _system_mirror()))]
    _run(["apt-get", *options, "-qq", "update"], folder)
    for package in _candidates(options, folder):
        _run(["apt-get", *options, "-qq", "download", package], folder)
        image = _kernel_in(next(folder.glob(f"{package}_*.deb")))
        if image is not None:
            kernel.write_bytes(image)
            return kernel
    raise BenchError(f"no package of {SUITE} for {ARCHITECTURE} has a kernel in it")


def _run(command: Sequence[str], folder: Path) -> bytes:
    try:
        return subprocess.run(command, cwd=folder, capture_output=True, check=True).stdout
    except OSError as error:
        raise BenchError(f"cannot run {command[0]}: {error.strerror}; this needs a Debian system") from error
    except subprocess.CalledProcessError as error:
        raise BenchError(f"{command[0]} failed: {error.stderr.decode(errors='replace').strip()}") from error


def _system_mirror() -> str:
    """The address from which this system has Debian itself."""
    shown = _run(["apt-get", "indextargets", "--format", "$(SITE) $(RELEASE) $(COMPONENT) $(LABEL)"], Path("/"))
    for line in shown.decode().splitlines():
        site, release, component, label = line.split(" ", 3)
        if component == "main" and "-" not in release and label in ("Debian", "$(LABEL)", ""):
            return site
    raise BenchError("no source of this system is Debian's main archive; name a mirror with --mirror")


def _configure(folder: Path, mirror: str) -> Path:
    """Write apt's configuration; returns its file."""
    keyring = next((path for path in KEYRINGS if path.exists()), None)
    if keyring is None:
        raise BenchError("Debian's keys are missing (Debian: apt-get install debian-archive-keyring)")
    for name in ("var/lib/apt/lists/partial", "var/lib/dpkg", "var/cache/apt/archives/partial", "etc/apt"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "var/lib/dpkg/status").touch()
    sources = folder / "sources.list"
    sources.write_text(f"deb [arch={ARCHITECTURE} signed-by={keyring}] {mirror} {SUITE} main\n", encoding="utf-8")
    settings = {
        "Dir": folder,
        "Dir::State::status": folder / "var/lib/dpkg/status",
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "-",
        "APT::Architecture": ARCHITECTURE,
        "APT::Architectures": ARCHITECTURE,
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
        "Acquire::Check-Valid-Until": "false",  # a snapshot of the archive will do
    }
    file = folder / "apt.conf"
    file.write_text("".join(f'{name} "{value}";\n' for name, value in settings.items()), encoding="utf-8")
    return file


def _candidates(options: Sequence[str], folder: Path) -> list[str]:
    """Packages that may have a kernel, the newest first; one that only names another comes last."""
    shown = _run(["apt-cache", *options, "search", "--names-only", PACKAGES], folder).decode()
    names = [line.split(" ", 1)[0] for line in shown.splitlines()]
    if not names:
        raise BenchError(f"{SUITE} has no kernel for {ARCHITECTURE}")
    return sorted(names, key=lambda name: ("binary" in name, _numbers(name)), reverse=True)


def _numbers(name: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", name)]


def _kernel_in(package: Path) -> bytes | None:
    data = _run(["dpkg-deb", "--fsys-tarfile", str(package)], package.parent)
    with tarfile.open(fileobj=io.BytesIO(data)) as files:
        for member in files:
            file = files.extractfile(member) if KERNEL.fullmatch(member.name.removeprefix("./")) else None
            if file is not None:
                return file.read()
    return None
