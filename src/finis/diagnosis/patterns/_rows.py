"""Small readings of frames that several patterns need."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import polars as pl

from finis.correlation.stories import PLACE, Proof
from finis.diagnosis.cause import Claim
from finis.diagnosis.patterns._api import EXAMPLES, TOP_HOSTS
from finis.diagnosis.telling import span
from finis.terms import Harm, word
from finis.words import endpoint


def distinct(denials: pl.DataFrame) -> pl.DataFrame:
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


def examples(denials: pl.DataFrame) -> tuple[Claim, ...]:
    """The first denials of a group as claims."""
    return tuple(refused(row) for row in denials.head(EXAMPLES).iter_rows(named=True))


def top(frame: pl.DataFrame, column: str, most: int = TOP_HOSTS) -> tuple[str, ...]:
    """The most frequent values of a text column, ties in order of value."""
    counted = frame.filter(pl.col(column).is_not_null()).group_by(column).len("n")
    ranked = counted.sort(["n", column], descending=[True, False]).head(most)
    return tuple(ranked[column].to_list())


def harm_of(rows: pl.DataFrame) -> Harm:
    """A pattern that only counts verdicts is as harmless as they are; what is not harmless has
    findings of its own, so that the pattern never says more than "depends"."""
    grave = rows.filter(pl.col("harm").fill_null("depends") != word(Harm.HARMLESS))
    return Harm.HARMLESS if grave.is_empty() else Harm.DEPENDS


def first(condition: pl.Expr | None = None) -> pl.Expr:
    """Rows that serve as examples of a group: the earliest of those that fit."""
    row, begin, tie = (
        pl.col(name) if condition is None else pl.col(name).filter(condition)
        for name in ("row", *PLACE)
    )
    return row.sort_by(begin, tie).head(EXAMPLES)


def timer(seconds: float) -> str:
    """The value of a timer: in seconds as configurations state it, long ones also in words."""
    value = f"{seconds:.3g} s" if seconds < 1000 else f"{seconds:.0f} s"
    return value if seconds < 300 else f"{value} ({span(seconds)})"
