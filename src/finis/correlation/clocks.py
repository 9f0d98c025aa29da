"""Bring every clock to one reference.

Each connection that two sources share bounds the shift between their clocks to an interval; the
shift that satisfies most of them wins.  Among those that satisfy about as many, the plain ones
are preferred: no shift, the midnight of a day (captures that print only the time of day), a whole
number of quarter hours (time zones), and only then an arbitrary one, which needs more evidence:
connections of equal shape are common, so one look-alike must not bend a clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Literal

import numpy as np

from finis.correlation.evidence import Evidence, Unit
from finis.correlation.keys import Array
from finis.correlation.stories import Clock
from finis.records import dataclass, field

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
QUARTER = 900 * SECOND
LATE = 5 * SECOND  # a log line may be stamped this much after what it tells
STAMP = SECOND  # firewalls stamp whole seconds, cut off
AGREE = 2 * SECOND  # clocks this close are taken as agreeing with a log, whose stamps are coarse
ENOUGH = 0.8  # a plain shift wins with this share of the best count
SPAN = 1 << 62  # no shift is larger: sums of stamps and shifts stay within 64 bits
RHYTHM = 3  # moments
EXACT = 5_000_000  # ns within which they must agree
ZONES = 14 * 4  # quarter hours a time zone can differ

How = Literal["same", "assumed", "midnight", "zone", "offset"]

STEPS_NS = tuple(10**power for power in range(9, 3, -1))  # 1 s to 10 µs
ENOUGH_STAMPS = 8  # that are all multiples of one are so by chance once in 10^8
SOME = 32  # connections whose segments are looked at


@dataclass(frozen=True, slots=True)
class Bounds:
    """Intervals [lo, hi] in which the shift from one clock to another must lie, in ns."""

    lo: Array
    hi: Array
    connection: Array  # which candidate an interval comes from
    tight: Array  # the interval is a matter of seconds, not of a connection's lifetime
    strong: Array  # the candidate is identified by more than its tuple

    def count(self, shift: int) -> int:
        return int(((self.lo <= shift) & (shift <= self.hi)).sum())

    def at(self, shift: int) -> Array:
        found: Array = (self.lo <= shift) & (shift <= self.hi)
        return found


@dataclass(frozen=True, slots=True)
class Shift:
    """Add `ns` to stamps of one clock to get the other's."""

    ns: int
    how: How
    connections: int  # that agree on it
    slack_ns: int


@dataclass(slots=True)
class Edge:
    """What is known between two clocks; nodes are units (≥ 0) and devices (-1 - number)."""

    a: int
    b: int
    shift: Shift  # from a's stamps to b's
    precise: bool  # both are captures


@dataclass(slots=True)
class Solution:
    shift_ns: list[int]  # per unit, to the reference clock
    known: list[bool]  # per unit: the shifted stamps are dates, not times of an unknown day
    device_ns: list[int]  # per device, to the reference clock
    slack_ns: list[int]  # per unit, against the reference clock
    group: list[int]  # per unit: units of one group are aligned with each other
    clocks: list[Clock] = field(default_factory=list)


def solve(bounds: Bounds, *, undated: bool, both_undated: bool = False) -> Shift | None:
    """The shift that most bounds allow, plain ones preferred; None where nothing is certain."""
    if not len(bounds.lo):
        return None
    lo, hi = _densest(bounds)
    best = bounds.count((lo + hi) // 2)
    middle = (lo + hi) // 2
    for how, step, limit in (("same", 0, 0), ("midnight", DAY, None), ("zone", QUARTER, ZONES)):
        if how == "same" and undated and not both_undated:
            continue
        if how == "midnight" and not undated:
            continue
        value = round(middle / step) * step if step else 0
        if step and how == "midnight" and not bounds.count(value):
            continue
        if limit is not None and step and not undated and abs(value) > limit * step:
            continue
        agreeing = bounds.at(value)
        if agreeing.sum() < max(1, ENOUGH * best):
            continue
        if how == "zone" and not _supported(bounds, agreeing, connections=1, events=1):
            continue
        if how == "midnight" and hi - lo >= DAY:
            return None  # several days would do
        slack, seen = (hi - lo) // 2, _connections(bounds, agreeing)
        if how == "same" and not bounds.tight.any():
            return Shift(0, "assumed", seen, min(slack, SECOND))
        return Shift(value, how, seen, slack)  # type: ignore[arg-type]
    agreeing = bounds.at(middle)
    if not _supported(bounds, agreeing, connections=2, events=3):
        return None
    return Shift(middle, "offset", _connections(bounds, agreeing), (hi - lo) // 2)


def _densest(bounds: Bounds) -> tuple[int, int]:
    """The stretch that lies in most intervals (tight ones first, if there are any)."""
    use = bounds.tight if bounds.tight.any() else np.ones(len(bounds.lo), bool)
    lo, hi = np.sort(bounds.lo[use]), np.sort(bounds.hi[use])
    depth = np.arange(1, len(lo) + 1) - np.searchsorted(hi, lo, "left")
    start = int(lo[int(np.argmax(depth))])
    inside = (bounds.lo[use] <= start) & (start <= bounds.hi[use])
    return start, int(bounds.hi[use][inside].min())


def _connections(bounds: Bounds, agreeing: Array) -> int:
    return len(np.unique(bounds.connection[agreeing]))


def _supported(bounds: Bounds, agreeing: Array, connections: int, events: int) -> bool:
    """Enough to bend a clock: several connections, or one identified by more than its tuple, or
    (for zones, which leave little to chance) any one."""
    tight = agreeing & bounds.tight
    if (tight & bounds.strong).any():
        return True
    number = _connections(bounds, tight)
    if connections == 1:
        return number >= 2 or (number == 1 and int(tight.sum()) >= events)
    return number >= connections and int(tight.sum()) >= events


# --- bounds ---------------------------------------------------------------------------------

ENDING_TEARDOWNS = frozenset(
    ("fins", "reset-orig", "reset-resp", "reset-side-unknown", "handshake-reset", "refused")
)  # logged when the last segment passes, not when a timer runs out


def log_bounds(ev: Evidence, row: Array, conn: Array) -> Bounds:
    """What candidate pairs (observation, logged connection) allow for log clock − capture clock."""
    log = ev.log
    first_ns, last_ns = ev.rows["first_ns"][row], ev.rows["last_ns"][row]
    ends = np.array([word in ENDING_TEARDOWNS for word in log.teardown_word], bool)
    built, teardown = log.built[conn], log.teardown[conn]
    has_built, has_end = built > 0, teardown > 0
    fresh = (ev.rows["midstream"][row] == 0) & (ev.rows["isn_known"][row] == 1).any(axis=1)
    syn = has_built & fresh
    last = np.maximum(ev.rows["fin_ns"][row].max(axis=1), ev.rows["rst_ns"][row].max(axis=1))
    end = has_end & (last > 0) & (ends[conn] if len(ends) else False)
    wide = has_built & has_end & ~syn & ~end
    sure = np.zeros(len(row), bool)
    parts = (
        _part(syn, built - first_ns - LATE, built - first_ns + STAMP, row, 1, sure),
        _part(end, teardown - last_ns - LATE, teardown - last + STAMP, row, 1, sure),
        _part(wide, built - first_ns - LATE, teardown - last_ns + LATE, row, 0, sure),
    )
    return _bounds(parts)


def pair_bounds(ev: Evidence, a: Array, b: Array, flip: Array, strong: Array) -> Bounds:
    """What candidate pairs of observations allow for b's clock − a's clock: the same SYN, FIN and
    RST seen at both, transit and queues at most half a second; without any of these no more than
    that their lifetimes overlap."""
    rows, seen = ev.rows, []
    for side in (0, 1):
        other = np.where(flip, 1 - side, side)
        for name, ok in (
            ("first_seg_ns", (rows["isn_known"][a, side] & rows["isn_known"][b, other]) == 1),
            ("fin_ns", True),
            ("rst_ns", True),
        ):
            x, y = rows[name][a, side], rows[name][b, other]
            seen.append(((x != 0) & (y != 0) & ok, x, y - x))
    strong = strong | _same_rhythm(seen)
    half = SECOND // 2
    parts = [_part(use, by - half, by + half, a, 1, strong) for use, _, by in seen]
    bare = ~np.logical_or.reduce([use for use, _, _ in seen])
    first, last = (rows[n] for n in ("first_ns", "last_ns"))
    parts.append(_part(bare, first[b] - last[a], last[b] - first[a], a, 0, strong))
    return _bounds(parts)


def _same_rhythm(seen: list[tuple[Array, Array, Array]]) -> Array:
    """Candidates of which several moments, spread over a second or more, lie equally far apart to
    within milliseconds: the same connection on another clock.  Look-alikes are not that exact,
    and health checks are over sooner."""
    use, when, by = (np.stack(part) for part in zip(*seen, strict=True))
    low, high = -SPAN, SPAN
    spans = [
        np.where(use, x, low).max(axis=0) - np.where(use, x, high).min(axis=0) for x in (when, by)
    ]
    found: Array = (use.sum(axis=0) >= RHYTHM) & (spans[0] >= SECOND) & (spans[1] <= EXACT)
    return found


_Part = tuple[Array, Array, Array, Array, Array]


def _part(use: Array, lo: Array, hi: Array, row: Array, tight: int, strong: Array) -> _Part:
    use = use & (lo <= hi)
    return lo[use], hi[use], row[use], np.full(int(use.sum()), bool(tight)), strong[use]


def _bounds(parts: Iterable[_Part]) -> Bounds:
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return Bounds(*columns)


# --- one reference --------------------------------------------------------------------------


def coarsen(ev: Evidence) -> None:
    """Many a clock ticks in coarser steps than its file has room for (Windows: 1 ms and more).
    That counts where it is compared with another."""
    if len(ev.units) < 2:
        return
    for number, unit in enumerate(ev.units):
        mine = np.flatnonzero(ev.unit == number)
        stamps = [ev.segments(mine[:SOME])["ts_ns"]]
        stamps += [ev.fields[name][mine] for name in ("first_ns", "last_ns")]
        every = np.concatenate(stamps)
        if len(every) >= ENOUGH_STAMPS:
            coarse = (step for step in STEPS_NS if not (every % step).any())
            unit.resolution_ns = max(unit.resolution_ns, next(coarse, 1))


def to_reference(ev: Evidence, edges: list[Edge], day: date | None) -> Solution:
    """Walk from the reference clock (the log, else the dated capture first by name) along the
    surest edges; what cannot be reached keeps its own clock."""
    count, devices = len(ev.units), len(ev.log.devices)
    known = [unit.dated for unit in ev.units]
    out = Solution([0] * count, known, [0] * devices, [0] * count, [-1] * count)
    reached: dict[int, int] = {}
    for group, root in enumerate(_roots(ev, edges)):
        if root in reached:
            continue
        _start(out, ev, root, group, day, reached, edges)
        _walk(out, ev, root, group, edges, reached)
    return out


def _roots(ev: Evidence, edges: list[Edge]) -> list[int]:
    """Where to start, best first: devices by what hangs on them, dated captures, the rest."""
    weight = {-1 - d: 0 for d in range(len(ev.log.devices))}
    for edge in edges:
        for node in (edge.a, edge.b):
            if node < 0:
                weight[node] += edge.shift.connections
    logs = sorted(weight, key=lambda node: (-weight[node], -node))
    units = range(len(ev.units))
    return (
        [node for node in logs if weight[node]]
        + [u for u in units if ev.units[u].dated]
        + [u for u in units if not ev.units[u].dated]
        + [node for node in logs if not weight[node]]
    )


def _start(
    out: Solution,
    ev: Evidence,
    root: int,
    group: int,
    day: date | None,
    reached: dict[int, int],
    edges: list[Edge],
) -> None:
    first = not reached
    reached[root] = 0
    if root < 0:
        out.clocks.append(own(ev.log.devices[-1 - root], first=first))
        return
    unit = ev.units[root]
    out.group[root] = group
    zone = ", read as UTC because its stamps name no zone" if unit.zone_assumed else ""
    if unit.dated:
        alone = "shares no connection with the others; own clock"
        out.clocks.append(Clock(unit.name, 0, ("reference clock" if first else alone) + zone))
    elif day is not None:
        shift = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * SECOND
        reached[root] = out.shift_ns[root] = shift
        out.known[root] = True
        why = f"prints no date: taken as {day.isoformat()}, as given{zone}"
        out.clocks.append(Clock(unit.name, shift, why))
    else:
        why = "prints no date and shares no connection with a dated source: day unknown" + zone
        out.clocks.append(Clock(unit.name, 0, why))


def own(device: str, *, first: bool) -> Clock:
    """The clock of a log that is taken as it is."""
    why = "reference clock" if first else "shares no connection with the others; own clock"
    return Clock(device or "log", 0, why, STAMP)


def _walk(
    out: Solution,
    ev: Evidence,
    root: int,
    group: int,
    edges: list[Edge],
    reached: dict[int, int],
) -> None:
    inside = {root}
    while True:
        best: tuple[tuple[bool, int], Edge, bool] | None = None
        for edge in edges:
            for near, forward in ((edge.a, True), (edge.b, False)):
                far = edge.b if forward else edge.a
                if near in inside and far not in reached:
                    rank = (edge.precise, edge.shift.connections)
                    if best is None or rank > best[0]:
                        best = rank, edge, forward
        if best is None:
            return
        _, edge, forward = best
        near, far = (edge.a, edge.b) if forward else (edge.b, edge.a)
        step = -edge.shift.ns if forward else edge.shift.ns
        reached[far] = max(-SPAN, min(SPAN, reached[near] + step))  # hostile stamps
        inside.add(far)
        _say(out, ev, edge, near, far, reached[far], group)


def _say(
    out: Solution, ev: Evidence, edge: Edge, near: int, far: int, total: int, group: int
) -> None:
    shift, against = edge.shift, _name(ev, near)
    if far < 0:
        out.device_ns[-1 - far] = total
        out.clocks.append(Clock(_name(ev, far), total, _why(shift, None, total, against), STAMP))
        return
    unit = ev.units[far]
    out.group[far] = group
    out.shift_ns[far] = total
    out.known[far] = unit.dated or near < 0 or out.known[near]
    out.slack_ns[far] = shift.slack_ns + (out.slack_ns[near] if near >= 0 else 0)
    why = _why(shift, unit, total - (0 if near < 0 else out.shift_ns[near]), against)
    if not unit.dated and out.known[far]:
        moment = datetime.fromtimestamp((unit.first_ns + total) // SECOND, UTC)
        why = f"prints no date: {moment.date().isoformat()}, {why}"
    out.clocks.append(Clock(unit.name, total, why, out.slack_ns[far]))


def _name(ev: Evidence, node: int) -> str:
    return ev.units[node].name if node >= 0 else (ev.log.devices[-1 - node] or "log")


def _why(shift: Shift, unit: Unit | None, step: int, against: str) -> str:
    one = shift.connections == 1
    times = f"{shift.connections} shared connection{'' if one else 's'}"
    shows = times + (" shows" if one else " show")
    if shift.how == "zone":
        step = round((step % DAY if unit and not unit.dated else step) / QUARTER) * QUARTER
        step = step - DAY if step > DAY // 2 else step
        zone = "whole quarter hours: a time zone"
        return f"shifted by {spoken(step)} ({zone}) to meet {against}, as {shows}"
    if shift.how == "assumed":
        return f"taken to agree with {against}: the lifetimes of {times} overlap"
    if shift.how == "offset":
        return f"shifted by {spoken(step)} to meet {against}, as {shows}"
    return f"agrees with {against} within {spoken(_round(shift.slack_ns))}, as {shows}"


def _round(ns: int) -> int:
    """Up to two digits: a bound needs no more."""
    step: int = 10 ** max(2, len(str(ns)) - 2)
    return max(1000, -(-ns // step) * step)


def spoken(ns: int) -> str:
    """A signed time in the unit that suits it: ``-1 h``, ``15 µs``, ``+37.2 s``."""
    size, sign = abs(ns), "-" if ns < 0 else ""
    if size >= 60 * SECOND and size % QUARTER == 0:
        text = str(timedelta(seconds=size // SECOND))
        hours, minutes, _ = text.split(":") if "day" not in text else ("", "", "")
        if hours:
            return f"{sign}{int(hours)} h" + (f" {int(minutes)} min" if int(minutes) else "")
        return f"{sign}{text}"
    for unit, scale, places in (("s", SECOND, 3), ("ms", 1_000_000, 1), ("µs", 1000, 1)):
        if size >= scale:
            digits = f"{size / scale:.{places}f}".rstrip("0").rstrip(".")
            return f"{sign}{digits} {unit}"
    return f"{sign}{size} ns"
