"""Debian's kernel for RISC-V, fetched through apt."""

from __future__ import annotations

import io
import re
import tarfile
from pathlib import Path
from typing import Final

from benchmarks.debian import SUITE, Apt, open_apt, run
from benchmarks.errors import BenchError

ARCHITECTURE: Final = "riscv64"
PACKAGES: Final = f"^linux-(binary|image)-[0-9].*-{ARCHITECTURE}$"
"""Packages that may hold a kernel. A name, of which apt shows a version's own."""

KERNEL: Final = re.compile(r"(usr/lib/modules/[^/]+/vmlinuz|boot/vmlinu[xz]-[^/]+)")


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
    apt = open_apt(folder, ARCHITECTURE, mirror)
    for package in _candidates(apt):
        apt.get("download", package)
        image = _kernel_in(next(folder.glob(f"{package}_*.deb")))
        if image is not None:
            kernel.write_bytes(image)
            return kernel
    raise BenchError(f"no package of {SUITE} for {ARCHITECTURE} has a kernel in it")


def _candidates(apt: Apt) -> list[str]:
    """Packages that may have a kernel, the newest first; one that only names another comes last."""
    names = apt.search(PACKAGES)
    if not names:
        raise BenchError(f"{SUITE} has no kernel for {ARCHITECTURE}")
    return sorted(names, key=lambda name: ("binary" in name, _numbers(name)), reverse=True)


def _numbers(name: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", name)]


def _kernel_in(package: Path) -> bytes | None:
    data = run(["dpkg-deb", "--fsys-tarfile", str(package)], package.parent)
    with tarfile.open(fileobj=io.BytesIO(data)) as files:
        for member in files:
            file = files.extractfile(member) if KERNEL.fullmatch(member.name.removeprefix("./")) else None
            if file is not None:
                return file.read()
    return None
