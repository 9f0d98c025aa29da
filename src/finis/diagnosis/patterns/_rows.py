"""Small readings of frames that several patterns need."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import polars as pl

from finis.correlation.stories import PLACE, Proof
from finis.diagnosis.cause import Claim
from finis.diagnosis.patterns._api import EXAMPLES
from finis.diagnosis.patterns._whole import Whole
from finis.diagnosis.telling import span
from finis.records import dataclass
from finis.terms import Harm, word
from finis.words import endpoint

# The columns of denials that are told as examples.
TOLD = ("ts", "row", "src_h", "src_p", "dst_h", "dst_p", "flags", "proto", "file", "line", "unit")


@dataclass(frozen=True, slots=True)
class Summary:
    """Of some denials."""

    n: int
    first: datetime | None
    last: datetime | None
    harm: Harm


def distinct(denials: pl.LazyFrame) -> pl.LazyFrame:
    """The denials without copies (relays, overlapping files), dated ones only."""
    return denials.filter(pl.col("duplicate_of").is_null() & pl.col("ts").is_not_null())


def moment(value: Any) -> datetime | None:
    """A scalar of a time column as Python's UTC datetime (microseconds)."""
    return value if isinstance(value, datetime) else None


def said(ts: datetime | None) -> str:
    """A time as reports print it, to the second."""
    return "an unknown time" if ts is None else f"{ts:%Y-%m-%d %H:%M:%S} UTC"


def refused(row: dict[str, Any]) -> Claim:
    """One denial as a claim with its proof."""
    what = row["flags"] or (f"a {row['proto']} packet" if row["proto"] else "a packet")
    text = f"The firewall refused {what} from {end(row, 'src')} to {end(row, 'dst')}."
    return Claim(text, (Proof(row["file"] or "?", row["line"] or 0, row["unit"] or "line"),))


def end(row: dict[str, Any], side: str) -> str:
    host, port = row[f"{side}_h"], row[f"{side}_p"]
    return str(host or "?") if port is None else endpoint(host, port)


def examples(denials: pl.LazyFrame, whole: Whole) -> tuple[Claim, ...]:
    """The first denials of a group as claims."""
    order = ["ts", "row"]
    chosen = denials.select(order).bottom_k(EXAMPLES, by=order).collect()["row"]
    rows = denials.filter(pl.col("row").is_in(chosen.implode())).collect().sort(order)
    told = whole.named(rows, "src_h", "dst_h")
    return tuple(refused(row) for row in told.iter_rows(named=True))


# A pattern that only counts verdicts is as harmless as they are; what is not harmless has findings
# of its own, so that the pattern never says more than "depends".
GRAVE = (pl.col("harm").fill_null("depends") != word(Harm.HARMLESS)).any().alias("grave")
SUMMARY = (pl.len().alias("n"), pl.col("ts").min().alias("first"), pl.col("ts").max().alias("last"),
           GRAVE)  # fmt: skip


def summary(row: dict[str, Any]) -> Summary:
    """Of a row that has the columns SUMMARY."""
    harm = Harm.DEPENDS if row["grave"] else Harm.HARMLESS
    return Summary(row["n"], moment(row["first"]), moment(row["last"]), harm)


def summed(rows: pl.LazyFrame) -> Summary:
    """Of all these denials."""
    return summary(rows.select(SUMMARY).collect().row(0, named=True))


def first(condition: pl.Expr | None = None) -> pl.Expr:
    """Rows that serve as examples of a group: the earliest of those that fit.  The condition must
    not look at the group as a whole: Polars 2.1 panics if it does and every row fits."""
    row, begin, tie = (
        pl.col(name) if condition is None else pl.col(name).filter(condition)
        for name in ("row", *PLACE)
    )
    return row.sort_by(begin, tie).head(EXAMPLES)


def earliest(rows: pl.LazyFrame, keys: Sequence[str]) -> pl.DataFrame:
    """Per key the rows (`stories`) that serve as its examples, of any number in little memory."""

    def some(rows: pl.DataFrame) -> pl.DataFrame:
        return rows.sort(PLACE).group_by(keys, maintain_order=True).head(EXAMPLES)

    places = rows.select(*keys, "row", *PLACE).map_batches(some, streamable=True)
    return some(places.collect()).group_by(keys, maintain_order=True).agg(stories="row")


def timer(seconds: float) -> str:
    """The value of a timer: in seconds as configurations state it, long ones also in words."""
    value = f"{seconds:.3g} s" if seconds < 1000 else f"{seconds:.0f} s"
    return value if seconds < 300 else f"{value} ({span(seconds)})"
