"""A table for the eye: aligned columns, numbers to the right, streamed in batches."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import IO, TYPE_CHECKING, Any

from finis.report import bulk
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
        names = [name for name in columns if name in frame.columns and name not in left_out]
        first = not widths
        shown = {name: _Column(frame[name]) for name in names}
        for name, column in shown.items():
            widths[name] = max(widths.get(name, len(name)), column.longest)
        if first:
            left_out = _too_many(names, widths, width, spared)
            shown = {name: column for name, column in shown.items() if name not in left_out}
            header = [_padded(name, widths[name], column.right) for name, column in shown.items()]
            stream.write(("  ".join(header).rstrip() + "\n").encode())
        if shown and frame.height:
            _write([column.padded(widths[name]) for name, column in shown.items()], stream)
    return left_out


class _Column:
    """The cells of a column as they are printed; `longest` of them, in cells of a terminal."""

    __slots__ = ("longest", "right", "texts", "wide")

    def __init__(self, column: pl.Series) -> None:
        self.right = column.dtype.is_numeric()
        self.texts = _plain(column)
        odd = bulk.odd_rows(self.texts, column)
        told = [_cell(value) for value in column.gather(odd).to_list()]
        if told:
            self.texts.scatter(odd, told)
        self.texts = self.texts.fill_null(NONE)
        measured = [(row, cell, cell_len(cell)) for row, cell in zip(odd, told, strict=True)]
        self.wide = {row: cell for row, cell, cells in measured if cells != len(cell)}
        lengths = self.texts.str.len_chars()
        if self.wide:
            lengths = lengths.scatter(odd, [cells for _, _, cells in measured])
        self.longest: int = lengths.max() or 0  # type: ignore[assignment]

    def padded(self, width: int) -> pl.Series:
        """All cells as wide as that."""
        pad = self.texts.str.pad_start if self.right else self.texts.str.pad_end
        out = pad(width)  # counts characters
        if self.wide:
            cells = [_padded(cell, width, self.right) for cell in self.wide.values()]
            out.scatter(list(self.wide), cells)
        return out


def _plain(column: pl.Series) -> pl.Series:
    """Cells that need no care, as `_cell` has them; the others are null."""
    import polars as pl

    kind = column.dtype
    if kind == pl.String:
        return bulk.plain(column, longest_bytes=WIDEST)
    if kind == pl.Datetime:
        return bulk.times(column, "%Y-%m-%d %H:%M:%S%.6f")
    if kind == pl.Boolean:
        return column.replace_strict([True, False], ["yes", "no"], return_dtype=pl.String)
    if kind.is_integer() or kind.is_float():
        return bulk.whole_numbers(column, below=10**6)
    return pl.Series([None] * len(column), dtype=pl.String)


def _write(cells: list[pl.Series], stream: IO[bytes]) -> None:
    import polars as pl

    lines = pl.select(pl.concat_str(cells, separator="  ")).to_series().str.strip_chars_end()
    buffer = io.BytesIO()  # Polars would write past the stream's own buffer
    lines.to_frame().write_csv(buffer, include_header=False, quote_style="never")
    stream.write(buffer.getbuffer())


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


def _padded(cell: str, width: int, right: bool) -> str:
    gap = " " * (width - cell_len(cell))
    return gap + cell if right else cell + gap


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
