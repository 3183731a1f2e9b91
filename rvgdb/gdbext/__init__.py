"""What runs inside GDB, and how it gets there: `rvgdb gdb-script` prints it for GDB's `source`.

GDB's Python is another one than ours and finds no package of ours, so that the script is one text: the table of CSR
fields, written from `emulator.hart.layouts`, and `inside.py` as it is.
"""

from __future__ import annotations

import json
from importlib.resources import files
from textwrap import indent
from typing import Final

from emulator.hart.layouts import LAYOUTS, VALUES

PLACE: Final = 'TABLES = "{}"'
"""Where `inside.py` gets its tables."""


def tables() -> str:
    """CSRs' fields (name, low, high, set of values, when they apply: mask and bits) and the sets of values, as JSON."""
    fields = {
        name: [[one.name, one.low, one.high, one.values, *one.when] for one in layout]
        for name, layout in LAYOUTS.items()
    }
    values = {name: {str(int(value)): text for value, text in names.items()} for name, names in VALUES.items()}
    return json.dumps({"fields": fields, "values": values}, separators=(",", ":"))


def script() -> str:
    """The whole script. All of it but its beginning is in a function: what else runs in GDB shares its global names."""
    inside = files(__package__).joinpath("inside.py").read_text(encoding="utf-8")
    head, future, body = inside.partition("from __future__ import annotations\n")
    assert PLACE in body
    filled = body.replace(PLACE, f"TABLES = {tables()!r}")
    return f"{head}{future}\n\ndef _load_rvgdb():{indent(filled.rstrip(), '    ')}\n\n\n_load_rvgdb()\n"
