"""What a firewall adds to sequence numbers, solved from kept segments.

A firewall that randomises ISNs adds a constant per direction (mod 2^32); the acknowledgement
numbers of one direction carry the constant of the other.  Where inspection changes lengths the
constant changes from there on.  Convention: ``offset[side]`` is *far minus near*, near being the
point nearer to orig; inside this module, *second minus first* of the two tails given.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any, NamedTuple

from finis.correlation.keys import Array
from finis.terms import Flag, Quirk

WRAP = 1 << 32
SFR = int(Flag.SYN | Flag.FIN | Flag.RST)
ACK, SYN = int(Flag.ACK), int(Flag.SYN)
_NO_SEQ, _COPY, _HAS_TS = int(Quirk.NO_SEQ), int(Quirk.COPY), int(Quirk.HAS_TS)
_HAS_MSS, _HAS_WSCALE = int(Quirk.HAS_MSS), int(Quirk.HAS_WSCALE)
_TRUNCATED, _NO_IP_ID = int(Quirk.TRUNCATED_HEADER), int(Quirk.NO_IP_ID)
_WIDE = (1 << 32) - 1  # the half of a fingerprint that covers more bytes
LENGTHS_CHANGED = 1 << 16  # a second offset this near the first is inspection at work

SAMPLE = 48  # segments from either end of a tail that vote
SEVERAL = 3  # equal IP IDs that are no chance
_FIELDS = [
    "ts_ns", "side", "flags", "seq", "ack", "payload_len", "quirks", "ip_id", "payload_hash",
    "tsval", "tsecr", "win", "ttl", "mss", "wscale", "role", "kind",
]  # fmt: skip


class Segment(NamedTuple):
    """A row of a tail as plain numbers; `side` is the story's, `at` its row in the tail."""

    ts_ns: int
    side: int
    flags: int
    seq: int
    ack: int
    payload_len: int
    quirks: int
    ip_id: int
    payload_hash: int
    tsval: int
    tsecr: int
    win: int
    ttl: int
    mss: int
    wscale: int
    role: int
    kind: int
    at: int

    @property
    def no_seq(self) -> bool:
        return bool(self.quirks & _NO_SEQ)

    @property
    def control(self) -> int:
        return self.flags & SFR

    @property
    def bare_ack(self) -> bool:
        return not self.flags & SFR and not self.payload_len


def segments(tail: Array, flipped: bool) -> list[Segment]:
    """A tail as numbers, copies of one frame left out."""
    out = []
    for at, row in enumerate(tail[_FIELDS].tolist()):
        if not row[6] & _COPY:
            side = 1 - row[1] if flipped else row[1]
            out.append(Segment._make((row[0], side, *row[2:], at)))
    return out


def same_content(a: Segment, b: Segment) -> bool | None:
    """Do the payloads begin alike, as far as both were captured (`wire.payload.fingerprint`)?  None
    where one was not."""
    if not a.payload_hash or not b.payload_hash:
        return None
    narrow, wide = a.payload_hash >> 32, a.payload_hash & _WIDE
    if narrow != b.payload_hash >> 32:
        return False
    return not (wide and b.payload_hash & _WIDE) or wide == b.payload_hash & _WIDE


def same_id(a: Segment, b: Segment) -> bool | None:
    """Do the IP IDs agree?  None where one of them is not known."""
    if (a.quirks | b.quirks) & _NO_IP_ID or not a.ip_id or not b.ip_id:
        return None
    return a.ip_id == b.ip_id


Offsets = tuple[int | None, int | None]  # per side; None: could not be solved


def solve(
    one: list[Segment],
    two: list[Segment],
    isn: tuple[int | None, int | None] = (None, None),
    clock_ns: int | None = None,
    window_ns: int = 1_000_000_000,
) -> Offsets:
    """Offsets (second − first) per side.

    `isn` is the offset between the ISNs where both SYNs were seen; `clock_ns` the second clock
    minus the first where it is known, pairs further apart than `window_ns` then do not vote.
    """
    may = [
        (a, b)
        for a in sample(one)
        for b in sample(two)
        if a.side == b.side
        and not (a.flags ^ b.flags) & (SFR | ACK)
        and a.payload_len == b.payload_len
        and (clock_ns is None or abs(b.ts_ns - a.ts_ns - clock_ns) <= window_ns)
        and same_content(a, b) is not False  # a transfer has many segments of one length
    ]
    ids_kept = sum(same_id(a, b) is True for a, b in may) >= SEVERAL
    votes: tuple[_Votes, _Votes] = (defaultdict(_Vote), defaultdict(_Vote))
    for a, b in may:
        if ids_kept and same_id(a, b) is False:
            continue
        weight = 4 if a.control else 2 if a.payload_len else 1
        weight += 4 * (same_content(a, b) is True)
        if not (a.no_seq or b.no_seq):
            votes[a.side][(b.seq - a.seq) % WRAP].add(a, b, weight)
        if a.flags & ACK:
            votes[1 - a.side][(b.ack - a.ack) % WRAP].add(a, b, weight)
    return _best(votes[0], isn[0], clock_ns), _best(votes[1], isn[1], clock_ns)


class _Vote:
    """Who speaks for an offset.  A segment has one twin at most: of all that acknowledge the same
    no more count than the fewer of the two."""

    def __init__(self) -> None:
        self.weights: tuple[dict[int, int], dict[int, int]] = ({}, {})  # by segment, of each tail
        self.deltas: dict[int, list[int]] = {}  # by segment of the first

    def add(self, a: Segment, b: Segment, weight: int) -> None:
        for of, one in zip(self.weights, (a, b), strict=True):
            of[one.at] = max(weight, of.get(one.at, 0))
        self.deltas.setdefault(a.at, []).append(b.ts_ns - a.ts_ns)

    @property
    def count(self) -> int:
        return min(sum(of.values()) for of in self.weights)

    def spread(self, clock_ns: int | None) -> float:
        """How much the delays vary; of several that may be the segment's the one that fits best."""
        every = [delta for some in self.deltas.values() for delta in some]
        middle = sorted(every)[len(every) // 2] if clock_ns is None else clock_ns
        nearest = [min(abs(delta - middle) for delta in some) for some in self.deltas.values()]
        return 1 + sum(nearest) / len(nearest)


_Votes = defaultdict[int, _Vote]


def _best(votes: _Votes, isn: int | None, clock_ns: int | None) -> int | None:
    """The offset most segments agree on.  Series of equal lengths fit several offsets nearly as
    well: among those, the ISNs' own, then none at all, then the one whose delays vary least."""
    if not votes:
        return isn
    counts = {offset: vote.count for offset, vote in votes.items()}
    top = max(counts.values())
    near = [offset for offset, count in counts.items() if count >= 0.7 * top]
    if isn is not None and isn in near:
        return isn
    if 0 in near:
        return 0
    return min(near, key=lambda o: (votes[o].spread(clock_ns) / counts[o], -counts[o], o))


def after_change(
    one: list[Segment], two: list[Segment], way: Offsets, clock_ns: int, window_ns: int, *,
    ids_kept: bool,
) -> Offsets | None:  # fmt: skip
    """Offsets that hold for segments the main ones leave over: payload of another length shifts
    all that follows.  None unless two segments at the right time agree on it.  `ids_kept`: segments
    keep their IP IDs on the way."""
    found, one, two = list(way), sample(one), sample(two)
    for side in (0, 1):
        main = way[side]
        votes: Counter[int] = Counter()
        for a in one:
            for b in two:
                alike = a.side == b.side and a.flags == b.flags and a.payload_len == b.payload_len
                if not alike or abs(b.ts_ns - a.ts_ns - clock_ns) > window_ns:
                    continue
                if same_content(a, b) is False or (ids_kept and same_id(a, b) is False):
                    continue
                if a.side == side and not (a.bare_ack or a.no_seq or b.no_seq):
                    votes[(b.seq - a.seq) % WRAP] += 1
                elif a.side != side and a.flags & ACK:
                    votes[(b.ack - a.ack) % WRAP] += 1
        for offset, count in votes.most_common(1):
            if main is not None and count >= 2 and _distance(offset, main) < LENGTHS_CHANGED:
                found[side] = offset
    return None if tuple(found) == tuple(way) else (found[0], found[1])


def _distance(a: int, b: int) -> int:
    return min((a - b) % WRAP, (b - a) % WRAP)


def sample(tail: list[Segment]) -> list[Segment]:
    """Enough of a long tail to find a constant: its control segments, its ends."""
    if len(tail) <= 2 * SAMPLE:
        return tail
    middle = [s for s in tail[SAMPLE:-SAMPLE] if s.flags & SFR]
    return tail[:SAMPLE] + middle[:SAMPLE] + tail[-SAMPLE:]


def isn_offsets(
    one: Any, two: Any, flip_one: bool, flip_two: bool
) -> tuple[int | None, int | None]:
    """Offsets between the ISNs of two rows of tables.OBSERVATION, per side of the story."""
    out: list[int | None] = []
    for side in (0, 1):
        a, b = (1 - side if flip_one else side), (1 - side if flip_two else side)
        if one["isn_known"][a] and two["isn_known"][b]:
            out.append((int(two["isn"][b]) - int(one["isn"][a])) % WRAP)
        else:
            out.append(None)
    return out[0], out[1]


def signed(offset: int) -> int:
    """An offset mod 2^32 as the nearest signed number, for people: ``-26810058``."""
    return offset - WRAP if offset >= WRAP // 2 else offset


def shifted(offsets: Offsets, near: str, far: str, *, relative: bool) -> list[str]:
    """The offsets in words, as the near point's numbers stand against the far point's."""
    by = [-signed(offset or 0) for offset in offsets]
    if not any(by):
        return []
    if relative:
        return [f"sequence numbers at {near} or {far} are relative: offsets say nothing"]
    return [f"sequence numbers at {near} against {far}: resp {by[1]:+d}, orig {by[0]:+d}"]


def changes(pairs: list[tuple[Segment, Segment]]) -> list[str]:
    """What the firewall changed between near and far, in words.  A field counts as changed if
    most pairs that carry it disagree."""
    out = []
    names = ("orig", "resp")
    for side in (0, 1):
        mine = [(a, b) for a, b in pairs if a.side == side]
        syns = [(a, b) for a, b in mine if a.flags & SYN]
        for a, b in syns[:1]:
            out += _options(names[side], a, b)
        out += _fields(names[side], mine)
    return out


def _options(who: str, a: Segment, b: Segment) -> list[str]:
    out = []
    both = a.quirks & b.quirks
    if both & _HAS_MSS and a.mss != b.mss:
        out.append(f"MSS of {who} {a.mss} → {b.mss}")
    if both & _HAS_WSCALE and a.wscale != b.wscale:
        out.append(f"window scale of {who} {a.wscale} → {b.wscale}")
    if (a.quirks | b.quirks) & _TRUNCATED:
        return out
    for bit, name in _OPTIONS:
        if (a.quirks ^ b.quirks) & bit:
            out.append(f"option {name} of {who} {'removed' if a.quirks & bit else 'added'}")
    return out


_OPTIONS = (
    (_HAS_TS, "timestamps"),
    (_HAS_WSCALE, "window scale"),
    (int(Quirk.SACK_PERMITTED), "SACK permitted"),
    (_HAS_MSS, "MSS"),
    (int(Quirk.HAS_MD5), "MD5 signature"),
)
_FIELDS_KEPT = (
    ("ttl", int(Quirk.NO_TTL), "TTL"),
    ("ip_id", int(Quirk.NO_IP_ID), "IP ID"),
    ("win", int(Quirk.NO_WIN), "window"),
)


def _fields(who: str, mine: list[tuple[Segment, Segment]]) -> list[str]:
    out = []
    for name, absent, label in _FIELDS_KEPT:
        known = [(a, b) for a, b in mine if not (a.quirks | b.quirks) & absent]
        differ = [(getattr(a, name), getattr(b, name)) for a, b in known]
        differ = [(x, y) for x, y in differ if x != y]
        if not differ or len(differ) * 2 <= len(known):
            continue
        x, y = differ[0]
        steps = {b - a for a, b in differ}
        if name == "ttl" and len(steps) == 1:
            out.append(f"TTL of {who} {x} → {y}")
        else:
            out.append(f"{label} of {who} rewritten ({x} → {y})")
    stamped = [(a, b) for a, b in mine if a.quirks & b.quirks & _HAS_TS]
    shifts = {(b.tsval - a.tsval) % WRAP for a, b in stamped}
    if shifts - {0}:
        by = f" by {signed(next(iter(shifts))):+d}" if len(shifts) == 1 else ""
        out.append(f"timestamps of {who} shifted{by}")
    return out
