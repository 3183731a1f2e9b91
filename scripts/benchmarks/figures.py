"""What the experiments yield, and its two forms: tables for a person, JSON for a program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Final

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the report.

    Attributes:
        section: The experiment.
        name: What was measured.
        unit: The unit of `values`.
        values: The median of each emulator, by its name.
        ratio: The number that the experiment is about, or None where the values speak for themselves.
        meaning: What `ratio` divides by what.
        aim: What `ratio` should be, in words, or nothing.
    """

    section: str
    name: str
    unit: str
    values: Mapping[str, float]
    ratio: float | None = None
    meaning: str = ""
    aim: str = ""


def as_json(surroundings: Mapping[str, str], figures: Sequence[Figure]) -> dict[str, object]:
    """The whole report as data for `json.dump`."""
    return {"surroundings": dict(surroundings), "figures": [asdict(figure) for figure in figures]}


def print_tables(console: Console, surroundings: Mapping[str, str], figures: Sequence[Figure]) -> None:
    """Show the surroundings, then one table a section."""
    for name, value in surroundings.items():
        console.print(f"{name}: {value}", markup=False, highlight=False)
    for section, group in groupby(figures, key=lambda figure: figure.section):
        rows = list(group)
        names = list(dict.fromkeys(name for row in rows for name in row.values))
        table = Table(title=section, title_justify="left", title_style="bold")
        table.add_column("figure")
        table.add_column("unit")
        for name in names:
            table.add_column(name, justify="right")
        table.add_column("ratio", justify="right", style="bold")
        table.add_column("of")
        table.add_column("aim")
        for row in rows:
            table.add_row(*_cells(row, names))
        console.print(table)


def print_markdown(console: Console, surroundings: Mapping[str, str], figures: Sequence[Figure]) -> None:
    """Print the ratios as one Markdown table, for the README."""
    lines = ["| measured | ratio | of | aim |", "| --- | --- | --- | --- |"]
    lines += [
        f"| {f.section}: {f.name} | {f.ratio:.2f} | {f.meaning} | {f.aim} |" for f in figures if f.ratio is not None
    ]
    lines += ["", "; ".join(f"{name} {value}" for name, value in surroundings.items())]
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


LARGE: Final = 100
"""From here on, digits after the point are noise."""


def _cells(row: Figure, names: Sequence[str]) -> list[str]:
    values = [
        f"{row.values[name]:,.{0 if row.values[name] >= LARGE else 3}f}" if name in row.values else "" for name in names
    ]
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    return [row.name, row.unit, *values, ratio, row.meaning, row.aim]
