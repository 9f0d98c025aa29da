"""What captures missed, as they show themselves."""

from __future__ import annotations

from typing import Any

import numpy as np

from finis.correlation.clocks import SECOND
from finis.correlation.columns import Column, Columns
from finis.correlation.evidence import Evidence, Options
from finis.correlation.keys import Array
from finis.correlation.picking import Picker
from finis.correlation.turned import Turned
from finis.records import dataclass

LOSSY = 0.01  # share of a point's connections with bytes acknowledged but never captured
FILTERED = (
    "{point} shows SYN, FIN and RST only, though other segments were sent: it was taken with such "
    "a filter, and what that leaves out is not held against anyone; a capture of whole connections "
    "(filter: tcp) tells more"
)


@dataclass(slots=True, eq=False)
class Losses:
    gaps: tuple[Array, Array]  # per observation: bytes of that side acknowledged, never captured
    gap: Array  # of either
    lossy: Array  # per point, see `settle`
    filtered: Array


def found(pick: Picker) -> Losses:
    """What the points of these stories missed."""
    ev = pick.ev
    gaps = gaps_by_side(pick.fields)
    lossy, filtered = (
        np.array([name in known for name in ev.points], bool) for known in (ev.lossy, ev.filtered)
    )
    return Losses(gaps, gaps[0] | gaps[1], lossy, filtered)


def columns(pick: Picker, has: Array, lost: Losses) -> Columns:
    """`o_gap` and `r_gap`: bytes of that side, at the point nearest to it; `gap`: of either, at the
    fullest; `flags_only`: a point nearest to a side was taken with a filter for SYN, FIN and RST;
    `capture_loss`: for any of this, or else, a capture is known to miss segments."""
    chosen = pick.chosen
    full = lost.gap if pick.all(chosen.fullest) else lost.gap[chosen.fullest]
    flags_only = np.zeros(len(chosen.fullest), bool)
    if lost.filtered.any() and not pick.blank:
        where = lost.filtered[pick.ev.point]
        flags_only = where[chosen.near_orig] | where[chosen.near_resp]
    out: Columns = {
        f"{letter}_gap": Column(_gap_of(pick, lost.gaps, side), has)
        for side, letter in enumerate("or")
    }
    out["gap"] = Column(full, has)
    out["flags_only"] = Column(flags_only, has)
    out["capture_loss"] = Column(_capture_loss(pick, lost) | flags_only, has)
    return out


def settle(ev: Evidence, options: Options) -> None:
    """Which points are lossy: they miss so many segments that one more is no surprise.  And which
    were filtered for SYN, FIN and RST, as is often asked for: not one other segment was captured,
    though bytes were acknowledged that must have been sent.  What such a capture does not show
    proves nothing: no answer, no third segment of a handshake, no number that nobody sent."""

    def count(rows: Array) -> Array:
        return np.bincount(ev.point[rows], minlength=len(ev.points))

    def named(which: Any) -> frozenset[str]:
        return frozenset(ev.points[at] for at in np.flatnonzero(which))

    lossy, filtered = options.lossy, options.filtered
    if lossy is None or filtered is None:
        missed = count(gaps(ev.fields))
        if lossy is None:
            lossy = named(many(missed, count(np.ones(len(ev), bool))))
        if filtered is None:
            filtered = named((missed > 0) & (count(unflagged(ev.fields)) == 0))
    ev.lossy, ev.filtered = lossy, filtered


def many(missed: Any, of: Any) -> Any:
    """Are so many connections that miss bytes too many for a point that is not lossy?"""
    return missed > LOSSY * of


def notes(ev: Evidence) -> list[str]:
    """What a reader should know of points so taken."""
    return [FILTERED.format(point=name) for name in sorted(ev.filtered)]


def gaps(fields: Turned) -> Array:
    """Observations (tables.OBSERVATION) in which bytes were acknowledged but never captured."""
    orig, resp = gaps_by_side(fields)
    either: Array = orig | resp
    return either


def gaps_by_side(fields: Turned) -> tuple[Array, Array]:
    """The same of bytes of orig, and of resp."""
    history = fields["history"]
    return (history == ord("G")).any(axis=0), (history == ord("g")).any(axis=0)


def unflagged(fields: Turned) -> Array:
    """Observations with a segment that has neither SYN nor FIN nor RST."""
    rest = fields["pkts"].astype(np.int64)
    for name in ("syns", "fins", "rsts"):
        rest -= fields[name]
    some: Array = rest.sum(axis=0) > 0
    return some


def _capture_loss(pick: Picker, lost: Losses) -> Array:
    """Where a capture is known to miss segments: this story's own observations show it, or so many
    of their point do that one more is no surprise."""
    ev, chosen = pick.ev, pick.chosen
    if pick.blank:
        return np.zeros(len(chosen.fullest), bool)
    missed = lost.gap | lost.lossy[ev.point] if lost.lossy.any() else lost.gap
    if pick.all(chosen.near_orig) and pick.all(chosen.near_resp):
        return missed | _one_way(pick)
    begun = pick.one("midstream", chosen.near_orig), pick.one("midstream", chosen.near_resp)
    partly = begun[0] != begun[1]  # one of them lacks the beginning
    found: Array = missed[chosen.near_orig] | missed[chosen.near_resp] | _one_way(pick) | partly
    return found


def _one_way(pick: Picker) -> Array:
    """One side speaks as in a connection, and of the other nothing was captured."""
    near = pick.chosen.near_orig, pick.chosen.near_resp
    sent = [pick.side("pkts", near[side], side) for side in (0, 1)]
    spoke = [sent[side] > sum(pick.side(name, near[side], side) for name in ("syns", "rsts"))
             for side in (0, 1)]  # fmt: skip
    found: Array = ((sent[0] == 0) & spoke[1]) | ((sent[1] == 0) & spoke[0])
    return found | _unheard(pick) if pick.chosen.several.any() else found


def _unheard(pick: Picker) -> Array:
    """The fullest of several observations shows one side only, and the capture that shows the other
    had ended long before."""
    chosen, over = pick.chosen, pick.ev.over_ns()
    full = chosen.fullest
    end = pick.one("last_ns", full) + pick.shift(full)
    found = np.zeros(len(full), bool)
    for side, near in enumerate((chosen.near_orig, chosen.near_resp)):
        mute = chosen.several & (pick.side("pkts", full, side) == 0)
        found |= mute & (over[near] + pick.shift(near) < end - SECOND)
    return found


def _gap_of(pick: Picker, gaps: tuple[Array, Array], side: int) -> Array:
    """Those of the story's side, by the point nearest to it."""
    own = pick.chosen.near_orig if side == 0 else pick.chosen.near_resp
    if pick.blank:
        return np.zeros(len(own), bool)
    if pick.all(own) and not pick.turned(own).any():
        return gaps[side]
    return np.where(pick.turned(own), gaps[1 - side][own], gaps[side][own])
