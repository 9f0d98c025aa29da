"""Pair the kept segments of one connection at two points, and judge those without a twin.

A segment that one capture shows and the other does not says something about the firewall only
where the other could have seen it: inside its period, in a direction it shows at all, among the
segments it kept, and not in a hole of its own (the peer acknowledged what it does not show).
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict

from finis.correlation.translation import (
    ACK,
    WRAP,
    Offsets,
    Segment,
    after_change,
    changes,
    same_id,
    shifted,
)
from finis.records import dataclass, field
from finis.terms import Flag, Quirk, Role

_DROPPED, _RECENT = int(Quirk.DROPPED), int(Role.RECENT)
_FIN, _SYN, _RST = int(Flag.FIN), int(Flag.SYN), int(Flag.RST)
_HAS_TS = int(Quirk.HAS_TS)
_RELATIVE = int(Quirk.RELATIVE_SEQ)
FAR_AWAY = 1 << 60
MARGIN_NS = 1_000_000  # a twin may be this much later than clocks and transit say
LATE_TWIN_NS = 150_000_000  # below any retransmission timer (RFC 6298 §2.4; Linux: 200 ms)
SOON_NS = 50_000_000  # of what is paired for its time and length alone
LATE_RST_NS = 1_000_000_000
SEVERAL = 3  # pairs that agree on a delay
LONG = 2000  # segments of a tail searched for one acknowledgement
BUCKET = 32  # identical segments aligned exactly; beyond, by time alone
APART_NS = 10_000_000_000  # what disagreeing IP IDs cost against time


@dataclass(frozen=True, slots=True)
class View:
    """One point's view of the connection, sides being the story's."""

    segments: list[Segment]
    pkts: tuple[int, int]
    fins: tuple[int, int]
    rsts: tuple[int, int]
    syns: tuple[int, int]
    first_ns: int  # period of the capture, on the clock of the segments
    last_ns: int
    tail_n: int

    def around(self, ts_ns: int) -> list[Segment]:
        """All segments, or of a long tail those near a moment."""
        if len(self.segments) <= LONG:
            return self.segments
        at = bisect_left(self.segments, ts_ns, key=lambda s: s.ts_ns)
        return self.segments[max(0, at - LONG // 2) : at + LONG // 2]

    def complete_from(self) -> int:
        """From this stamp on every segment is in the tail."""
        if self.tail_n >= sum(self.pkts):
            return -FAR_AWAY
        recent = [s.ts_ns for s in self.segments if s.role & _RECENT]
        return min(recent) if recent else FAR_AWAY


@dataclass(slots=True)
class Raw:
    """Two tails paired, before it is known which point lies where.  `pairs` and `alone` hold
    segments; deltas are second stamp minus first, per side."""

    offsets: Offsets
    pairs: list[tuple[Segment, Segment]]
    alone: tuple[list[Segment], list[Segment]]
    lengths_changed: bool = False
    deltas: tuple[list[int], list[int]] = field(default_factory=lambda: ([], []))

    @property
    def share(self) -> float:
        """Share of the shorter tail that found a twin."""
        shorter = len(self.pairs) + min(len(self.alone[0]), len(self.alone[1]))
        return len(self.pairs) / shorter if shorter else 0.0

    def bounds(self, first_near: bool) -> tuple[int, int]:
        """Bounds of second clock − first clock if the first point is nearer to orig: segments of
        orig reach the second later, those of resp earlier.  Bounds that cross refute it."""
        toward, back = (0, 1) if first_near else (1, 0)
        low = max(self.deltas[back], default=-FAR_AWAY)
        high = min(self.deltas[toward], default=FAR_AWAY)
        return low, high


def pair(one: list[Segment], two: list[Segment], offsets: Offsets, clock_ns: int | None) -> Raw:
    """Pair two tails one by one.  Identical segments (retransmissions, repeated ACKs) are paired
    by time, IP IDs permitting."""
    pairs: list[tuple[Segment, Segment]] = []
    left, right = _pass(list(one), list(two), offsets, pairs, clock_ns)
    _reject_others(pairs, left, right)
    changed = False
    if pairs and left and right:
        middle = _middle(pairs)
        kept = _ids_kept([same_id(a, b) for a, b in pairs])
        other = after_change(left, right, offsets, middle, SOON_NS, ids_kept=kept)
        if other is not None:
            before = len(pairs)
            left, right = _pass(left, right, other, pairs, middle)
            _reject_others(pairs, left, right)
            changed = len(pairs) > before
        changed |= _stretched(left, right, offsets, pairs, middle)
    pairs.sort(key=lambda p: (p[0].at, p[1].at))
    raw = Raw(offsets, pairs, (left, right), changed)
    for a, b in pairs:
        raw.deltas[a.side].append(b.ts_ns - a.ts_ns)
    return raw


def _reject_others(
    pairs: list[tuple[Segment, Segment]], left: list[Segment], right: list[Segment]
) -> None:
    """Undo pairs that are much later than the rest, or carry other IP IDs where the rest carry the
    same: a repetition whose own twin was not kept."""
    if len(pairs) < SEVERAL:
        return
    middle = _middle(pairs)
    same = [same_id(a, b) for a, b in pairs]
    kept_ids = _ids_kept(same)
    kept = []
    for (a, b), ids in zip(pairs, same, strict=True):
        # No timer repeats a RST: one that comes late is more likely held up than another one.
        limit = LATE_RST_NS if a.flags & _RST else LATE_TWIN_NS
        late = abs(b.ts_ns - a.ts_ns - middle) > limit and not ids
        if late or (kept_ids and ids is False):
            left.append(a)
            right.append(b)
        else:
            kept.append((a, b))
    pairs[:] = kept
    left.sort(key=lambda s: s.at)
    right.sort(key=lambda s: s.at)


def _ids_kept(same: list[bool | None]) -> bool:
    return same.count(True) > same.count(False)


def one_packet(a: Segment, b: Segment) -> bool:
    """Do they carry the same IP ID or timestamps?  A proxy would have made its own."""
    stamped = a.quirks & b.quirks & _HAS_TS and (a.tsval, a.tsecr) == (b.tsval, b.tsecr)
    return bool(stamped) or same_id(a, b) is True


def _middle(pairs: list[tuple[Segment, Segment]]) -> int:
    return sorted(b.ts_ns - a.ts_ns for a, b in pairs)[len(pairs) // 2]


def _key(s: Segment, way: Offsets, second: bool) -> tuple[int, ...]:
    """What two sightings of one segment have in common, numbers brought to the first point's."""
    seq_by, ack_by = way[s.side], way[1 - s.side]
    seq = ack = -1
    if not s.bare_ack and seq_by is not None and not s.no_seq:
        seq = (s.seq - seq_by) % WRAP if second else s.seq
    if s.flags & ACK and ack_by is not None:
        ack = (s.ack - ack_by) % WRAP if second else s.ack
    return s.side, s.control, s.flags & ACK, s.payload_len, seq, ack


def _pass(
    one: list[Segment],
    two: list[Segment],
    way: Offsets,
    pairs: list[tuple[Segment, Segment]],
    clock_ns: int | None,
) -> tuple[list[Segment], list[Segment]]:
    """One round with one set of offsets; returns what is left over on both sides."""
    if not one or not two:
        return one, two
    waiting: dict[tuple[int, ...], list[Segment]] = defaultdict(list)
    for b in two:
        waiting[_key(b, way, True)].append(b)
    groups: dict[tuple[int, ...], list[Segment]] = defaultdict(list)
    for a in one:
        groups[_key(a, way, False)].append(a)
    clear = [
        waiting[key][0].ts_ns - group[0].ts_ns
        for key, group in groups.items()
        if len(group) == 1 == len(waiting.get(key, ()))
    ]
    clock = sorted(clear)[len(clear) // 2] if clear else clock_ns
    used_a, used_b = set(), set()
    for key, group in groups.items():
        for a, b in _align(group, waiting.get(key, []), way, clock):
            pairs.append((a, b))
            used_a.add(a.at)
            used_b.add(b.at)
    return [a for a in one if a.at not in used_a], [b for b in two if b.at not in used_b]


def _align(
    one: list[Segment],
    two: list[Segment],
    way: Offsets,
    clock: int | None,
) -> list[tuple[Segment, Segment]]:
    """Pair like with like in order, leaving out whom it costs least to leave out."""
    if not one or not two:
        return []
    if len(one) == 1 == len(two):
        return [(one[0], two[0])] if _cost(one[0], two[0], way, clock) < FAR_AWAY else []
    if clock is None:
        ok = zip(one, two, strict=False)
        return [(a, b) for a, b in ok if _cost(a, b, way, clock) < FAR_AWAY]
    if max(len(one), len(two)) > BUCKET:
        return _merge(one, two, way, clock)
    short, long, turned = (one, two, False) if len(one) <= len(two) else (two, one, True)
    best: list[list[tuple[int, bool]]] = [[(0, False)] * (len(long) + 1)]
    for i, a in enumerate(short):
        row = [(FAR_AWAY * (i + 1), False)]
        for j, b in enumerate(long):
            cost = _cost(b, a, way, clock) if turned else _cost(a, b, way, clock)
            take = best[i][j][0] + cost
            row.append((take, True) if take < row[j][0] else (row[j][0], False))
        best.append(row)
    out, j = [], len(long)
    for i in range(len(short), 0, -1):
        while j > 0 and not best[i][j][1]:
            j -= 1
        if j == 0:
            break
        a, b = (long[j - 1], short[i - 1]) if turned else (short[i - 1], long[j - 1])
        if _cost(a, b, way, clock) < FAR_AWAY:
            out.append((a, b))
        j -= 1
    return out[::-1]


def _merge(
    one: list[Segment], two: list[Segment], way: Offsets, clock: int
) -> list[tuple[Segment, Segment]]:
    """Pair two long series in order of time, each with the first that comes at the right time."""
    out, j = [], 0
    for a in one:
        while j < len(two) and two[j].ts_ns - a.ts_ns - clock < -LATE_TWIN_NS:
            j += 1
        if j == len(two):
            break
        late = two[j].ts_ns - a.ts_ns - clock > LATE_TWIN_NS
        if not late and _cost(a, two[j], way, clock) < LATE_TWIN_NS:
            out.append((a, two[j]))
            j += 1
    return out


def _cost(a: Segment, b: Segment, way: Offsets, clock: int | None) -> int:
    by = way[a.side]
    if a.bare_ack and by is not None and not (a.no_seq or b.no_seq) and (b.seq - a.seq - by) % WRAP:
        return FAR_AWAY  # keep-alives and probes are no twins of the ACKs around them
    cost = 0 if clock is None else abs(b.ts_ns - a.ts_ns - clock)
    if same_id(a, b) is False:
        cost += APART_NS
    return cost


def _stretched(
    left: list[Segment],
    right: list[Segment],
    offsets: Offsets,
    pairs: list[tuple[Segment, Segment]],
    clock: int,
) -> bool:
    """Pair leftover data that begins at the same place but has another length: rewritten."""
    starts: dict[tuple[int, int, int], list[Segment]] = defaultdict(list)
    for b in right:
        by = offsets[b.side]
        if b.payload_len and by is not None:
            starts[b.side, b.control, (b.seq - by) % WRAP].append(b)
    found = set()
    for a in left:
        for b in starts.get((a.side, a.control, a.seq), []) if a.payload_len else []:
            if abs(b.ts_ns - a.ts_ns - clock) <= SOON_NS and (1, b.at) not in found:
                pairs.append((a, b))
                found |= {(0, a.at), (1, b.at)}
                break
    left[:] = [a for a in left if (0, a.at) not in found]
    right[:] = [b for b in right if (1, b.at) not in found]
    return bool(found)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Segments without a twin: (0 first point or 1 second, row in its tail)."""

    vanished: list[tuple[int, int]]
    created: list[tuple[int, int]]
    unjudged: list[tuple[int, int]]


def judge(raw: Raw, near: View, far: View, clock: int, slack: int, placed: bool) -> Verdict:
    """Vanished, created or not to be judged; `near` is the first tail of `raw`.  `clock` is far
    clock − near clock; where `placed` is false it is unknown which point lies where."""
    vanished: list[tuple[int, int]] = []
    created: list[tuple[int, int]] = []
    unjudged: list[tuple[int, int]] = []
    for which, alone in enumerate(raw.alone):
        other = far if which == 0 else near
        step = clock if which == 0 else -clock
        offset = [(by or 0) * (1 if which == 0 else -1) for by in raw.offsets]
        for segment in alone:
            place = (which, segment.at)
            if segment.quirks & _DROPPED:
                vanished.append(place)
            elif (
                not placed
                or not _could_see(segment, other, step, slack)
                or _lost_there(segment, other, offset, step)
            ):
                unjudged.append(place)
            elif (segment.side == 0) == (which == 0):  # seen on its sender's side of the firewall
                vanished.append(place)
            else:
                created.append(place)
    return Verdict(vanished, created, unjudged)


def _could_see(segment: Segment, other: View, step: int, slack: int) -> bool:
    """Was the other capture running, looking this way, and would it have kept the twin?"""
    there = segment.ts_ns + step
    margin = slack + MARGIN_NS
    if there < other.first_ns + slack or there + slack > other.last_ns:
        return False
    if not other.pkts[segment.side]:
        return False
    for bit, counts in ((_RST, other.rsts), (_FIN, other.fins), (_SYN, other.syns)):
        if segment.flags & bit and not counts[segment.side]:
            return True
    return there - margin >= other.complete_from()


def _lost_there(segment: Segment, other: View, offset: list[int], step: int) -> bool:
    """Did the peer, as the other point shows it, acknowledge a segment that point does not show?
    Then it passed, and the capture lost it."""
    occupied = segment.payload_len + bool(segment.flags & _FIN) + bool(segment.flags & _SYN)
    if not occupied or segment.flags & _RST or segment.no_seq:
        return False
    start = segment.seq + offset[segment.side]
    end = start + occupied
    acknowledged = False
    for twin in other.around(segment.ts_ns + step):
        if twin.side != segment.side:
            acknowledged |= bool(twin.flags & ACK) and _upto(end, twin.ack)
        elif not twin.no_seq and not twin.flags & _RST:
            reach = twin.payload_len + bool(twin.flags & _FIN) + bool(twin.flags & _SYN)
            if reach and _upto(twin.seq, start) and _upto(end, twin.seq + reach):
                return False  # it came another time
    return acknowledged


def _upto(a: int, b: int) -> bool:
    """a ≤ b in sequence space (RFC 9293 §3.4)."""
    return (b - a) % WRAP < WRAP // 2


def describe(raw: Raw, near: str, far: str) -> list[str]:
    """What changed between the two points, in words; the first is near."""
    relative = any((a.quirks | b.quirks) & _RELATIVE for a, b in raw.pairs)
    out = shifted(raw.offsets, near, far, relative=relative) + changes(raw.pairs)
    if raw.lengths_changed:
        out.append("payload lengths changed on the way: the offset is not the same throughout")
    return out
