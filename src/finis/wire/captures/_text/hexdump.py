"""Hex lines below a frame (``dump``, ``-x``): the packet's own bytes, worth more than its text.

They give what the text lacks: SEQ of pure ACKs, TTL, IP ID, payload.  They are believed only where
they agree with the text about the endpoints.
"""

from __future__ import annotations

from finis.lazily import regex
from finis.wire.captures._text import bits
from finis.wire.captures._text.rows import Row
from finis.wire.decode import Decoded, decode_frame
from finis.wire.link import LinkType

MAX_BYTES = 65_536 + 64  # of one frame

# An offset, then up to 16 groups of one or two bytes parted by single blanks; text may follow.
_LINE = regex(
    r"\s*0x(?P<offset>[0-9a-fA-F]{4,5}):?\s{1,8}"
    r"(?P<groups>[0-9a-fA-F]{2}(?:[0-9a-fA-F]{2})?(?: [0-9a-fA-F]{2}(?:[0-9a-fA-F]{2})?){0,15})"
    r"(?=\s|$)"
)
_FROM_TEXT = bits.UNDATED | bits.DROPPED
_OF_PACKET = frozenset(Row.__slots__) - {"ts_ns", "frame", "point", "drop", "vlan", "quirks"}
_ENDPOINTS = ("src_hi", "src_lo", "dst_hi", "dst_lo", "src_p", "dst_p")


class HexDump:
    """The bytes of one frame, as its lines come."""

    def __init__(self) -> None:
        self.data = bytearray()

    def __bool__(self) -> bool:
        return bool(self.data)

    def clear(self) -> None:
        self.data.clear()

    def take(self, line: str) -> bool:
        """Was this a hex line?  Its bytes are kept if they continue those before."""
        match = _LINE.match(line)
        if match is None:
            return False
        offset = int(match["offset"], 16)
        if offset == len(self.data) and offset < MAX_BYTES:
            self.data += bytes.fromhex(match["groups"].replace(" ", ""))[:16]
        return True

    def complete(self, row: Row, trusted: bool) -> bool:
        """Replace what the text said of the packet by what its bytes say.

        `trusted` tells that the text's endpoints are known and must agree.  False if the bytes are
        no TCP segment or another one; `row` is unchanged then.
        """
        decoded = self._decode(row if trusted else None)
        if decoded is None:
            return False
        for name in _OF_PACKET:
            setattr(row, name, decoded.row[name])
        row.vlan = row.vlan or decoded.row["vlan"]
        row.quirks = (row.quirks & _FROM_TEXT) | decoded.row["quirks"]
        if decoded.fragment is not None:
            row.quirks |= bits.FRAGMENT_MISSING
        return True

    def _decode(self, like: Row | None) -> Decoded | None:
        """Dumps start at the IP header or at the link header; nothing says which."""
        data = bytes(self.data)
        starts = (LinkType.RAW, LinkType.ETHERNET)
        for linktype in starts if data[:1] and data[0] >> 4 in (4, 6) else starts[::-1]:
            found = decode_frame(data, len(data), linktype)
            if not isinstance(found, Decoded) or (found.fragment and found.fragment.at):
                continue
            if like is None or all(getattr(like, n) == found.row[n] for n in _ENDPOINTS):
                return found
        return None
