"""The readable segment tracker: the table of connections of one point.

Follows the protocol `SegmentTracker`; `_kernel` is the same compiled, and tests hold the two
together bit for bit.  The clock is the latest stamp seen, so results do not depend on how the
segments were cut into batches, nor on when `take` is called.  Connections may be divided into
shares by their tuples, which know of each other the clock alone, so that each may be followed by a
thread of its own; limits hold for each of them.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np

from finis.tables import OBSERVATION, SEGMENT, record_dtype
from finis.terms import Flag, Quirk
from finis.tracking._api import PART, Observations
from finis.tracking.connection import Connection
from finis.tracking.segment import MASK, SPAN_NS, Segment
from finis.tracking.verdict import conclude

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

SECOND = 1_000_000_000
LINGER_NS = 240 * SECOND  # after both FINs or a RST: 2 MSL (RFC 9293 §3.4.2) and late answers
EMBRYONIC_NS = 130 * SECOND  # SYN retransmissions are at most 64 s apart
IDLE_NS = 86_400 * SECOND
REUSE_NS = 120 * SECOND  # a SYN after such a silence begins a new connection whatever follows
# Limits to memory: connections followed at one time, those of them that were never answered, and
# the segments kept of all (the embryonic are given up first).  docs/performance.md has the bytes.
MAX_CONNECTIONS = 3 << 20
MAX_EMBRYONIC = 1 << 20
MAX_KEPT = 1 << 25
MAX_PAYLOAD = 1 << 24  # no segment is larger; text could claim more

Key = tuple[int, int, int, int, int, int, int]
# columns by name, with the mask of unsigned ones: counters wrap rather than fail
MASKS = {"u1": 0xFF, "u2": 0xFFFF, "u4": MASK, "u8": (1 << 64) - 1, "i8": 0}
PAIRS = {column.name: MASKS[column.type[-2:]] for column in OBSERVATION if column.type[:-2] == "2"}
SINGLES = {
    column.name: MASKS[column.type]
    for column in OBSERVATION
    if column.type in MASKS and column.name not in ("tail_at", "tail_n")
}


class _Share:
    """The table of some of the connections."""

    def __init__(self, *limits_ns: int) -> None:
        self.kept = 0  # segments kept of the connections in the table
        self.table: dict[Key, Connection] = {}
        # by what will happen to them, least recently active first; evicted in this order
        self.waiting: tuple[tuple[int, OrderedDict[Key, Connection]], ...] = tuple(
            (limit_ns, OrderedDict()) for limit_ns in limits_ns
        )


class ReferenceTracker:
    """Follows the segments of one point; options in nanoseconds of capture time.  A connection's
    number is that of the segment that began it.  `shares`: 1 or 2; limits are divided by it."""

    def __init__(
        self,
        *,
        shares: int = 1,
        max_connections: int = MAX_CONNECTIONS,
        max_embryonic: int = MAX_EMBRYONIC,
        max_kept: int = MAX_KEPT,
        linger_ns: int = LINGER_NS,
        embryonic_ns: int = EMBRYONIC_NS,
        idle_ns: int = IDLE_NS,
        reuse_ns: int = REUSE_NS,
    ) -> None:
        self.max_connections = max(max_connections // shares, 1)
        self.max_embryonic = max(max_embryonic // shares, 1)
        self.max_kept = max(max_kept // shares, 1)
        self.reuse_ns = reuse_ns
        self.evicted = 0  # connections given up early because the table was full
        self.now_ns = -SPAN_NS
        self._count = 0  # segments before this one
        self._shares = [_Share(embryonic_ns, linger_ns, idle_ns) for _ in range(shares)]
        self._done: list[Connection] = []

    def feed(self, batch: NDArray[np.void]) -> None:
        """Take a batch of tables.SEGMENT rows; writes `kind`, `side`, `role`, `conn`, `sym` 0 and
        Quirk.COPY into it."""
        for at, row in enumerate(batch.tolist()):
            seg = Segment(*row)
            seg.ts_ns = max(-SPAN_NS, min(SPAN_NS, seg.ts_ns)) or 1  # 0 means "none" in columns
            seg.payload_len = min(seg.payload_len, MAX_PAYLOAD)
            self._segment(seg)
            self._count += 1
            target = batch[at]
            target["kind"], target["side"], target["role"] = seg.kind, seg.side, seg.role
            target["conn"], target["quirks"], target["sym"] = seg.conn, seg.quirks, 0

    @property
    def finished(self) -> int:
        """Connections that `take` would give."""
        return len(self._done)

    def take(self) -> Observations:
        """Connections that can no longer change, and forget them."""
        done, self._done = self._done, []
        return _tables(done)

    def drain(self, *, most: int = PART) -> Iterator[Observations]:
        """All that is left, at the end of the capture, in parts of at most `most` connections."""
        for share in self._shares:
            for key, conn in list(share.table.items()):
                self._leave(share, key, conn)
        done, self._done = sorted(self._done, key=lambda conn: conn.conn), []
        for at in range(0, len(done), most):
            yield _tables(done[at : at + most])

    def finish(self) -> Observations:
        """All that is left at once."""
        alive = sum(len(share.table) for share in self._shares)
        parts = list(self.drain(most=alive + len(self._done) + 1))
        return parts[0] if parts else _tables([])

    # --- one segment ---------------------------------------------------------------------------

    def _segment(self, seg: Segment) -> None:
        self.now_ns = max(self.now_ns, seg.ts_ns)
        for share in self._shares:
            self._expire(share)
        key = _key(seg)
        share = self._shares[share_of(seg) if len(self._shares) > 1 else 0]
        while share.kept >= self.max_kept and share.table:
            self._evict(share)
        conn = share.table.get(key)
        gap, unanswered = -1, 0
        if conn is not None:
            side = _side(conn, seg)
            if _confirms_pending(conn, seg, side):
                syn = conn.strike()
                gap = max(syn.ts_ns - conn.last_ns, 0)
                self._leave(share, key, conn)
                conn = self._open(share, key, syn, gap)
                conn.take(syn, _side(conn, syn))
                side = _side(conn, seg)
            elif _begins_anew(conn, seg, side, self.reuse_ns):
                gap = max(seg.ts_ns - conn.last_ns, 0)
                unanswered = int(not conn.answered and not conn.over)
                self._leave(share, key, conn)
                conn = None
            elif _guessed_wrong(conn, seg, side):
                conn.flip()
                side = 1 - side
        if conn is None:
            conn = self._open(share, key, seg, gap)
            conn.reuse_unanswered = unanswered
            side = _side(conn, seg)
        conn.take(seg, side)
        self._wait(share, key, conn)

    def _open(self, share: _Share, key: Key, seg: Segment, gap: int) -> Connection:
        if len(share.table) >= self.max_connections:
            self._evict(share)
        if len(share.waiting[0][1]) >= self.max_embryonic:
            self._evict(share)
        sender, orientation = Connection.orient(seg)
        orig = (seg.src_hi, seg.src_lo, seg.src_p)
        resp = (seg.dst_hi, seg.dst_lo, seg.dst_p)
        if sender and orig != resp:
            orig, resp = resp, orig
        conn = Connection(
            orig_hi=orig[0], orig_lo=orig[1], orig_p=orig[2],
            resp_hi=resp[0], resp_lo=resp[1], resp_p=resp[2],
            conn=self._count, point=seg.point, vlan=seg.vlan, file=seg.file,
            first_ns=seg.ts_ns, last_ns=seg.ts_ns, first_frame=seg.frame,
            reuse_gap_ns=gap, orientation=orientation,
            midstream=int(seg.flags & (Flag.SYN | Flag.ACK | Flag.RST) != Flag.SYN),
            relative=seg.quirks & Quirk.RELATIVE_SEQ,
        )  # fmt: skip
        if sender:
            conn.history.append(ord("^"))
        share.table[key] = conn
        return conn

    # --- the life of the table -----------------------------------------------------------------

    def _wait(self, share: _Share, key: Key, conn: Connection) -> None:
        for _, waiting in share.waiting:
            waiting.pop(key, None)
        conn.touched_ns = self.now_ns
        share.kept += len(conn.kept) - conn.counted
        conn.counted = len(conn.kept)
        # a single segment out of nowhere is no connection worth a day's memory
        alive = conn.answered and conn.halves[0].pkts + conn.halves[1].pkts > 1
        share.waiting[1 if conn.over else 2 if alive else 0][1][key] = conn

    def _leave(self, share: _Share, key: Key, conn: Connection) -> None:
        del share.table[key]
        for _, waiting in share.waiting:
            waiting.pop(key, None)
        share.kept -= conn.counted
        self._done.append(conn)

    def _expire(self, share: _Share) -> None:
        for limit, waiting in share.waiting:
            while waiting:
                key, conn = next(iter(waiting.items()))
                if self.now_ns - conn.touched_ns <= limit:
                    break
                self._leave(share, key, conn)

    def _evict(self, share: _Share) -> None:
        for _, waiting in share.waiting:
            if waiting:
                key, conn = next(iter(waiting.items()))
                self._leave(share, key, conn)
                self.evicted += 1
                return


# What addresses and ports are multiplied with: odd, and nothing else about them matters.
_ADDRESSES, _PORTS, _SPREAD = 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0xD6E8FEB86659FD93
_WORD = (1 << 64) - 1


def share_of(seg: Segment) -> int:
    """To which of two shares a segment belongs; the same for both directions."""
    addresses = seg.src_lo + seg.dst_lo + 3 * (seg.src_hi + seg.dst_hi)
    number = addresses * _ADDRESSES + (seg.src_p + seg.dst_p) * _PORTS & _WORD
    return ((number ^ number >> 32) * _SPREAD & _WORD) >> 63


def _key(seg: Segment) -> Key:
    """The same for both directions: the smaller endpoint first, then the VLAN."""
    a = (seg.src_hi, seg.src_lo, seg.src_p)
    b = (seg.dst_hi, seg.dst_lo, seg.dst_p)
    return (*a, *b, seg.vlan) if a <= b else (*b, *a, seg.vlan)


def _side(conn: Connection, seg: Segment) -> int:
    same = (seg.src_hi, seg.src_lo, seg.src_p) == (conn.orig_hi, conn.orig_lo, conn.orig_p)
    return 0 if same else 1


# --- which connection does a segment belong to? ------------------------------------------------


def _confirms_pending(conn: Connection, seg: Segment, side: int) -> bool:
    """The answer to a SYN inside a connection proves that it began another: a SYN ACK for it, or
    a refusal.  A challenge ACK proves that it did not (RFC 5961 §4.2)."""
    if conn.pending != 1 - side or not seg.flags & Flag.ACK:
        return False
    answer = seg.flags & (Flag.SYN | Flag.RST)
    return bool(answer) and seg.ack == (conn.pending_seq + 1) & MASK


def _begins_anew(conn: Connection, seg: Segment, side: int, reuse_ns: int) -> bool:
    """Is this the first segment of another connection of the same tuple?"""
    if not seg.flags & Flag.SYN or seg.flags & Flag.RST:
        return False
    x, r = conn.halves[side], conn.halves[1 - side]
    if x.isn_known and seg.seq == x.isn:
        # the same SYN again: late or repeated, but after a whole life it is a replay
        return conn.over and not conn.refused and bool(conn.answered)
    if seg.flags & Flag.ACK and r.isn_known and seg.ack == (r.isn + 1) & MASK:
        return False  # the awaited SYN ACK
    if conn.over or seg.ts_ns - conn.last_ns > reuse_ns:
        return True
    if conn.answered:
        # its sender had closed or aborted, or only one direction is captured and no answer will
        # be seen; otherwise the answer tells, see `_confirms_pending`
        if not x.isn_known and (x.nxt_known or x.una_known):
            return False  # midstream: perhaps a SYN captured late
        return bool(x.fin_ns or r.fin_ns or x.rsts or not r.pkts)
    # embryonic: a new attempt, or nothing but stray RSTs before; a SYN ACK, or a SYN that meets
    # one, belongs to what is under way
    return not seg.flags & Flag.ACK and not r.isn_known


def _guessed_wrong(conn: Connection, seg: Segment, side: int) -> bool:
    """A SYN from the guessed resp, or a SYN ACK from the guessed orig, that begins what was seen
    (captured out of order)."""
    if conn.orientation or not seg.flags & Flag.SYN or seg.flags & Flag.RST:
        return False
    if (conn.orig_hi, conn.orig_lo, conn.orig_p) == (conn.resp_hi, conn.resp_lo, conn.resp_p):
        return False
    if side != (0 if seg.flags & Flag.ACK else 1):
        return False
    x = conn.halves[side]
    if x.isn_known or conn.halves[1 - side].isn_known:
        return False
    first = (seg.seq + 1) & MASK
    return x.low == first if x.nxt_known else bool(x.una_known and x.una == first)


# --- rows --------------------------------------------------------------------------------------


def _tables(done: list[Connection]) -> Observations:
    done.sort(key=lambda conn: conn.conn)
    rows = np.zeros(len(done), record_dtype(OBSERVATION))
    tails: list[Segment] = []
    for at, conn in enumerate(done):
        conclude(conn)
        row = rows[at]
        for name, mask in SINGLES.items():
            row[name] = getattr(conn, name) & mask if mask else getattr(conn, name)
        row["history"][: len(conn.history)] = list(conn.history)
        row["ending"][: len(conn.ending)] = conn.ending
        for name, mask in PAIRS.items():
            pair = [getattr(half, name) for half in conn.halves]
            row[name] = [value & mask for value in pair] if mask else pair
        row["tail_at"], row["tail_n"] = len(tails), len(conn.kept)
        tails.extend(conn.kept)
    tail = np.zeros(len(tails), record_dtype(SEGMENT))
    names = tail.dtype.names or ()
    for at, seg in enumerate(tails):
        tail[at] = tuple(getattr(seg, name) for name in names)
    return Observations(rows, tail)
