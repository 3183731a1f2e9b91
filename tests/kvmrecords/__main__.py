"""The command line of `scripts/replay_kvm`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.kvmrecords.record import RecordError, read_record
from tests.kvmrecords.replay import replay


def main(words: Sequence[str] | None = None) -> int:
    """Replay records.

    Returns:
        Exit status: 1 if anything disagrees, 2 for a file that is no record.
    """
    parser = argparse.ArgumentParser(
        prog="scripts/replay_kvm",
        description="Ask the emulated KVM what a real one was asked, and compare the answers.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="records, one JSON object a line")
    parser.add_argument("--kernel", help="the recorded kernel, as linux-7.2; by default the file's name or lines tell")
    options = parser.parse_args(words)
    disagreements = 0
    for path in options.files:
        try:
            record = read_record(path, options.kernel)
        except RecordError as error:
            print(f"scripts/replay_kvm: {error}", file=sys.stderr)
            return 2
        outcome = replay(record)
        disagreements += len(outcome.disagreements)
        for text in outcome.disagreements:
            print(text)
        print(f"{record.name} ({record.profile.name}): {outcome.summary}")
    return int(disagreements > 0)


if __name__ == "__main__":
    sys.exit(main())
