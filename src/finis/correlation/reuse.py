"""How the connection ended that had the same tuple before, as the same point saw it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from finis.correlation.keys import Array
from finis.correlation.picking import Picker, series, words
from finis.terms import Ended

if TYPE_CHECKING:
    import polars as pl


def columns(pick: Picker, has: Array) -> dict[str, pl.Series]:
    """`reuse_of_ended`, null where no earlier connection of the tuple is known."""
    near = pick.chosen.near_orig
    again = has & (pick.one("reuse_gap_ns", near) >= 0)
    ended = np.zeros(len(near), np.int64)
    if again.any():
        before = _earlier(pick, near[again])
        ended[again] = pick.ev.rows["ended"][before].astype(np.int64)
        again[again] = before >= 0
    return {"reuse_of_ended": series(words(Ended, ended), again)}


def _earlier(pick: Picker, rows: Array) -> Array:
    """The observation before each of these, of the same tuple and point; -1 for none."""
    ev = pick.ev
    some = np.flatnonzero(np.isin(ev.key, ev.key[rows]))
    some = some[np.lexsort((ev.rows["conn"][some], ev.point[some], ev.key[some]))]
    same = (ev.key[some[1:]] == ev.key[some[:-1]]) & (ev.point[some[1:]] == ev.point[some[:-1]])
    before = np.full(len(ev), -1, np.int64)
    before[some[1:][same]] = some[:-1][same]
    found: Array = before[rows]
    return found
