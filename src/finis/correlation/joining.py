"""Which observations and logged connections are one and the same.

Candidates come from hash joins only: the tuple (as the log's near or far side, or unchanged
between points) and fingerprints of kept segments.  A connection of equal shape is no candidate.
Candidates are then compared in aligned time; where several remain, none is chosen.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from finis.correlation import keys
from finis.correlation.clocks import LATE, SECOND, STAMP, Solution
from finis.correlation.evidence import NEVER, Evidence
from finis.correlation.keys import Array
from finis.records import dataclass, field
from finis.terms import Quirk

CROWD = 64  # rows of one tuple compared with each other before clocks are aligned
NEIGHBOURS = 8  # … and after: the nearest in time
SLACK = SECOND  # two sightings of one connection overlap, give or take
SYN_REPEATS = 15 * SECOND  # a first SYN lost on the way: the far point sees a repetition
LATE_AFTER_CLOSE = 300 * SECOND  # retransmissions of ends whose connection is torn down
LATE_AFTER_TIMEOUT = 86_400 * SECOND  # an application that wakes after the firewall's timer
TIMED_OUT = frozenset(
    (
        "idle-timeout",
        "idle-timeout-reset",
        "bypass-idle",
        "fin-timeout",
        "last-ack-timeout",
        "unacked-timeout",
        "unknown",
    )
)
FEW = 16  # observations that may share one IP ID and still be compared …
MANY_IDS = 200_000  # … unless there are more such IDs than this: then two
IP_IDS = 3  # IP IDs that must agree
UNMATCHED_SHOWN = 50  # ambiguities put into words


@dataclass(frozen=True, slots=True)
class Candidates:
    """Pairs of observations (rows of Evidence) that may be one connection."""

    a: Array
    b: Array
    flip: Array  # orig and resp are swapped between the two
    strong: Array  # identified by more than the tuple
    basis: str

    def __len__(self) -> int:
        return len(self.a)


# --- observations and the log ----------------------------------------------------------------


def log_candidates(ev: Evidence) -> tuple[Array, Array]:
    """Pairs (observation, logged connection) whose tuples agree on one side of the firewall."""
    log = ev.log
    usable = np.flatnonzero(log.usable)
    differs = log.near_key[usable] != log.far_key[usable]
    conn = np.concatenate((usable, usable[differs]))
    key = np.concatenate((log.near_key[usable], log.far_key[usable][differs]))
    when = np.where(log.built[conn] != NEVER, log.built[conn], log.teardown[conn])
    order = np.lexsort((when, key))
    conn, key, when = conn[order], key[order], when[order]
    left, right = np.searchsorted(key, ev.key, "left"), np.searchsorted(key, ev.key, "right")
    crowded = np.flatnonzero(right - left > CROWD)
    for row in crowded:  # a tuple reused very often: the ones nearest in time
        at = left[row] + np.searchsorted(when[left[row] : right[row]], ev.rows["first_ns"][row])
        left[row] = max(left[row], at - CROWD // 2)
        right[row] = min(right[row], at + CROWD // 2)
    count = right - left
    rows = np.repeat(np.arange(len(ev)), count)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
    return _same_tuple_as_log(ev, rows, conn[np.repeat(left, count) + within])


def _same_tuple_as_log(ev: Evidence, row: Array, conn: Array) -> tuple[Array, Array]:
    """Drop hash collisions."""
    ok = np.zeros(len(row), bool)
    for side in (ev.log.near, ev.log.far):
        ok |= log_side_of(ev, row, conn, side) > 0
    return row[ok], conn[ok]


def log_side_of(ev: Evidence, row: Array, conn: Array, side: tuple[Array, ...]) -> Array:
    """1: orig of the observation is orig of the logged tuple; 2: swapped; 0: another tuple."""
    one = [ev.rows[n][row] for n in ("orig_hi", "orig_lo", "orig_p")]
    two = [ev.rows[n][row] for n in ("resp_hi", "resp_lo", "resp_p")]
    mine = [part[conn] for part in side]
    same = np.logical_and.reduce([x == y for x, y in zip(one + two, mine, strict=True)])
    swapped = np.logical_and.reduce([x == y for x, y in zip(two + one, mine, strict=True)])
    return np.where(same, 1, np.where(swapped, 2, 0))


def match_logs(ev: Evidence, row: Array, conn: Array, clocks: Solution) -> list[Array]:
    """`match_log` for every firewall by itself: a connection may pass several."""
    out = []
    for device in range(len(ev.log.devices)):
        mine = ev.log.device[conn] == device
        out.append(match_log(ev, row[mine], conn[mine], clocks))
    return out


def match_log(ev: Evidence, row: Array, conn: Array, clocks: Solution) -> Array:
    """For every observation the logged connection it is, or -1: alive at the same time, nearest
    at its start and end; each logged connection takes one observation per point.  Packets without
    a SYN may also come after the teardown: the firewall forgot the connection, its ends did not."""
    out = np.full(len(ev), -1, np.int64)
    if not len(row):
        return out
    shift = np.array(clocks.shift_ns, np.int64)[ev.unit[row]]
    slack = np.array(clocks.slack_ns, np.int64)[ev.unit[row]] + STAMP
    device = np.array(clocks.device_ns, np.int64)[ev.log.device[conn]]
    first, last = ev.rows["first_ns"][row] + shift, ev.rows["last_ns"][row] + shift
    has_built, has_end = ev.log.built[conn] != NEVER, ev.log.teardown[conn] != NEVER
    built = np.where(has_built, ev.log.built[conn] + device, first)
    end = np.where(has_end, ev.log.teardown[conn] + device, np.maximum(last, built))
    early = built - LATE - slack
    timed_out = np.array([w in TIMED_OUT for w in ev.log.teardown_word], bool)
    after = np.where(timed_out[conn], LATE_AFTER_TIMEOUT, LATE_AFTER_CLOSE)
    midstream = ev.rows["midstream"][row] == 1
    late = end + slack + np.where(midstream & has_end, after, SECOND)
    alive = (first <= late) & (last >= early)
    known = np.array(clocks.known, bool)[ev.unit[row]]
    fresh = (ev.rows["midstream"][row] == 0) & has_built
    fresh &= ev.rows["isn_known"][row].any(axis=1)
    started = np.abs(first - built)
    alive &= ~(fresh & (started > LATE + slack + SYN_REPEATS))
    cost = np.where(fresh, started, np.maximum(0, built - first)) + np.maximum(0, last - end)
    cost = cost + np.maximum(0, first - end)
    cost = cost + np.where(has_end & ~fresh, np.minimum(np.abs(end - last), LATE), 0)
    keep = np.flatnonzero(alive & known)
    slot = keys.mix(ev.point[row[keep]].astype(np.uint64), conn[keep].astype(np.uint64))
    chosen = keep[mutual_best(row[keep], slot, cost[keep])]
    out[row[chosen]] = conn[chosen]
    return out


def mutual_best(left: Array, right: Array, cost: Array) -> Array:
    """Indices of a matching: repeatedly the pairs that are cheapest for both their ends (ties:
    the first), so that the outcome does not depend on the order of unequal pairs."""
    alive = np.lexsort((np.arange(len(cost)), cost))
    chosen: list[Array] = []
    while len(alive):
        first_left = np.zeros(len(alive), bool)
        first_right = np.zeros(len(alive), bool)
        first_left[np.unique(left[alive], return_index=True)[1]] = True
        first_right[np.unique(right[alive], return_index=True)[1]] = True
        picked = alive[first_left & first_right]
        chosen.append(picked)
        gone = np.isin(left[alive], left[picked]) | np.isin(right[alive], right[picked])
        alive = alive[~gone]
    return np.concatenate(chosen) if chosen else np.empty(0, np.int64)


# --- observations at different points --------------------------------------------------------


def tuple_candidates(ev: Evidence, shift: Array | None = None) -> Candidates:
    """Observations of one tuple at different points.  Without `shift` (per row, to a common
    clock) tuples reused very often are left out; with it they meet their neighbours in time."""
    if len(ev.points) < 2:
        none = np.empty(0, np.int64)
        return Candidates(none, none, none > 0, none > 0, "unchanged tuple")
    when = ev.rows["first_ns"] + (shift if shift is not None else 0)
    order = np.lexsort((when, ev.key))
    key = ev.key[order]
    edge = np.flatnonzero(np.append(True, key[1:] != key[:-1])) if len(key) else np.empty(0, int)
    size = np.diff(np.append(edge, len(key)))
    several = np.repeat(size, size)
    reach = int(min(CROWD, size.max(initial=1))) if shift is None else NEIGHBOURS * len(ev.points)
    parts = []
    for step in range(1, min(reach, len(key))):
        same = key[step:] == key[:-step]
        if not same.any():
            break
        if shift is None:
            same &= several[step:] <= CROWD
        at = np.flatnonzero(same)
        a, b = order[at], order[at + step]
        apart = ev.point[a] != ev.point[b]
        parts.append((a[apart], b[apart]))
    a = np.concatenate([x for x, _ in parts]) if parts else np.empty(0, np.int64)
    b = np.concatenate([y for _, y in parts]) if parts else np.empty(0, np.int64)
    a, b = np.where(ev.point[a] < ev.point[b], a, b), np.where(ev.point[a] < ev.point[b], b, a)
    same, flip = same_tuple(ev, a, b)
    a, b, flip = a[same], b[same], flip[same]
    return Candidates(a, b, flip, same_numbers(ev, a, b, flip), "unchanged tuple")


def same_tuple(ev: Evidence, a: Array, b: Array) -> tuple[Array, Array]:
    """Is the tuple the same, and are orig and resp swapped?"""

    def equal(x: str, y: str) -> Any:
        parts = [ev.rows[f"{x}_{n}"][a] == ev.rows[f"{y}_{n}"][b] for n in ("hi", "lo", "p")]
        return np.logical_and.reduce(parts)

    straight = equal("orig", "orig") & equal("resp", "resp")
    swapped = equal("orig", "resp") & equal("resp", "orig") & ~straight
    return straight | swapped, swapped


def same_numbers(ev: Evidence, a: Array, b: Array, flip: Array) -> Array:
    """Both ISNs, or both final sequence numbers, are equal: 64 bits of identity."""
    equal = {"isn": np.ones(len(a), bool), "nxt": np.ones(len(a), bool)}
    for side in (0, 1):
        other = np.where(flip, 1 - side, side)
        for name, ok in equal.items():
            have = ev.rows[f"{name}_known"]
            known = (have[a, side] == 1) & (have[b, other] == 1)
            ok &= known & (ev.rows[name][a, side] == ev.rows[name][b, other])
    if not len(ev.tail):
        return np.zeros(len(a), bool)
    starts = [np.minimum(ev.start[rows], len(ev.tail) - 1) for rows in (a, b)]
    quirks = ev.tail["quirks"][starts[0]] | ev.tail["quirks"][starts[1]]
    relative = (quirks & np.uint32(Quirk.RELATIVE_SEQ)) != 0  # small numbers, equal by habit
    found: Array = (equal["isn"] | equal["nxt"]) & ~relative
    return found


def match_points(ev: Evidence, found: Candidates, clocks: Solution) -> Candidates:
    """Of the candidates those alive at the same time, each observation once per other point."""
    if not len(found):
        return found
    shift = np.array(clocks.shift_ns, np.int64)
    group = np.array(clocks.group, np.int64)
    slack = np.array(clocks.slack_ns, np.int64)
    a, b = found.a, found.b
    together = group[ev.unit[a]] == group[ev.unit[b]]
    margin = SLACK + slack[ev.unit[a]] + slack[ev.unit[b]]
    a_first, a_last = (ev.rows[n][a] + shift[ev.unit[a]] for n in ("first_ns", "last_ns"))
    b_first, b_last = (ev.rows[n][b] + shift[ev.unit[b]] for n in ("first_ns", "last_ns"))
    overlap = np.minimum(a_last, b_last) - np.maximum(a_first, b_first)
    both = (ev.rows["midstream"][a] == 0) & (ev.rows["midstream"][b] == 0)
    apart = np.abs(a_first - b_first)
    ok = together & (overlap >= -margin) & ~(both & (apart > SYN_REPEATS + margin))
    cost = np.where(both, apart, -np.minimum(overlap, 0)) + np.abs(a_last - b_last) // 16
    keep = np.flatnonzero(ok)
    left = keys.mix(a[keep].astype(np.uint64), ev.point[b[keep]].astype(np.uint64))
    right = keys.mix(b[keep].astype(np.uint64), ev.point[a[keep]].astype(np.uint64))
    chosen = np.sort(keep[mutual_best(left, right, cost[keep])])
    return Candidates(a[chosen], b[chosen], found.flip[chosen], found.strong[chosen], found.basis)


# --- fingerprints ----------------------------------------------------------------------------

PAYLOAD, STAMPS, IP_ID = 1, 2, 3
_BASIS = {PAYLOAD: "payload fingerprint", STAMPS: "TSval", IP_ID: "IP ID"}


@dataclass(slots=True)
class Prints:
    """Outcome of the fingerprint join."""

    pairs: dict[tuple[int, int], str] = field(default_factory=dict)  # (row, row) → basis
    ambiguous: list[tuple[list[int], list[int]]] = field(default_factory=list)


def fingerprints(ev: Evidence, rows: Array) -> Prints:
    """Join observations without a twin by what a rewriting firewall leaves alone: payload,
    timestamps, IP IDs.  A fingerprint identifies only if one observation of a point carries it;
    three IP IDs must agree."""
    row, key, kind = _printed(ev, rows)
    row, key, kind = _shared(ev, row, key, kind)
    out = Prints()
    score: dict[tuple[int, int], dict[int, int]] = defaultdict(lambda: defaultdict(int))
    shared: dict[tuple[int, ...], tuple[list[int], list[int]]] = {}
    start = 0
    for stop in [*(np.flatnonzero(key[1:] != key[:-1]) + 1).tolist(), len(key)]:
        if stop > start:
            _bucket(ev, row[start:stop], int(kind[start]), score, shared)
        start = stop
    for pair, found in score.items():
        for sort in (PAYLOAD, STAMPS, IP_ID):
            if found.get(sort, 0) >= (IP_IDS if sort == IP_ID else 1):
                out.pairs[pair] = _BASIS[sort]
                break
    out.ambiguous = list(shared.values())
    return out


def _shared(ev: Evidence, row: Array, key: Array, kind: Array) -> tuple[Array, Array, Array]:
    """Only fingerprints that several points show, sorted; crowds that share an IP ID left out."""
    order = np.lexsort((row, key))
    row, key, kind = row[order], key[order], kind[order]
    if not len(row):
        return row, key, kind
    begin = np.flatnonzero(np.append(True, key[1:] != key[:-1]))
    size = np.diff(np.append(begin, len(key)))
    point = ev.point[row]
    several = np.minimum.reduceat(point, begin) != np.maximum.reduceat(point, begin)
    by_id = several & (kind[begin] == IP_ID)
    most = FEW if by_id.sum() <= MANY_IDS else 2
    several &= (kind[begin] != IP_ID) | (size <= most)
    keep = np.repeat(several, size)
    return row[keep], key[keep], kind[keep]


def _bucket(
    ev: Evidence,
    rows: Array,
    kind: int,
    score: dict[tuple[int, int], dict[int, int]],
    shared: dict[tuple[int, ...], tuple[list[int], list[int]]],
) -> None:
    """Observations that carry one fingerprint."""
    by_point: dict[int, list[int]] = defaultdict(list)
    for row in rows.tolist():
        by_point[int(ev.point[row])].append(row)
    points = sorted(by_point)
    for i, p in enumerate(points):
        for q in points[i + 1 :]:
            left, right = by_point[p], by_point[q]
            if kind == IP_ID or len(left) == 1 == len(right):
                for a in left:
                    for b in right:
                        score[a, b][kind] += 1
            elif kind == PAYLOAD and len(shared) < UNMATCHED_SHOWN:
                shared.setdefault((p, q, *left[:3]), (left[:CROWD], right[:CROWD]))


def _printed(ev: Evidence, rows: Array) -> tuple[Array, Array, Array]:
    """(row, fingerprint, kind) of the kept segments of these observations, each pair once."""
    length = ev.stop[rows] - ev.start[rows]
    owner = np.repeat(rows, length)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(length) - length, length)
    tail = ev.tail[np.repeat(ev.start[rows], length) + within]
    quirks, size = tail["quirks"], tail["payload_len"]
    control = tail["flags"] & 7
    parts = []
    for kind, use, numbers in (
        (PAYLOAD, (tail["payload_hash"] != 0) & (size >= 8), (tail["payload_hash"], size)),
        (
            STAMPS,
            (quirks & Quirk.HAS_TS) != 0,
            (tail["tsval"], tail["tsecr"], control, size),
        ),
        (
            IP_ID,
            ((quirks & Quirk.NO_IP_ID) == 0) & (tail["ip_id"] != 0),
            (tail["ip_id"], control, size),
        ),
    ):
        at = np.flatnonzero(use)
        tag = np.full(len(at), kind, np.uint64)
        print_ = keys.mix(tag, *(part[at] for part in numbers))
        _, once = np.unique(keys.mix(owner[at], print_), return_index=True)
        parts.append((owner[at][once], print_[once], np.full(len(once), kind)))
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))  # type: ignore[return-value]
