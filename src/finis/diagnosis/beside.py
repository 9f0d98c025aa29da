"""Causes named beside a verdict that are graver than it: a connection that closed in good order may
all the same have met something worth telling.

Conditions have been evaluated with the verdicts; here the harm of the few causes that are more than
harmless is asked, in bulk, for the rows that name them.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis.engine import Judged, catalogue, judge_table, read_by
from finis.terms import Harm, word

if TYPE_CHECKING:
    from finis.diagnosis.cause import Cause

_LEVELS = {word(level): int(level) for level in Harm}
_GRAVEST = word(max(Harm))


@cache
def _grave() -> dict[str, type[Cause]]:
    """Causes named beside others that may be more than harmless, each judging by itself."""
    return {
        cause.id: type(cause.__name__, (cause,), {"only_contributes": False, "beats": ()})
        for cause in catalogue().values()
        if cause.table == "connections"
        and (cause.contributes or cause.only_contributes)
        and (isinstance(cause.harm, pl.Expr) or cause.harm > Harm.HARMLESS)
    }


def graver(judged: Judged, frame: pl.DataFrame) -> pl.DataFrame:
    """Rows of `frame` (judged connections) once per cause named beside the verdict that is graver
    than it, with that cause and its levels for their own."""
    named = frame["contributing"].unique().drop_nulls().to_list()
    wanted = [text for text in named if any(name in text for name in _grave())]
    rows = frame.clear()
    if not wanted:
        return rows
    some = frame.filter(pl.col("contributing").is_in(wanted) & (pl.col("harm") != _GRAVEST))
    found = [rows]
    for name, cause in _grave().items():
        mine = some.filter(pl.col("contributing").str.contains(name, literal=True))
        if mine.height:
            found.append(_judged(judged, mine, cause))
    return pl.concat(found)


def _judged(judged: Judged, mine: pl.DataFrame, cause: type[Cause]) -> pl.DataFrame:
    """Those of these rows of which the cause is graver than their verdict."""
    facts = mine
    if judged.stories.facts is not None:
        read = read_by(cause)
        known = judged.stories.facts.frame(read)
        facts = known[mine["row"].cast(pl.Int64)]
    verdict, _ = judge_table(facts, "connections", {cause.id: cause})
    told = mine.with_columns(
        verdict.select("cause", "cause_name", "confidence", own="harm").get_columns()
    )
    level, own = (
        pl.col(column).replace_strict(_LEVELS, default=0, return_dtype=pl.UInt8)
        for column in ("harm", "own")
    )
    return told.filter(pl.col("cause").is_not_null() & (own > level)).select(
        *(pl.col("own").alias("harm") if name == "harm" else name for name in mine.columns)
    )
