"""Undoing tcpdump's relative sequence numbers.

Without ``-S`` tcpdump prints numbers relative to the first segment *with the ACK bit* that it saw
of a pair of endpoints; a SYN ACK starts afresh.  That segment itself, and every segment without
the ACK bit (a SYN, a bare RST), is printed as it is.  With x that first segment, the bases are
x.SEQ for its sender and x.ACK − 1 for its receiver; a SACK edge is relative to the base of the
side whose bytes it acknowledges.
"""

from __future__ import annotations

from typing import TypeVar

from finis.records import dataclass, field
from finis.wire.captures._text import bits
from finis.wire.captures._text.rows import U32, Row

MAX_PAIRS = 65_536  # pairs of endpoints remembered; the oldest goes first

_K = TypeVar("_K")
_V = TypeVar("_V")

# An absolute number this small is so rare (2⁻¹²) that an excerpt of a relative print is likelier.
_SMALL_ONE = 1 << 20
_SMALL_TWO = 1 << 26

Endpoint = tuple[int, int, int]


@dataclass(slots=True)
class Bases:
    """What one pair's numbers are relative to: the number added per sender.  A side whose base
    was not printed keeps 0 and makes the pair's rows Quirk.RELATIVE_SEQ: its numbers are then off
    by a constant."""

    of: dict[Endpoint, int]
    known: frozenset[Endpoint]


@dataclass(slots=True)
class Numbers:
    """The numbering of one tcpdump print."""

    absolute: bool | None = None  # printed with -S; None: not decided yet
    pairs: dict[tuple[Endpoint, Endpoint], Bases] = field(default_factory=dict)
    isns: dict[tuple[Endpoint, Endpoint], int] = field(default_factory=dict)

    def restore(self, row: Row) -> None:
        """Make the SEQ, ACK and SACK edges of `row` absolute, or set Quirk.RELATIVE_SEQ."""
        if self.absolute:
            return
        src = (row.src_hi, row.src_lo, row.src_p)
        dst = (row.dst_hi, row.dst_lo, row.dst_p)
        if not row.flags & bits.ACK:
            if row.flags & bits.SYN:
                _remember(self.isns, (src, dst), row.seq)
            return
        pair = (src, dst) if src < dst else (dst, src)
        bases = self.pairs.get(pair)
        if row.flags & bits.SYN or bases is None:
            _remember(self.pairs, pair, self._begin(src, dst, row))
        elif not bases.known or self._is_relative(row, src, dst, bases):
            _shift(row, bases.of[src], bases.of[dst])
            if len(bases.known) < 2:
                row.quirks |= bits.RELATIVE_SEQ

    def _begin(self, src: Endpoint, dst: Endpoint, row: Row) -> Bases:
        answers = self.isns.get((dst, src), row.ack) + 1 & U32 == row.ack  # a SYN that was printed
        if not row.flags & bits.SYN and not answers and _excerpt(row):
            row.quirks |= bits.RELATIVE_SEQ
            return Bases({src: 0, dst: 0}, frozenset())
        of = {src: 0, dst: (row.ack - 1) & U32}
        known = {dst}
        if not row.quirks & bits.NO_SEQ:
            of[src] = row.seq
            known.add(src)
        elif (src, dst) in self.isns:  # the handshake's last ACK: SEQ = ISN + 1
            of[src] = (self.isns[src, dst] + 1) & U32
            known.add(src)
        edge = row.sack_left
        if row.quirks & bits.HAS_SACK and _distance(edge) < _distance(edge - of[dst]):
            row.sack_left = (row.sack_left + of[dst]) & U32
            row.sack_right = (row.sack_right + of[dst]) & U32
        return Bases(of, frozenset(known))

    def _is_relative(self, row: Row, src: Endpoint, dst: Endpoint, bases: Bases) -> bool:
        """Which reading puts the numbers nearer to where they began?  A clear case decides for
        the rest of the print."""
        if self.absolute is False:
            return True
        relative = absolute = 0
        printed = [(dst, row.ack)]
        if not row.quirks & bits.NO_SEQ:
            printed.append((src, row.seq))
        for side, number in printed:
            if side in bases.known:
                relative = max(relative, _distance(number))
                absolute = max(absolute, _distance(number - bases.of[side]))
        nearer, farther = sorted((relative, absolute))
        if nearer * 16 < farther and nearer < _SMALL_TWO:
            self.absolute = absolute < relative
        return relative < min(absolute, _SMALL_TWO)


def _remember(table: dict[_K, _V], key: _K, value: _V) -> None:
    table.pop(key, None)
    if len(table) >= MAX_PAIRS:
        del table[next(iter(table))]
    table[key] = value


def _distance(difference: int) -> int:
    """How far two sequence numbers are apart on the circle of 2³²."""
    forward = difference & U32
    return min(forward, (-forward) & U32)


def _excerpt(row: Row) -> bool:
    """Do the numbers look relative to a segment that is not in the file?"""
    # A refusal's SEQ is 0 by rule (RFC 9293 §3.10.7.1), whatever it is relative to.
    if row.quirks & bits.NO_SEQ or (row.flags & bits.RST and not row.seq):
        return row.ack < _SMALL_ONE
    return max(row.seq, row.ack) < _SMALL_TWO


def _shift(row: Row, src_base: int, dst_base: int) -> None:
    row.ack = (row.ack + dst_base) & U32
    if not row.quirks & bits.NO_SEQ:
        row.seq = (row.seq + src_base) & U32
    if row.quirks & bits.HAS_SACK:
        row.sack_left = (row.sack_left + dst_base) & U32
        row.sack_right = (row.sack_right + dst_base) & U32
