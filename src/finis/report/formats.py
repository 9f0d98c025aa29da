"""Tables as CSV, JSON lines, JSON, Parquet or Arrow; values as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import chain
from typing import IO, TYPE_CHECKING, Any

from finis.compiled import kernel
from finis.errors import UsageError
from finis.report import bulk
from finis.report.document import HIDDEN, clean

if TYPE_CHECKING:
    import polars as pl

TABLE_FORMATS = ("text", "csv", "jsonl", "json", "parquet", "arrow")
LEVEL = 1  # of zstd: 3, the usual one, takes half as long again and saves a twentieth of the room
GROUP_ROWS = 1 << 17  # of Parquet: several are encoded at a time
SLICE_ROWS = 1 << 14  # of JSON, which is long
ESCAPED = r"[^ !#-\[\]-~]"  # JSON writes an escape for what is not ASCII, a quote or a backslash
FORMULA = "(?s)^[=+@\t\r-]."  # a spreadsheet would run a cell that starts so (CSV injection, OWASP)


def guarded(frame: pl.DataFrame) -> pl.DataFrame:
    """Text columns with an apostrophe before what a spreadsheet would take for a formula."""
    import polars as pl

    text = pl.col(_holding(frame, FORMULA))
    risky = text.str.contains(FORMULA)
    return frame.with_columns(pl.when(risky).then("'" + text).otherwise(text).name.keep())


def _holding(frame: pl.DataFrame, pattern: str) -> list[str]:
    """Text columns with a cell that matches."""
    import polars as pl

    found = frame.select(pl.col(pl.String).str.contains(pattern).any())
    return [column.name for column in found if column.item()]


def stamps(frame: pl.DataFrame) -> pl.DataFrame:
    """Times as ISO 8601 text with microseconds and Z."""
    import polars as pl

    return frame.with_columns(pl.col(pl.Datetime).dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"))


def write_batches(frames: Iterator[pl.DataFrame], form: str, target: IO[bytes]) -> None:
    """Write a table that comes in batches, at least one; `form` is one of TABLE_FORMATS except
    text.  Memory holds a few of them."""
    import polars as pl

    if form == "csv":
        for number, frame in enumerate(frames):
            flat = stamps(frame).with_columns(pl.col(pl.List(pl.String)).list.join("; "))
            guarded(visible(flat)).write_csv(target, include_header=number == 0)
    elif form == "jsonl":
        for frame in frames:
            visible(stamps(frame)).write_ndjson(target)
    elif form == "json":
        _write_json(frames, target)
    elif form == "parquet":
        with _lazily(frames) as table:
            table.sink_parquet(target, compression_level=LEVEL, row_group_size=GROUP_ROWS)
    elif form == "arrow":
        with _lazily(frames) as table:
            table.sink_ipc(target)
    else:
        raise UsageError(f"a table cannot be written as {form}: use {', '.join(TABLE_FORMATS)}")


def _write_json(frames: Iterator[pl.DataFrame], target: IO[bytes]) -> None:
    """`to_json` of all rows, a batch at a time."""
    between = b"[\n"
    for frame in frames:
        for part in frame.iter_slices(SLICE_ROWS):
            target.write(between + _objects(part).encode())
            between = b",\n"
    target.write(b"[]\n" if between == b"[\n" else b"\n]\n")


def _objects(frame: pl.DataFrame) -> str:
    """Rows as `to_json` has them in its list."""
    import polars as pl

    pieces, before = [], "  {\n"
    for column in frame:
        pieces += [pl.lit(f"{before}    {json.dumps(column.name)}: "), _values(column)]
        before = ",\n"
    rows = pl.select(pl.concat_str([*pieces, pl.lit("\n  }")])).to_series()
    return str(rows.str.join(",\n").item())


def _values(column: pl.Series) -> pl.Series:
    """A column as JSON, within an object that is within a list."""
    import polars as pl

    kind = column.dtype
    texts = pl.Series([None] * len(column), dtype=pl.String)
    if kind == pl.String:
        texts = _quoted(bulk.plain(column, odd=ESCAPED))
    elif kind == pl.Datetime:
        texts = _quoted(stamps(column.to_frame()).to_series())
    elif kind == pl.List(pl.String):
        texts = _lists(column)
    elif kind == pl.Boolean or kind.is_integer():
        texts = column.cast(pl.String)
    elif kind.is_float():
        texts = bulk.whole_numbers(column, below=10**15) + ".0"
    return bulk.filled(texts, column, _nested).fill_null("null")


def _quoted(texts: pl.Series) -> pl.Series:
    import polars as pl

    return pl.select(pl.format('"{}"', texts)).to_series()


def _lists(column: pl.Series) -> pl.Series:
    """Lists of texts; null where an item needs care."""
    import polars as pl

    item, whole = pl.element(), pl.col(column.name)
    quoted = pl.when(~item.str.contains(ESCAPED)).then('"' + item + '"')
    told = (
        "[\n      " + whole.list.eval(quoted).list.join(",\n      ", ignore_nulls=False) + "\n    ]"
    )
    some = pl.when(whole.list.len() == 0).then(pl.lit("[]")).otherwise(told)
    return column.to_frame().select(some).to_series()


def _nested(value: Any) -> str:
    """`to_json` where a row of a list of rows has it."""
    return to_json(value)[:-1].replace("\n", "\n    ")


@contextmanager
def _lazily(frames: Iterator[pl.DataFrame]) -> Iterator[pl.LazyFrame]:
    """Frames as one table that is never whole in memory.  What making them raises is raised."""
    from polars.io.plugins import register_io_source

    first = next(frames)
    raised: list[BaseException] = []

    def source(columns: list[str] | None, *_: Any) -> Iterator[pl.DataFrame]:
        try:
            for frame in chain([first], frames):
                yield frame if columns is None else frame.select(columns)
        except BaseException as error:
            raised.append(error)

    table: pl.LazyFrame = register_io_source(source, schema=first.schema)
    try:
        yield table
    finally:
        if raised:
            raise raised[0]


_PACKED = {"events": "parquet", "connections": "parquetlisted"}


def packed_writer(table: str) -> Any:
    """What writes events or connections of logs as Parquet, None where no kernel is built."""
    found = kernel(f"finis.report.{_PACKED[table]}")
    return None if found is None else getattr(found, f"write_{table}")


def visible(frame: pl.DataFrame) -> pl.DataFrame:
    """Text columns with control characters made visible, as `document.clean` does."""
    columns = [frame[name] for name in _holding(frame, HIDDEN)]
    return frame.with_columns(
        bulk.filled(bulk.plain(column, HIDDEN), column, clean) for column in columns
    )


def to_json(value: Any) -> str:
    """JSON text, indented, ASCII only (so no terminal escape survives), ending in a newline."""
    try:
        text = json.dumps(value, indent=2, default=_plain, allow_nan=False)
    except ValueError:  # NaN and infinity are not JSON
        text = json.dumps(_finite(value), indent=2, default=_plain, allow_nan=False)
    return text + "\n"


def _finite(value: Any) -> Any:
    """`value` with null for what is not a finite number."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if hasattr(value, "item"):
        return value.item()
    return clean(str(value))
