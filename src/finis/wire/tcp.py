"""The TCP header and its options (RFC 9293 §3.1)."""

from __future__ import annotations

import struct

from finis.records import dataclass
from finis.terms import Quirk
from finis.wire.outcomes import Outcome

MIN_CAPTURED = 14  # bytes up to the flags: without them a segment says nothing
_FIXED = struct.Struct(">HHIIH")
EOL, NOP, MSS, WSCALE, SACK_PERMITTED, SACK, TIMESTAMPS, MD5 = 0, 1, 2, 3, 4, 5, 8, 19


@dataclass(slots=True)
class Segment:
    """A TCP header; numbers as sent."""

    src_p: int
    dst_p: int
    seq: int
    ack: int
    flags: int
    header_len: int
    win: int = 0
    mss: int = 0
    wscale: int = 0
    tsval: int = 0
    tsecr: int = 0
    sack_left: int = 0
    sack_right: int = 0
    quirks: int = 0


def segment(data: bytes, at: int, segment_len: int) -> Segment | Outcome:
    """Read the header at `data[at:]` of a segment of `segment_len` bytes on the wire.
    Never raises."""
    if segment_len < 20:
        return Outcome.BAD_TCP
    if len(data) < at + MIN_CAPTURED:
        return Outcome.SHORT_TCP
    src_p, dst_p, seq, ack, bits = _FIXED.unpack_from(data, at)
    header_len = (bits >> 12) * 4
    if header_len < 20 or header_len > segment_len:
        return Outcome.BAD_TCP
    found = Segment(src_p, dst_p, seq, ack, bits & 0x1FF, header_len)
    if len(data) >= at + 16:
        found.win = data[at + 14] << 8 | data[at + 15]
    else:
        found.quirks |= Quirk.NO_WIN
    if len(data) < at + header_len:
        found.quirks |= Quirk.TRUNCATED_HEADER
    _read_options(found, data[at + 20 : at + header_len], header_len - 20)
    return found


def _read_options(found: Segment, options: bytes, wire_len: int) -> None:
    """Fill in what the captured `options` say, `wire_len` bytes of them on the wire."""
    at = 0
    while at < len(options):
        kind = options[at]
        if kind == EOL:
            return
        if kind == NOP:
            at += 1
            continue
        if at + 1 >= wire_len:
            found.quirks |= Quirk.BAD_OPTIONS
            return
        if at + 1 >= len(options):
            return
        length = options[at + 1]
        if length < 2 or at + length > wire_len:
            found.quirks |= Quirk.BAD_OPTIONS
            return
        if at + length > len(options):
            return
        _read_option(found, kind, options[at + 2 : at + length])
        at += length


def _read_option(found: Segment, kind: int, value: bytes) -> None:
    if kind == MSS and len(value) == 2:
        found.mss = int.from_bytes(value, "big")
        found.quirks |= Quirk.HAS_MSS
    elif kind == WSCALE and len(value) == 1:
        found.wscale = value[0]
        found.quirks |= Quirk.HAS_WSCALE
    elif kind == SACK_PERMITTED and not value:
        found.quirks |= Quirk.SACK_PERMITTED
    elif kind == SACK and len(value) >= 8 and len(value) % 8 == 0:
        found.sack_left = int.from_bytes(value[:4], "big")
        found.sack_right = int.from_bytes(value[4:8], "big")
        found.quirks |= Quirk.HAS_SACK
    elif kind == TIMESTAMPS and len(value) == 8:
        found.tsval = int.from_bytes(value[:4], "big")
        found.tsecr = int.from_bytes(value[4:], "big")
        found.quirks |= Quirk.HAS_TS
    elif kind == MD5 and len(value) == 16:
        found.quirks |= Quirk.HAS_MD5
    elif kind in (MSS, WSCALE, SACK_PERMITTED, SACK, TIMESTAMPS, MD5):
        found.quirks |= Quirk.BAD_OPTIONS
