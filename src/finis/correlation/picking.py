"""Who is asked: for every story the observations nearest to each side, and their columns read
once each."""

from __future__ import annotations

from typing import Any

import numpy as np

from finis.correlation.clocks import SECOND, Solution
from finis.correlation.columns import NONE
from finis.correlation.evidence import Evidence
from finis.correlation.grouping import Groups
from finis.correlation.keys import Array
from finis.correlation.placing import Paired
from finis.correlation.turned import Turned
from finis.correlation.twins import Twins
from finis.records import dataclass
from finis.tracking.resets import FAR

WRAP = 1 << 32


def ahead(number: Array, of: Array) -> Array:
    """Sequence numbers (u4) that lie after others, as far as any window may reach."""
    by = number - of
    found: Array = (by > 0) & (by < FAR)
    return found


@dataclass(slots=True)
class Chosen:
    """Per story the observation to believe; -1 without packets."""

    packets: Array
    near_orig: Array  # nearest to orig of those that show the end
    near_resp: Array
    outer: tuple[Array, Array]  # nearest to orig and to resp of all
    fullest: Array
    most: tuple[Array, Array]  # most complete for what orig sent, and for what resp sent
    closer: Array  # nearest to whoever closed first
    base: Array  # first segment, reference clock
    last: Array
    known: Array  # base is a date
    shift: Array  # per observation
    several: Array  # per story: seen at several points
    order: dict[int, list[int]]  # of those, observations nearest to orig first …
    twins: Twins  # … or here


def choose(ev: Evidence, groups: Groups, paired: Paired, clocks: Solution) -> Chosen:
    """Which observation tells what, for every story."""
    single = groups.first_row.copy()
    near_orig, near_resp, fullest = single.copy(), single.copy(), single.copy()
    most = single.copy(), single.copy()
    shift = np.array(clocks.shift_ns, np.int64)[ev.unit] if len(ev) else np.empty(0, np.int64)
    known = np.array(clocks.known, bool)[ev.unit] if len(ev) else np.empty(0, bool)
    shown = _Shown(ev, groups, shift)
    first, last = shown.first, shown.last
    base = np.where(single >= 0, first[single] if len(ev) else 0, 0)
    end = np.where(single >= 0, last[single] if len(ev) else 0, 0)
    twins = paired.twins
    story, near, far = twins.story, twins.near, twins.far
    outer = single.copy(), single.copy()
    outer[0][story], outer[1][story] = near, far
    near_orig[story] = np.where(shown.cut_short(near, far, 0), far, near)
    near_resp[story] = np.where(shown.cut_short(far, near, 1), near, far)
    less = shown.sent[:, near].sum(axis=0) < shown.sent[:, far].sum(axis=0)
    fullest[story] = np.where(less, far, near)
    most[0][story] = most[1][story] = fullest[story]
    base[story] = np.minimum(first[near], first[far])
    end[story] = np.maximum(last[near], last[far])
    for at, rows in paired.order.items():
        outer[0][at], outer[1][at] = rows[0], rows[-1]
        most[0][at], most[1][at] = (shown.fullest(rows, side) for side in (0, 1))
        near_orig[at] = shown.nearest(rows, 0, most[0][at])
        near_resp[at] = shown.nearest(rows[::-1], 1, most[1][at])
        fullest[at] = rows[int(np.argmax(shown.sent[:, rows].sum(axis=0)))]
        base[at], end[at] = first[rows].min(), last[rows].max()
    packets = single >= 0
    out = Chosen(
        packets=packets,
        near_orig=near_orig,
        near_resp=near_resp,
        outer=outer,
        fullest=fullest,
        most=most,
        closer=fullest.copy(),
        base=base,
        last=end,
        known=np.where(packets, known[single] if len(ev) else False, False),
        shift=shift,
        several=groups.size > 1,
        order=paired.order,
        twins=paired.twins,
    )
    pick = Picker(ev, groups, out)
    starts = np.stack([_earliest(_moment(pick, "fin_ns", s), _moment(pick, "rst_ns", s))
                       for s in (0, 1)])  # fmt: skip
    orig_closed = starts[0] <= starts[1]
    none = (starts == np.iinfo(np.int64).max).all(axis=0)
    out.closer = np.where(none, near_orig, np.where(orig_closed, near_orig, near_resp))
    return out


class _Shown:
    """What observations show of each side of their story, and until when."""

    def __init__(self, ev: Evidence, groups: Groups, shift: Array) -> None:
        pkts = ev.rows["pkts"].astype(np.int64).reshape(-1, 2).T
        self.sent = np.where(groups.flipped, pkts[::-1], pkts)  # segments, by side
        self.first, self.last = ev.rows["first_ns"] + shift, ev.rows["last_ns"] + shift
        self.over = ev.over_ns() + shift  # the capture's end

    def cut_short(self, own: Any, other: Any, side: int) -> Any:
        """Had the capture that should show best what a side sent ended when another still showed
        some?  Then it does not show the end, and is not asked for it."""
        return (self.over[own] < self.last[other]) & (self.sent[side][own] < self.sent[side][other])

    def fullest(self, rows: list[int], side: int) -> int:
        """The one of these that shows most of a side."""
        return rows[int(np.argmax(self.sent[side][rows]))]

    def nearest(self, rows: list[int], side: int, most: int) -> int:
        """The first of these that shows something of a side and was not cut short."""
        whole = (r for r in rows if self.sent[side][r] and not self.cut_short(r, most, side))
        return next(whole, rows[0])


def _moment(pick: Picker, name: str, side: int) -> Array:
    """When a side sent it, on the reference clock: at the fullest point, or where that one missed
    it at the point nearest to the side; 0 for never."""
    chosen = pick.chosen
    own = chosen.near_orig if side == 0 else chosen.near_resp
    here, there = pick.side(name, chosen.fullest, side), pick.side(name, own, side)
    at = np.where(here != 0, here + pick.shift(chosen.fullest), there + pick.shift(own))
    found: Array = np.where((here == 0) & (there == 0), 0, at)
    return found


def _earliest(*times: Array) -> Array:
    never = np.iinfo(np.int64).max
    found: Array = np.minimum.reduce([np.where(t == 0, never, t) for t in times])
    return found


class Picker:
    """Reads fields of observations by story; an index of -1 reads anything, to be masked after."""

    def __init__(self, ev: Evidence, groups: Groups, chosen: Chosen) -> None:
        self.ev, self.groups, self.chosen = ev, groups, chosen
        self.blank = not len(ev)
        spare = int(self.blank)
        # Without packets there is one row of zeros to read.
        self.fields = Turned(np.zeros(1, ev.rows.dtype)) if self.blank else ev.fields
        self._shift = np.append(chosen.shift, [0] * spare).astype(np.int64)
        self._flipped = np.append(groups.flipped, [False] * spare).astype(np.int64)
        self._shifted = bool(chosen.shift.any())
        self._straight = not self._flipped.any()
        self._every: list[tuple[Array, bool]] = []

    def all(self, at: Array) -> bool:
        """Is it every row in order?  Then nothing need be picked."""
        for known, is_all in self._every:
            if known is at:
                return is_all
        is_all = len(at) == len(self.fields) and bool((at == np.arange(len(at))).all())
        self._every.append((at, is_all))
        return is_all

    def one(self, name: str, at: Array) -> Array:
        """A field without sides, or both sides of one."""
        column: Array = self.fields[name].T
        return column if self.all(at) else column[at]

    def side(self, name: str, at: Array, side: int) -> Array:
        """A field of the story's side."""
        columns = self.fields[name]
        found: Array
        if self._straight:
            found = columns[side] if self.all(at) else columns[side][at]
        else:
            found = columns.T[at, side ^ self._flipped[at]]
        return found

    def who(self, name: str, at: Array) -> Array:
        """A field that names a side (0, 1 or NONE), in the story's terms."""
        value = self.one(name, at)
        if self._straight:
            return value
        value = value.astype(np.int64)
        return np.where(value == NONE, NONE, value ^ self._flipped[at])

    def turned(self, at: Array) -> Array:
        """Are orig and resp of the observation swapped against the story?"""
        if self._straight:
            return np.zeros(len(at), bool)
        found: Array = self._flipped[at] == 1
        return found

    def shift(self, at: Array) -> Array:
        found: Array = self._shift if self.all(at) else self._shift[at]
        return found

    def since(self, name: str, at: Array, side: int) -> tuple[Array, Array]:
        """Seconds from the story's beginning to a moment, and where it happened at all."""
        ns = self.side(name, at, side)
        begun = self.chosen.base - self.shift(at) if self._shifted else self.chosen.base
        return (ns - begun) / SECOND, ns != 0
