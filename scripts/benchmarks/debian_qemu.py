"""The newest QEMU that Debian has, fetched through apt and run where it was unpacked, with its own libraries."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from benchmarks.debian import open_apt, run
from benchmarks.errors import BenchError

PACKAGE: Final = "qemu-system-riscv"
PROGRAM: Final = "usr/bin/qemu-system-riscv64"
LIBRARIES: Final = ("usr/lib/{triplet}", "lib/{triplet}", "usr/lib/{triplet}/pulseaudio")
LOADERS: Final = ("usr/lib64/ld-linux-x86-64.so.2", "lib64/ld-linux-x86-64.so.2", "usr/lib/ld-linux-aarch64.so.1")
TRIPLETS: Final = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}


def fetch_qemu(folder: Path, *, mirror: str | None = None) -> tuple[str, ...]:
    """The command of the newest QEMU, fetched into `folder` when it is not there; takes QEMU's options.

    Args:
        folder: Where packages, apt's state and the unpacked files are kept.
        mirror: Address of a Debian mirror; by default the one in this system's sources.

    Raises:
        BenchError: apt is missing or fails, or what it fetches has no QEMU.
    """
    root = folder / "root"
    architecture = run(["dpkg", "--print-architecture"], Path("/")).decode().strip()
    if not (root / PROGRAM).exists():
        apt = open_apt(folder, architecture, mirror)
        apt.get("--yes", "--download-only", "install", PACKAGE)
        for package in sorted((folder / "var/cache/apt/archives").glob("*.deb")):
            run(["dpkg-deb", "--extract", str(package), str(root)], folder)
            package.unlink()
    loader = next((root / name for name in LOADERS if (root / name).exists()), None)
    if loader is None or not (root / PROGRAM).exists():
        raise BenchError(f"what apt fetched for {PACKAGE} has no QEMU that runs on {architecture}")
    paths = ":".join(str(root / name.format(triplet=TRIPLETS[architecture])) for name in LIBRARIES)
    data = root / "usr/share/qemu"
    return (str(loader), "--library-path", paths, str(root / PROGRAM), "-L", str(data))
