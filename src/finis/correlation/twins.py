"""Stories seen at two points whose kept segments agree one by one: nearly all of them.  They are
recognised in bulk; only the others are paired segment by segment (`finis.correlation.placing`)."""

from __future__ import annotations

import numpy as np

from finis.correlation.clocks import SECOND
from finis.correlation.evidence import Evidence
from finis.correlation.grouping import Groups
from finis.correlation.keys import Array
from finis.correlation.pairing import LATE_TWIN_NS
from finis.records import dataclass
from finis.terms import Flag, Quirk

Columns = dict[str, Array]
ODD = int(Quirk.COPY | Quirk.DROPPED)
BATCH = 1 << 16  # stories compared at a time
_LOW, _HIGH = -(1 << 62), 1 << 62


@dataclass(slots=True)
class Twins:
    """Per story with two observations that are the same segment by segment."""

    story: Array
    near: Array  # observation nearer to orig
    far: Array
    clock: Array  # far − near
    slack: Array
    bounded: Array  # both directions bound the clock


_NONE = np.empty(0, np.int64)
EMPTY = Twins(_NONE, _NONE, _NONE, _NONE, _NONE, np.empty(0, bool))


def identical(ev: Evidence, groups: Groups, one: Array, two: Array) -> Twins:
    """Of the pairs (one, two), the ones that need no closer look: same tuple orientation, every
    kept segment has its twin in the same place with constant offsets, delays vary less than a
    retransmission timer."""
    parts = [
        _identical(ev, groups, one[at : at + BATCH], two[at : at + BATCH])
        for at in range(0, len(one), BATCH)
    ]
    if not parts:
        return EMPTY
    names = ("story", "near", "far", "clock", "slack", "bounded")
    return Twins(*(np.concatenate([getattr(part, n) for part in parts]) for n in names))


def _identical(ev: Evidence, groups: Groups, one: Array, two: Array) -> Twins:
    size = ev.stop[one] - ev.start[one]
    ok = (size == ev.stop[two] - ev.start[two]) & (size > 0)
    ok &= groups.flipped[one] == groups.flipped[two]
    ok &= ev.rows["orientation"][one] == ev.rows["orientation"][two]
    for name in ("orig_p", "resp_p", "orig_lo", "orig_hi", "resp_lo", "resp_hi"):
        ok &= ev.rows[name][one] == ev.rows[name][two]
    one, two, size = one[ok], two[ok], size[ok]
    if not len(one):
        return EMPTY
    begin = np.cumsum(size) - size
    within = np.arange(int(size.sum())) - np.repeat(begin, size)
    a, b = (_columns(ev, np.repeat(ev.start[rows], size) + within) for rows in (one, two))
    same = (a["side"] == b["side"]) & (a["flags"] == b["flags"])
    same &= a["payload_len"] == b["payload_len"]
    same &= ((a["quirks"] | b["quirks"]) & np.uint32(ODD)) == 0
    same &= (a["ip_id"] == b["ip_id"]) | (((a["quirks"] | b["quirks"]) & int(Quirk.NO_IP_ID)) != 0)
    side = a["side"].astype(np.int64) ^ groups.flipped[np.repeat(one, size)].astype(np.int64)
    good = np.logical_and.reduceat(same, begin)
    good &= _constant(a, b, side, begin)
    near = _nearer(ev, groups, one, two, _ttl_votes(a, b, side, begin))
    ticks = np.array([unit.resolution_ns for unit in ev.units], np.int64)[ev.unit]
    step = np.maximum(ticks[one], ticks[two])
    return _placed(groups, one, two, _delays(a, b, side, begin), step, good, near)


CUT = 10  # part of a clock's step by which delays differ that are cut to it, hardly ever less
_READ = ("ts_ns", "side", "flags", "payload_len", "quirks", "ip_id", "seq", "ack", "ttl")


def _columns(ev: Evidence, at: Array) -> Columns:
    return {name: ev.tail[name][at] for name in _READ}


def _constant(a: Columns, b: Columns, side: Array, begin: Array) -> Array:
    """One offset per side, in sequence numbers and in the acknowledgements of the other side."""
    good = np.ones(len(begin), bool)
    no_seq = ((a["quirks"] | b["quirks"]) & np.uint32(Quirk.NO_SEQ)) != 0
    acks = (a["flags"] & np.uint16(Flag.ACK)) != 0
    seq = (b["seq"] - a["seq"]).astype(np.int64)
    ack = (b["ack"] - a["ack"]).astype(np.int64)
    for which in (0, 1):
        by_seq, by_ack = (side == which) & ~no_seq, (side != which) & acks
        low = np.minimum(np.where(by_seq, seq, _HIGH), np.where(by_ack, ack, _HIGH))
        high = np.maximum(np.where(by_seq, seq, _LOW), np.where(by_ack, ack, _LOW))
        least, most = np.minimum.reduceat(low, begin), np.maximum.reduceat(high, begin)
        good &= (least == most) | (most == _LOW)
    return good


def _delays(a: Columns, b: Columns, side: Array, begin: Array) -> list[tuple[Array, Array]]:
    """Per side the least and the greatest delay from the first point to the second."""
    delta = b["ts_ns"] - a["ts_ns"]
    out = []
    for which in (0, 1):
        mine = side == which
        least = np.minimum.reduceat(np.where(mine, delta, _HIGH), begin)
        out.append((least, np.maximum.reduceat(np.where(mine, delta, _LOW), begin)))
    return out


def _ttl_votes(a: Columns, b: Columns, side: Array, begin: Array) -> Array:
    """TTLs fall along the way: positive where they say that the first point is nearer to orig."""
    unknown = ((a["quirks"] | b["quirks"]) & np.uint32(Quirk.NO_TTL)) != 0
    fall = np.sign(a["ttl"].astype(np.int64) - b["ttl"]) * np.where(side == 0, 1, -1)
    found: Array = np.add.reduceat(np.where(unknown, 0, fall), begin)
    return found


def _nearer(ev: Evidence, groups: Groups, one: Array, two: Array, ttl: Array) -> Array:
    """Where the clocks do not say it: 1 if the first point is nearer to orig, -1 if the second.
    By TTL, by which side of a translator has private addresses, else by name."""
    vote = np.sign(ttl)
    private = np.zeros(len(one), np.int64)
    for name, weight in (("orig", 1), ("resp", -1)):
        inside = [_private(ev.rows[f"{name}_hi"][r], ev.rows[f"{name}_lo"][r]) for r in (one, two)]
        private += weight * (inside[0].astype(np.int64) - inside[1])
    turned = np.where(groups.flipped[one], -1, 1)
    return np.where(vote != 0, vote, np.where(private != 0, np.sign(private) * turned, 1))


def _private(hi: Array, lo: Array) -> Array:
    """RFC 1918 and RFC 4193 addresses."""
    v4 = (hi == 0) & (lo >> np.uint64(32) == 0xFFFF)
    low = lo & np.uint64(0xFFFFFFFF)
    rfc1918 = (low >> np.uint64(24) == 10) | (low >> np.uint64(20) == 0xAC1)
    rfc1918 |= low >> np.uint64(16) == 0xC0A8
    found: Array = (v4 & rfc1918) | (hi >> np.uint64(57) == 0x7E)
    return found


def _placed(
    groups: Groups,
    one: Array,
    two: Array,
    delays: list[tuple[Array, Array]],
    step: Array,
    good: Array,
    otherwise: Array,
) -> Twins:
    """Which point lies nearer to orig, as `placing._place` decides it: log, time, the rest."""
    (orig_least, orig_most), (resp_least, resp_most) = delays
    both = (orig_least < _HIGH) & (resp_least < _HIGH)
    least, most = np.minimum(orig_least, resp_least), np.maximum(orig_most, resp_most)
    # A clock that is cut to its steps shows it in delays that differ.
    differ = np.maximum(orig_most - orig_least, resp_most - resp_least) > step // CUT
    step = np.where(differ, step, 0)
    fits, fits_turned = resp_most - step < orig_least, orig_most - step < resp_least
    straight, turned = both & fits & ~fits_turned, both & fits_turned & ~fits
    at_one, at_two = groups.log_near[one], groups.log_near[two]
    told = (at_one != at_two) & (at_one > 0) & (at_two > 0)
    timed = np.where(straight | turned, straight, otherwise > 0)
    first_near = np.where(told, at_one == 1, timed)
    low = np.where(first_near, resp_most, -resp_least)
    high = np.where(first_near, orig_least, -orig_most)
    low = np.where(both, low, np.where(first_near, least, -most))
    high = np.where(both, high, np.where(first_near, least, -most))
    clock, slack = (low + high) // 2, np.abs(high - low) // 2
    slack = np.where(both, slack, SECOND // 2)
    good = good & (most - least <= LATE_TWIN_NS)
    near, far = np.where(first_near, one, two), np.where(first_near, two, one)
    parts = (groups.story[one], near, far, clock, slack, both & (straight | turned))
    return Twins(*(part[good] for part in parts))
