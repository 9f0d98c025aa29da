"""A table for the eye: aligned columns, numbers to the right, streamed in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import IO, TYPE_CHECKING, Any

from finis.report.document import clean
from finis.report.styled import cell_len

if TYPE_CHECKING:
    import polars as pl

WIDEST = 60  # a cell longer than this is cut with …
NONE = "–"


def write(
    frames: Iterator[pl.DataFrame],
    columns: list[str],
    stream: IO[bytes],
    width: int | None = None,
    spared: Sequence[str] = (),
) -> list[str]:
    """Print the columns of all frames; widths follow the first batch and only grow.  Where `width`
    is given, `spared` columns are left out in that order until the first batch fits; returns
    their names."""
    widths: dict[str, int] = {}
    left_out: list[str] = []
    for frame in frames:
        shown = [name for name in columns if name in frame.columns and name not in left_out]
        right = {name for name in shown if frame.schema[name].is_numeric()}
        first = not widths
        rows = [[_cell(value) for value in row] for row in frame.select(shown).iter_rows()]
        for i, name in enumerate(shown):
            longest = max((cell_len(row[i]) for row in rows), default=0)
            widths[name] = max(widths.get(name, len(name)), longest)
        if first:
            left_out = _too_many(shown, widths, width, spared)
            kept = [i for i, name in enumerate(shown) if name not in left_out]
            rows = [[row[i] for i in kept] for row in rows] if left_out else rows
            shown = [shown[i] for i in kept]
            stream.write(_line(shown, shown, widths, right))
        for row in rows:
            stream.write(_line(row, shown, widths, right))
    return left_out


def _too_many(
    shown: list[str], widths: dict[str, int], width: int | None, spared: Sequence[str]
) -> list[str]:
    """The columns to leave out so that the others fit."""
    over = 0 if width is None else sum(widths[name] + 2 for name in shown) - 2 - width
    out = []
    for name in spared:
        if over <= 0:
            break
        if name in shown:
            over -= widths[name] + 2
            out.append(name)
    for name in out[::-1]:  # the last one left out may have made room for a smaller one
        if over + widths[name] + 2 <= 0:
            over += widths[name] + 2
            out.remove(name)
    return out


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
