"""What the headers of TLS records, which are never encrypted, tell of a connection's end: how far
the handshake had come, whether a record was cut off, whether its last one stands out by its size.

Record boundaries are not followed through the whole stream: what is asked is what the first bytes
of the stream and the heads of the segments that were kept show.
"""

from __future__ import annotations

import numpy as np

from finis.correlation.clocks import SECOND
from finis.correlation.columns import Column, Columns
from finis.correlation.keys import Array
from finis.correlation.picking import WRAP, Picker
from finis.correlation.stuck import own_side, tails
from finis.terms import Alert, Flag, Notify, Quirk
from finis.wire.payload import MAX_RECORD

HEADER = 5  # bytes: type, version, length (RFC 8446 §5.1)
_HANDSHAKE, _CLIENT_HELLO, _SERVER_HELLO = 22, 1, 2  # content type, message types
_HEAD_BYTES = 8  # of SEGMENT.head
_BEGINNING = np.uint64(0xFFFF_0000_00FF_0000)  # of it type, major version, first byte after HEADER
_UNREADABLE = int(Quirk.NO_SEQ | Quirk.RELATIVE_SEQ)


def columns(pick: Picker, has: Array) -> Columns:
    """`o_after_hello`, and per side `record_cut`, `alert_again` and `alert_alone`; null where
    nothing is known."""
    if pick.blank:
        return {}
    out = _after_hello(pick, has)
    for side, letter in enumerate("or"):
        out |= _cut(pick, has, side, letter) | _last(pick, has, side, letter)
    return out


def _own(pick: Picker, side: int) -> Array:
    return pick.chosen.near_orig if side == 0 else pick.chosen.near_resp


def _byte(head: Array, at: int) -> Array:
    found: Array = (head >> np.uint64(8 * (_HEAD_BYTES - 1 - at))).astype(np.int64) & 255
    return found


def _is_header(head: Array, size: Array) -> Array:
    """Do these bytes read as the header of a record?"""
    kind = _byte(head, 0)
    found: Array = (size >= HEADER) & (kind >= 20) & (kind <= 23)
    found &= (_byte(head, 1) == 3) & (_byte(head, 2) <= 4)
    length = _length(head)
    found &= (length > 0) & (length <= MAX_RECORD)
    return found


def _length(head: Array) -> Array:
    found: Array = _byte(head, 3) << 8 | _byte(head, 4)
    return found


def _begins_with(pick: Picker, side: int, message: int) -> Array:
    """A side's first bytes are a record with this handshake message at its beginning."""
    head = pick.side("head", _own(pick, side), side)
    found: Array = head & _BEGINNING == np.uint64(_HANDSHAKE << 56 | 3 << 48 | message << 16)
    return found


def _after_hello(pick: Picker, has: Array) -> Columns:
    """Bytes of orig after the record that its ClientHello begins, where a ServerHello answers."""
    known = has & _begins_with(pick, 0, _CLIENT_HELLO) & _begins_with(pick, 1, _SERVER_HELLO)
    sent = pick.side("bytes", pick.chosen.most[0], 0).astype(np.int64)
    rest = sent - HEADER - _length(pick.side("head", _own(pick, 0), 0))
    return {"o_after_hello": Column(rest, known & (rest >= 0))}


def _cut(pick: Picker, has: Array, side: int, letter: str) -> Columns:
    """Bytes that the last record whose header begins a kept segment lacks at the side's FIN, where
    no alert came last; 0: the record ended there or before."""
    own = _own(pick, side)
    notify = pick.side("notify", own, side)  # UNSEEN: of its last data the capture kept too little
    asked = has & ((notify == Notify.NO) | (notify == Notify.UNSEEN))
    asked &= pick.side("fin_ns", own, side) != 0
    rows = np.flatnonzero(asked)
    head, size = (pick.side(name, own, side)[rows] for name in ("head", "head_len"))
    rows = rows[_is_header(head, size)]
    if not len(rows):
        return {}
    story, tail = tails(pick, rows, own)
    fin = pick.side("fin_seq", own, side)
    before = (fin[story].astype(np.int64) - tail["seq"]) % WRAP  # bytes from there to the FIN
    good = (tail["side"] == own_side(pick, own[story], side)) & (tail["payload_len"] > 0)
    good &= (before > 0) & (before < WRAP // 2) & (tail["quirks"] & _UNREADABLE == 0)
    good &= _is_header(tail["head"], tail["head_len"])
    story, tail, before = story[good], tail[good], before[good]
    nearest = np.full(len(has), WRAP, np.int64)
    np.minimum.at(nearest, story, before)
    last = before == nearest[story]
    lacking = np.zeros(len(has), np.int64)
    np.maximum.at(lacking, story[last], HEADER + _length(tail["head"][last]) - before[last])
    return {f"{letter}_record_cut": Column(lacking, nearest < WRAP)}


def _last(pick: Picker, has: Array, side: int, letter: str) -> Columns:
    """Of a side whose last data is an alert that cannot be read.  `alert_again`: it is one by its
    size alone, and other data kept of the side has that size.  `alert_alone`: it is all that the
    side sent after data of its peer, which came within a second before it."""
    own = _own(pick, side)
    asked = has & (pick.side("notify", own, side) == Notify.LIKELY)
    if not asked.any():
        return {}
    story, tail = tails(pick, np.flatnonzero(asked), own)
    data = (tail["payload_len"] > 0) & (tail["quirks"] & _UNREADABLE == 0)
    story, tail = story[data], tail[data]
    mine = tail["side"] == own_side(pick, own[story], side)
    theirs, latest = ~mine, pick.side("last_data_ns", own, 1 - side)
    theirs &= (tail["ts_ns"] == latest[story]) & (tail["flags"] & Flag.RST == 0)
    end = pick.side("nxt", own, side)
    before = (end[story].astype(np.int64) - tail["seq"]) % WRAP
    nearest = np.full(len(has), WRAP, np.int64)
    np.minimum.at(nearest, story[mine], before[mine])
    last = mine & (before == nearest[story])
    size, at_ns = np.zeros(len(has), np.int64), np.zeros(len(has), np.int64)
    np.maximum.at(size, story[last], tail["payload_len"][last].astype(np.int64))
    np.maximum.at(at_ns, story[last], tail["ts_ns"][last])
    earlier_ns = np.zeros(len(has), np.int64)
    earlier = mine & ~last
    np.maximum.at(earlier_ns, story[earlier], tail["ts_ns"][earlier])
    alike = np.bincount(story[earlier & (tail["payload_len"] == size[story])], minlength=len(has))
    shown = np.bincount(story[theirs], minlength=len(has)) > 0
    alone = shown & (earlier_ns < latest) & (latest <= at_ns) & (at_ns - latest <= SECOND)
    by_size = pick.side("alert", own, side) < Alert.RECORD
    known = asked & (size > 0)
    return {
        f"{letter}_alert_again": Column(by_size & (alike > 0), known),
        f"{letter}_alert_alone": Column(alone, known),
    }
