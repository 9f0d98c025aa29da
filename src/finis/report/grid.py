"""A table for the eye: aligned columns, numbers to the right, streamed in batches."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import IO, TYPE_CHECKING, Any

from rich.cells import cell_len

from finis.report.document import clean

if TYPE_CHECKING:
    import polars as pl

WIDEST = 60  # a cell longer than this is cut with …
NONE = "–"


def write(frames: Iterator[pl.DataFrame], columns: list[str], stream: IO[bytes]) -> None:
    """Print the columns of all frames; widths follow the first batch and only grow."""
    widths: dict[str, int] = {}
    for frame in frames:
        shown = [name for name in columns if name in frame.columns]
        right = {name for name in shown if frame.schema[name].is_numeric()}
        rows = [[_cell(value) for value in row] for row in frame.select(shown).iter_rows()]
        first = not widths
        for i, name in enumerate(shown):
            longest = max((cell_len(row[i]) for row in rows), default=0)
            widths[name] = max(widths.get(name, len(name)), longest)
        if first:
            stream.write(_line(shown, shown, widths, right))
        for row in rows:
            stream.write(_line(row, shown, widths, right))


def _line(cells: list[str], names: list[str], widths: dict[str, int], right: set[str]) -> bytes:
    out = []
    for cell, name in zip(cells, names, strict=True):
        gap = " " * (widths[name] - cell_len(cell))
        out.append(gap + cell if name in right else cell + gap)
    return ("  ".join(out).rstrip() + "\n").encode("utf-8", "backslashreplace")


def _cell(value: Any) -> str:
    if value is None:
        return NONE
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}.{value.microsecond:06d}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    text = clean(str(value))
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"
