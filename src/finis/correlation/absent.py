"""Attempts that one point shows and the next one along the path does not, although it would have.

Nothing pairs them: the other capture holds no segment of theirs.  What it would have shown is told
by others: connections of the same two hosts, seen at both points under one tuple, and by when that
capture ran.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from finis.correlation import keys
from finis.correlation.clocks import SECOND
from finis.correlation.columns import Column, Columns, menu
from finis.correlation.keys import Array
from finis.correlation.picking import Picker
from finis.terms import Ended

MARGIN_NS = SECOND // 200  # a SYN is on its way, and clocks differ, by no more than that
SEVERAL = 2  # server ports that the other point shows: its filter is hardly one for a port


def columns(pick: Picker, has: Array, lossy: Array) -> Columns:
    """`absent_at`: the point that should have shown the SYN; `absent_alike`: connections of the
    same hosts that it shows; `absent_ports`: their server ports, the attempt's own counting for
    several.  Null where that cannot be said.  `lossy`: points known to miss segments."""
    ev = pick.ev
    if len(ev.points) < 2 or pick.blank:
        return {}
    story, row = _attempts(pick, has)
    near, far = _examples(pick)
    if not len(story) or not len(near):
        return {}
    hosts = _hosts(pick, row), _hosts(pick, near)
    beyond = ~lossy[ev.point[far]]
    near, far, seen = near[beyond], far[beyond], hosts[1][beyond]
    order = np.lexsort((ev.point[far], seen))
    near, far, seen = near[order], far[order], seen[order]
    low, high = (np.searchsorted(seen, hosts[0], side) for side in ("left", "right"))
    first, last = _periods(pick)
    at = np.zeros(len(has), np.int64)
    known = np.zeros(len(has), bool)
    alike, ports = np.zeros(len(has), np.int64), np.zeros(len(has), np.int64)
    for n in np.flatnonzero(high > low).tolist():
        mine, point = slice(int(low[n]), int(high[n])), int(ev.point[far[low[n]]])
        begin = int(ev.rows["first_ns"][row[n]] + pick.chosen.shift[row[n]])
        end = int(ev.rows["last_ns"][row[n]] + pick.chosen.shift[row[n]])
        if begin < first[point] + MARGIN_NS or end > last[point] - MARGIN_NS:
            continue
        shown = set(_port(pick, far[mine][ev.point[far[mine]] == point]).tolist())
        own = int(_port(pick, row[n : n + 1])[0])
        known[story[n]], at[story[n]], alike[story[n]] = True, point, high[n] - low[n]
        ports[story[n]] = SEVERAL if own in shown else len(shown)
    return {
        "absent_at": Column(at, known, menu(*ev.points)),
        "absent_alike": Column(alike, known),
        "absent_ports": Column(ports, known),
    }


def _attempts(pick: Picker, has: Array) -> tuple[Array, Array]:
    """Stories of one observation that is an attempt come to nothing, and the observation."""
    at = pick.chosen.near_orig
    alone = has & (pick.groups.size == 1)
    alone &= np.isin(pick.one("ended", at), [Ended.UNANSWERED, Ended.REFUSED])
    alone &= (pick.side("syns", at, 0) > 0) & (pick.side("syns", at, 1) == 0)
    story = np.flatnonzero(alone)
    return story, at[story]


def _examples(pick: Picker) -> tuple[Array, Array]:
    """Neighbours along the path that show one connection under one tuple: nearer to orig, then."""
    chosen = pick.chosen
    steps = [pair for rows in chosen.order.values() for pair in pairwise(rows)]
    more = np.array(steps, np.int64).reshape(-1, 2)
    near = np.concatenate((chosen.twins.near, more[:, 0]))
    far = np.concatenate((chosen.twins.far, more[:, 1]))
    same = pick.ev.key[near] == pick.ev.key[far]
    pkts = pick.ev.rows["pkts"]
    same &= (pkts[near] > 0).all(axis=1) & (pkts[far] > 0).all(axis=1)
    return near[same], far[same]


def _ends(pick: Picker, row: Array, side: int, part: str) -> Array:
    turned = pick.turned(row)
    names = ("orig", "resp") if side == 0 else ("resp", "orig")
    mine, other = (pick.ev.rows[f"{name}_{part}"][row] for name in names)
    return np.where(turned, other, mine)


def _hosts(pick: Picker, row: Array) -> Array:
    """Point and both hosts of an observation, as one number."""
    parts = [_ends(pick, row, side, part) for side in (0, 1) for part in ("hi", "lo")]
    return keys.mix(pick.ev.point[row].astype(np.uint64), *(p.astype(np.uint64) for p in parts))


def _port(pick: Picker, row: Array) -> Array:
    return _ends(pick, row, 1, "p")


def _periods(pick: Picker) -> tuple[Array, Array]:
    """When each point's capture began and ended, on the reference clock."""
    ev = pick.ev
    shift = np.zeros(len(ev.units), np.int64)
    shift[ev.unit] = pick.chosen.shift
    first = np.full(len(ev.points), np.iinfo(np.int64).max)
    last = np.full(len(ev.points), np.iinfo(np.int64).min)
    unit, one = np.unique(ev.unit, return_index=True)
    for number, row in zip(unit.tolist(), one.tolist(), strict=True):
        point, period = int(ev.point[row]), ev.units[number]
        first[point] = min(first[point], period.first_ns + shift[number])
        last[point] = max(last[point], period.last_ns + shift[number])
    return first, last
