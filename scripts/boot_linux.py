#!/usr/bin/env python3
"""Boots Debian's kernel for RISC-V on rvgdb, to the first process, which switches the machine off.

The kernel comes through apt from the mirror that this system uses and is kept. With --kvm, it is a guest of the
emulated KVM, without firmware. With --compare, QEMU boots the same, and the processor time of both is printed. Needs a
Debian system (apt, dpkg, opensbi) and, for --compare, qemu-system-riscv64.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import platformdirs

from benchmarks.cpio import archive, character_device, folder, program
from benchmarks.debian_kernel import fetch_kernel
from benchmarks.errors import BenchError
from benchmarks.runs import started

INIT: Final = Path(__file__).resolve().parents[1] / "guests" / "elf" / "init.elf"
REACHED: Final = "init: Linux has started its first process"
BOARD: Final = ("-M", "virt", "-m", "512M", "-display", "none", "-serial", "stdio", "-monitor", "none", "-no-reboot")
APPEND: Final = "console=ttyS0 panic=-1"


def main() -> int:
    """Boot, and report.

    Returns:
        Exit status: 1 if something is missing or a system did not come up.
    """
    options = _parse()
    try:
        options.folder.mkdir(parents=True, exist_ok=True)
        kernel = options.kernel or fetch_kernel(options.folder, mirror=options.mirror)
        with tempfile.TemporaryDirectory(prefix="rvgdb-linux-") as name:
            initrd = Path(name) / "initrd.cpio"
            initrd.write_bytes(initial_files())
            images = ["-kernel", str(kernel), "-initrd", str(initrd), "-append", APPEND]
            bare = ["-bios", str(options.bios), *images]
            options_of_ours = ["-accel", "kvm", *images] if options.kvm else ["-cpu", options.cpu, *bare]
            ours = _boot([sys.executable, "-m", "rvgdb", "run", *BOARD, *options_of_ours])
            print(f"rvgdb: {ours:.2f} s of processor time")
            if options.compare:
                theirs = _boot([options.qemu, *BOARD, *bare])
                print(f"QEMU:  {theirs:.2f} s of processor time")
                print(f"rvgdb takes {ours / theirs:.2f} times QEMU's")
    except BenchError as error:
        print(f"boot_linux: {error}", file=sys.stderr)
        return 1
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compare", action="store_true", help="boot on QEMU as well and compare")
    parser.add_argument("--kvm", action="store_true", help="boot it as a guest of the emulated KVM")
    parser.add_argument("--cpu", default="rv64", help="rvgdb's -cpu (default: rv64)")
    parser.add_argument("--bios", type=Path, default="default", help="the firmware (default: the emulator's own)")
    parser.add_argument("--kernel", type=Path, help="boot this one instead of Debian's")
    parser.add_argument("--mirror", help="a Debian mirror's address, instead of this system's")
    parser.add_argument("--qemu", default="qemu-system-riscv64", help="the QEMU to compare with")
    parser.add_argument(
        "--folder", type=Path, default=platformdirs.user_cache_path("rvgdb") / "linux", help="where the kernel is kept"
    )
    options = parser.parse_args()
    options.folder = options.folder.resolve()
    return options


def initial_files() -> bytes:
    """The initial file system: our first process, and the console that Linux opens for it."""
    return archive([folder("dev"), character_device("dev/console", 5, 1), program("init", INIT.read_bytes())])


def _boot(command: Sequence[str]) -> float:
    """Run an emulator to its end, showing the console.

    Returns:
        Seconds of processor time, user and system.

    Raises:
        BenchError: It failed, or its first process was not reached.
    """
    with started(command, subprocess.PIPE, sys.stderr.fileno()) as process:
        assert process.stdout is not None
        reached = False
        for line in process.stdout:
            reached = reached or REACHED.encode() in line
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0 or not reached:
        what = "did not reach its first process" if not reached else f"exit status {process.returncode}"
        raise BenchError(f"{shlex.join(command)}: {what}")
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    sys.exit(main())
