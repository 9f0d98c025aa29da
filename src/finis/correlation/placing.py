"""Stories seen at several points: pair their tails, find which point lies nearer to which end,
and say what the firewall did to each segment."""

from __future__ import annotations

from collections import defaultdict
from ipaddress import ip_address, ip_network
from itertools import combinations

import numpy as np

from finis.correlation import keys
from finis.correlation.clocks import SECOND, Solution
from finis.correlation.evidence import Evidence
from finis.correlation.grouping import Groups
from finis.correlation.joining import Candidates, Prints
from finis.correlation.pairing import (
    FAR_AWAY,
    SEVERAL,
    Raw,
    View,
    describe,
    judge,
    one_packet,
    pair,
)
from finis.correlation.stories import Pairing
from finis.correlation.translation import WRAP, Segment, isn_offsets, segments, signed, solve
from finis.correlation.twins import CUT, EMPTY, Twins, identical
from finis.records import dataclass, field
from finis.terms import Flag, Orientation, Quirk

_NO_TTL = int(Quirk.NO_TTL)
RUN_APART_NS = 50_000_000  # so much two clocks may drift while both capture
ALIKE = 0.5  # share of the shorter tail that must pair for two observations to be one connection
SURELY_ALIKE = 0.8  # … where not even the tuple is the same; losses leave only one side alone


@dataclass(slots=True)
class Member:
    """One observation of a story with its tail as numbers."""

    row: int
    flipped: bool
    view: View
    shift_ns: int
    group: int


@dataclass(slots=True)
class Paired:
    twins: Twins  # stories in which nothing was lost or created
    order: dict[int, list[int]] = field(default_factory=dict)  # others → rows, nearest orig first
    pairings: dict[int, list[Pairing]] = field(default_factory=dict)  # of those
    measured: dict[tuple[int, int], list[tuple[int, int]]] = field(
        default_factory=lambda: defaultdict(list)
    )  # two units → (clock of the second − of the first, slack) per connection
    notes: list[str] = field(default_factory=list)
    one_way: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    usual: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)  # of many twins

    def refutes(self, units: tuple[int, int], clock: int, slack: int) -> bool:
        """Is this clock not what connections say of which nothing is open, by more than clocks run
        apart?  Then segments were paired that only look alike."""
        usual, its_slack = self.usual.get(units, (clock, 0))
        return abs(clock - usual) > slack + its_slack + RUN_APART_NS


@dataclass(slots=True)
class _Two:
    """Two members of a story, paired but perhaps not yet placed; indices into its members."""

    i: int
    j: int
    raw: Raw
    first_near: bool | None
    basis: str


def pair_all(ev: Evidence, groups: Groups, clocks: Solution, prints: Prints) -> Paired:
    """Pair every story seen at several points."""
    one, two_ = groups.twins
    twins = identical(ev, groups, one, two_)
    out = Paired(twins)
    _measure(ev, out)
    waiting: list[tuple[int, list[Member], list[_Two]]] = []
    closer = ~np.isin(groups.story[one], twins.story)
    pairs = np.stack((one[closer], two_[closer]), axis=1)
    for rows in [*pairs.tolist(), *groups.multi]:
        members = _members(ev, groups, clocks, rows)
        ends = combinations(range(len(members)), 2)
        twos = [_two(ev, groups, prints, members, i, j) for i, j in ends]
        for two in twos:
            two.first_near = _place(ev, groups, members, two)
        waiting.append((int(groups.story[rows[0]]), members, twos))
    hosts = _hosts(ev, waiting)
    for story, members, twos in waiting:
        for two in twos:
            if two.first_near is None:
                two.first_near = _infer(ev, members, two, hosts)
        _finish(ev, out, story, members, twos)
    for (name, other), count in out.one_way.items():
        out.notes.append(
            f"{name} and {other} each show one direction of {count} "
            f"connection{'s' if count != 1 else ''}: joined by their numbers, losses not judged"
        )
    return out


def pair_again(
    ev: Evidence, groups: Groups, clocks: Solution, prints: Prints, near: int, far: int
) -> list[Pairing]:
    """The pairing of one of `Paired.twins`, made when somebody wants to read it."""
    out = Paired(EMPTY)
    rows = sorted((near, far), key=lambda row: (int(ev.point[row]), row))
    members = _members(ev, groups, clocks, rows)
    two = _two(ev, groups, prints, members, 0, 1)
    two.first_near = rows[0] == near
    _finish(ev, out, 0, members, [two])
    return out.pairings[0]


def _measure(ev: Evidence, out: Paired) -> None:
    """What the twins say of the clocks."""
    twins = out.twins
    sure = twins.bounded
    u, v = ev.unit[twins.near[sure]], ev.unit[twins.far[sure]]
    slacks = twins.slack[sure]
    clock = np.where(u < v, twins.clock[sure], -twins.clock[sure])
    low, high = np.minimum(u, v), np.maximum(u, v)
    for one in np.unique(low).tolist():
        for two in np.unique(high[low == one]).tolist():
            at = (low == one) & (high == two)
            middle = int(np.median(clock[at]))
            slack = int(np.median(slacks[at]))
            out.measured[one, two] += [(middle, slack)] * int(at.sum())
            if at.sum() >= SEVERAL:
                out.usual[one, two] = middle, slack


def alike(ev: Evidence, found: Candidates) -> Candidates:
    """Of candidates whose tuples differ, those whose kept segments pair as well: a proxy that
    passes on one request, or two clients that send the same, are no single connection."""
    keep = np.zeros(len(found), bool)
    for n, (a, b, flip) in enumerate(zip(found.a, found.b, found.flip, strict=True)):
        one, two = segments(_tail(ev, a), False), segments(_tail(ev, b), bool(flip))
        raw = pair(one, two, solve(one, two), None)
        enough = len(raw.pairs) >= min(SEVERAL, len(one), len(two))
        own = sum(one_packet(x, y) for x, y in raw.pairs) >= SEVERAL
        keep[n] = enough and raw.share >= (ALIKE if own else SURELY_ALIKE)
    return Candidates(
        found.a[keep], found.b[keep], found.flip[keep], found.strong[keep], found.basis
    )


def _members(ev: Evidence, groups: Groups, clocks: Solution, rows: list[int]) -> list[Member]:
    base = max(
        rows,
        key=lambda r: (
            int(ev.rows["orientation"][r] == Orientation.SYN),
            int(groups.log_way[r] > 0),
            int(ev.rows["pkts"][r].sum()),
            -rows.index(r),
        ),
    )
    members = []
    for row in rows:
        flipped = bool(groups.flipped[base]) ^ (row != base and _swapped(ev, groups, base, row))
        groups.flipped[row] = flipped
        unit = int(ev.unit[row])
        view = _view(ev, row, flipped)
        members.append(Member(row, flipped, view, clocks.shift_ns[unit], clocks.group[unit]))
    return members


def _swapped(ev: Evidence, groups: Groups, base: int, row: int) -> bool:
    """Are orig and resp of `row` swapped against `base`?"""
    if groups.log_way[base] and groups.log_way[row]:
        return bool(groups.log_way[base] != groups.log_way[row])
    one, two = ev.rows[base], ev.rows[row]

    def equal(x: str, y: str) -> bool:
        return all(one[f"{x}_{n}"] == two[f"{y}_{n}"] for n in ("hi", "lo", "p"))

    if equal("orig", "orig") or equal("resp", "resp"):
        return False
    if equal("orig", "resp") or equal("resp", "orig"):
        return True
    if one["orientation"] == two["orientation"] == Orientation.SYN:
        return False
    straight, turned = (
        pair(a, b, solve(a, b), None).share
        for a, b in (
            (segments(_tail(ev, base), False), segments(_tail(ev, row), turn))
            for turn in (False, True)
        )
    )
    return turned > straight


def _tail(ev: Evidence, row: int) -> np.ndarray:
    return ev.tail[ev.start[row] : ev.stop[row]]


def _view(ev: Evidence, row: int, flipped: bool) -> View:
    record, unit = ev.rows[row], ev.units[int(ev.unit[row])]

    def both(name: str) -> tuple[int, int]:
        a, b = int(record[name][0]), int(record[name][1])
        return (b, a) if flipped else (a, b)

    return View(
        segments=segments(_tail(ev, row), flipped),
        pkts=both("pkts"),
        fins=both("fins"),
        rsts=both("rsts"),
        syns=both("syns"),
        first_ns=unit.first_ns,
        last_ns=unit.last_ns,
        tail_n=int(record["tail_n"]),
    )


def _two(
    ev: Evidence, groups: Groups, prints: Prints, members: list[Member], i: int, j: int
) -> _Two:
    a, b = members[i], members[j]
    clock = a.shift_ns - b.shift_ns if a.group == b.group else None
    isn = isn_offsets(ev.rows[a.row], ev.rows[b.row], a.flipped, b.flipped)
    offsets = solve(a.view.segments, b.view.segments, isn, clock, 2 * SECOND)
    raw = pair(a.view.segments, b.view.segments, offsets, clock)
    key = (min(a.row, b.row), max(a.row, b.row))
    if groups.link[a.row] >= 0 and groups.link[a.row] == groups.link[b.row]:
        same = ev.key[a.row] == ev.key[b.row]
        basis = "unchanged tuple, log" if same else "log mapping"
    else:
        basis = prints.pairs.get(key, "unchanged tuple")
    return _Two(i, j, raw, None, basis)


# --- which point lies nearer to orig ---------------------------------------------------------


def _place(ev: Evidence, groups: Groups, members: list[Member], two: _Two) -> bool | None:
    """Is the first of the two nearer to orig?  The log's translation decides, else both
    directions together, else TTLs, else which addresses are private; None if they do not."""
    near = groups.log_near[members[two.i].row], groups.log_near[members[two.j].row]
    if set(near) == {1, 2}:
        return bool(near[0] == 1)
    orig, resp = two.raw.deltas
    if orig and resp:
        step = _resolution(ev, members, two)
        # A clock that is cut to its steps shows it in delays that differ.
        differ = max(max(one) - min(one) for one in (orig, resp)) > step // CUT
        cut = step if differ else 0
        first, turned = (low - cut < high for low, high in map(two.raw.bounds, (True, False)))
        if first != turned:
            return first
        middle = sorted(orig)[len(orig) // 2] - sorted(resp)[len(resp) // 2]
        if abs(middle) > step:
            return middle > 0
    by_ttl = _by_ttl(two.raw)
    return _by_address(ev, members, two) if by_ttl is None else by_ttl


def _resolution(ev: Evidence, members: list[Member], two: _Two) -> int:
    return max(ev.units[int(ev.unit[members[n].row])].resolution_ns for n in (two.i, two.j))


def _by_ttl(raw: Raw) -> bool | None:
    vote = 0
    for a, b in raw.pairs:
        if (a.quirks | b.quirks) & _NO_TTL or a.ttl == b.ttl:
            continue
        sender_side_first = a.ttl > b.ttl
        vote += 1 if sender_side_first == (a.side == 0) else -1
    return None if not vote else vote > 0


def _by_address(ev: Evidence, members: list[Member], two: _Two) -> bool | None:
    """Translation hides private addresses (RFC 1918, RFC 4193) from the side away from them."""
    vote = 0
    a, b = members[two.i], members[two.j]
    for side in (0, 1):
        ends = []
        for member in (a, b):
            record = ev.rows[member.row]
            which = "resp" if (side == 1) ^ member.flipped else "orig"
            text = keys.address(int(record[f"{which}_hi"]), int(record[f"{which}_lo"]))
            ends.append(any(ip_address(text) in net for net in _PRIVATE))
        if ends[0] != ends[1]:
            vote += 1 if ends[0] == (side == 0) else -1
    return None if not vote else vote > 0


_PRIVATE = [
    ip_network(net) for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
]

_Hosts = dict[tuple[str, str, int, int], int]


def _hosts(ev: Evidence, stories: list[tuple[int, list[Member], list[_Two]]]) -> _Hosts:
    """Which point lies nearer to a host, learned from the stories that show it: votes for the
    first point of (point, point, address)."""
    votes: _Hosts = defaultdict(int)
    for _, members, twos in stories:
        for two in twos:
            if two.first_near is not None:
                for side, key in _host_keys(ev, members, two):
                    votes[key] += 1 if two.first_near == (side == 0) else -1
    return votes


def _host_keys(
    ev: Evidence, members: list[Member], two: _Two
) -> list[tuple[int, tuple[str, str, int, int]]]:
    out = []
    a, b = members[two.i], members[two.j]
    names = ev.points[int(ev.point[a.row])], ev.points[int(ev.point[b.row])]
    for member in (a, b):
        record = ev.rows[member.row]
        for side in (0, 1):
            which = "resp" if (side == 1) ^ member.flipped else "orig"
            hi, lo = int(record[f"{which}_hi"]), int(record[f"{which}_lo"])
            out.append((side, (*names, hi, lo)))
    return out


def _infer(ev: Evidence, members: list[Member], two: _Two, hosts: _Hosts) -> bool | None:
    """From where other connections show these hosts to be, else from a segment that only the
    point next to its sender shows."""
    vote = sum(
        hosts.get(key, 0) * (1 if side == 0 else -1) for side, key in _host_keys(ev, members, two)
    )
    if vote:
        return vote > 0
    for which, alone in enumerate(two.raw.alone):
        other = members[two.j if which == 0 else two.i].view
        for segment in alone:
            if segment.flags & Flag.RST and not other.rsts[segment.side]:
                return (which == 0) == (segment.side == 0)
    return None


# --- pairings ---------------------------------------------------------------------------------


def _finish(ev: Evidence, out: Paired, story: int, members: list[Member], twos: list[_Two]) -> None:
    """Order the members along the path and judge neighbours."""
    wins = [0] * len(members)
    for two in twos:
        if two.first_near is not None:
            wins[two.i if two.first_near else two.j] += 1
    path = sorted(range(len(members)), key=lambda m: (-wins[m], m))
    out.order[story] = [members[m].row for m in path]
    by_members = {(two.i, two.j): two for two in twos}
    pairings = []
    for at in range(len(path) - 1):
        near, far = path[at], path[at + 1]
        two = by_members[min(near, far), max(near, far)]
        pairings.append(_pairing(ev, out, members, two, near, far, at))
    out.pairings[story] = pairings


def _pairing(
    ev: Evidence, out: Paired, members: list[Member], two: _Two, near: int, far: int, at: int
) -> Pairing:
    a, b = members[near], members[far]
    raw = two.raw if near == two.i else turned(two.raw)
    clock, slack, sound = _clock(raw, a, b)
    u, v = int(ev.unit[a.row]), int(ev.unit[b.row])
    units, measured = (min(u, v), max(u, v)), (clock if u < v else -clock, slack)
    refuted = sound and out.refutes(units, *measured)
    if sound and two.first_near is not None and not refuted:
        out.measured[units].append(measured)
    names = ev.points[int(ev.point[a.row])], ev.points[int(ev.point[b.row])]
    if raw.pairs and raw.share < ALIKE:
        out.notes.append(
            f"most kept segments of one connection at {names[0]} and {names[1]} differ "
            f"(frame {int(ev.rows['first_frame'][a.row])} and {int(ev.rows['first_frame'][b.row])})"
        )
    if refuted:
        out.notes.append(
            f"kept segments of one connection at {names[0]} and {names[1]} fit at a time that "
            f"others refute (frame {int(ev.rows['first_frame'][a.row])} and "
            f"{int(ev.rows['first_frame'][b.row])}): what only one of them shows is not judged"
        )
    if not raw.pairs and _complementary(a.view, b.view):
        out.one_way[names] += 1
    placed = two.first_near is not None and not refuted
    verdict = judge(raw, a.view, b.view, clock, slack, placed)
    index = (at, at + 1)
    return Pairing(
        near=at,
        far=at + 1,
        offset=(signed(raw.offsets[0] or 0), signed(raw.offsets[1] or 0)),
        clock_ns=clock,
        clock_slack_ns=slack,
        pairs=[(x.at, y.at) for x, y in raw.pairs],
        vanished=[(index[w], row) for w, row in verdict.vanished],
        created=[(index[w], row) for w, row in verdict.created],
        unjudged=[(index[w], row) for w, row in verdict.unjudged],
        changed=describe(raw, *names),
        basis=two.basis,
    )


def _complementary(one: View, two: View) -> bool:
    """Each shows one direction, and not the same: the two halves of a tap."""
    shown = [(view.pkts[0] > 0, view.pkts[1] > 0) for view in (one, two)]
    return sorted(shown) == [(False, True), (True, False)]


def turned(raw: Raw) -> Raw:
    """The same pairing with its two tails exchanged."""
    orig, resp = (None if by is None else -by % WRAP for by in raw.offsets)
    pairs: list[tuple[Segment, Segment]] = [(b, a) for a, b in raw.pairs]
    deltas = ([-d for d in raw.deltas[0]], [-d for d in raw.deltas[1]])
    return Raw((orig, resp), pairs, (raw.alone[1], raw.alone[0]), raw.lengths_changed, deltas)


def _clock(raw: Raw, near: Member, far: Member) -> tuple[int, int, bool]:
    """Far clock − near clock, what cannot be told from transit, and whether both directions
    bound it."""
    low, high = raw.bounds(True)
    if low > -FAR_AWAY and high < FAR_AWAY:
        return (low + high) // 2, abs(high - low) // 2, True
    aligned = near.shift_ns - far.shift_ns if near.group == far.group else None
    if high < FAR_AWAY:
        return (high, 0, False) if aligned is None else (min(high, aligned), SECOND // 2, False)
    if low > -FAR_AWAY:
        return (low, 0, False) if aligned is None else (max(low, aligned), SECOND // 2, False)
    return aligned or 0, SECOND, False
