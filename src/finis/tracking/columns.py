"""Output that grows by rows and is kept in columns: rows wait as tuples for a chunk's length,
then become a Polars frame, so that nothing of a long run stays in Python objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import TypeVar

    import polars as pl

    Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)

CHUNK = 16_384  # rows: few enough to stay in the processor's cache
_I64_MAX = 2**63 - 1


def completed(frame: Frame, schema: Mapping[str, pl.DataType]) -> Frame:
    """With the columns of the schema that it lacks, which are null."""
    import polars as pl

    there = set(frame.collect_schema())
    return frame.with_columns(
        pl.lit(None, kind).alias(name) for name, kind in schema.items() if name not in there
    )


class Rows:
    """Rows of a table under construction: append tuples to `pending` (in the order of the
    schema) and call `add` for the last of them, or now and then."""

    def __init__(self, schema: dict[str, pl.DataType]) -> None:
        self.schema = schema
        self.pending: list[tuple[Any, ...]] = []
        self.chunks: list[pl.DataFrame] = []

    @property
    def empty(self) -> bool:
        return not self.pending and not self.chunks

    def flush(self) -> None:
        """Move what waits into a frame."""
        if not self.pending:
            return
        import polars as pl

        columns = zip(*self.pending, strict=True)
        self.chunks.append(
            pl.DataFrame(
                [
                    _series(name, values, kind)
                    for (name, kind), values in zip(self.schema.items(), columns, strict=True)
                ]
            )
        )
        self.pending.clear()

    def frame(self) -> pl.DataFrame:
        """All rows; the collection starts afresh."""
        import polars as pl

        self.flush()
        if not self.chunks:
            return pl.DataFrame(schema=self.schema)
        out = pl.concat(self.chunks, rechunk=True)
        self.chunks.clear()
        return out


def _series(name: str, values: Sequence[Any], kind: pl.DataType) -> pl.Series:
    """A column; values that its type cannot hold (absurd numbers in a hostile log) become null."""
    import polars as pl

    integral = kind == pl.Int64() or isinstance(kind, pl.Datetime)
    try:
        base = pl.Int64() if integral else kind
        return pl.Series(name, values, base, strict=True).cast(kind)
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
        fitting = [_fit(value, kind, integral) for value in values]
        return pl.Series(name, fitting, pl.Int64() if integral else kind, strict=True).cast(kind)


def _fit(value: Any, kind: pl.DataType, integral: bool) -> Any:
    import polars as pl

    if value is None:
        return None
    if integral:
        whole = isinstance(value, int | float) and abs(value) <= _I64_MAX
        return int(value) if whole else None
    if kind == pl.Float64():
        try:
            return float(value)
        except (TypeError, ValueError, OverflowError):
            return None
    if kind == pl.Boolean():
        return bool(value)
    return str(value)
