"""What tcpdump prints, version 4 (``Flags [S.], seq …, length L``) and 3 (the ASA's grammar).

Stamps may be times of day, dated (-tttt) or seconds since 1970 (-tt).  -v puts the IP header first
and the segment on the next line; -e puts the link header first; ``-i any`` an interface and a
direction, which part the file into points.  Without -S the numbers are relative:
`_text.relative` undoes that.  Hex lines (-x) complete a frame, text lines (-A) are counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from finis.lazily import regex
from finis.wire.captures._points import MAX_POINTS, InterfacePoints
from finis.wire.captures._text import bits, oldform
from finis.wire.captures._text.clock import STAMP, Clock
from finis.wire.captures._text.frames import BAD_STAMP, STRANGE, FrameReader
from finis.wire.captures._text.lines import sample
from finis.wire.captures._text.options import options, unfilled
from finis.wire.captures._text.relative import Numbers
from finis.wire.captures._text.rows import NO_ADDRESSES, U32, Row, endpoints, too_large, torn
from finis.wire.captures._text.services import port

if TYPE_CHECKING:
    from finis.wire.captures._api import Readable
    from finis.wire.source import Reading, Source

NAME = "tcpdump-text"


_FRAME = regex(
    r"\s*(?:(?P<number>\d{1,10})\s+)?"
    r"(?:" + STAMP + r"|(?P<epoch>\d{1,10})\.(?P<digits>\d{6,9}))(?=\s)"
)
_BODY = regex(
    r"\s+(?:[\w.@:-]{1,64}\s+(?:In|Out|B|M|P)\s|IP6?\s|ARP,|arp\s|[0-9a-f:]{11,17}\s|(?:In|Out)\s)"
)
_HEX = regex(r"\s*0x[0-9a-f]{4}:?\s")
_INTERFACE = regex(r"(?P<name>[\w.@:-]{1,64}) (?:In|Out|B|M|P) ")
_VLAN = regex(r"\bvlan[# ](\d{1,4})\b")
_MAC = regex(r"[0-9a-fA-F]{1,2}(?::[0-9a-fA-F]{1,2}){5}$")
_MESSAGE = regex(
    r"\s*(?:tcpdump: |reading from |listening on |dropped privs|(?P<count>\d{1,10}) packets? "
    r"(?P<what>captured|received by filter|dropped by (?:kernel|interface)))"
)
_LISTENING = regex(r"\s*(?:tcpdump: )?listening on ")

_SEGMENT = regex(
    r": Flags \[(?P<flags>[^\]]{1,16})\]"
    r"(?:, cksum 0x(?P<cksum>[0-9a-f]{1,4}) \((?P<verdict>[^)]{0,60})\))?"
    r"(?:, seq (?P<seq>\d{1,10})(?::(?P<end>\d{1,10}))?)?"
    r"(?:, ack (?P<ack>\d{1,10}))?"
    r"(?:, win (?P<win>\d{1,10}))?"
    r"(?:, urg (?P<urg>\d{1,10}))?"
    r"(?:, options \[(?P<options>[^\]]{0,1000})\]?)?"
    r"(?:, length (?P<len>\d{1,10}))?"
)
_IPV4 = regex(
    r"ttl (?P<ttl>\d{1,3}), id (?P<id>\d{1,5}), offset (?P<offset>\d{1,5}), "
    r"flags \[(?P<flags>[^\]]{0,20})\](?:, proto:? [\w-]{1,20} \(\d{1,3}\))?"
    r", length:? (?P<len>\d{1,5})"
)
_IPV6 = regex(
    r"hlim (?P<ttl>\d{1,3}), next-header [\w-]{1,20} \(\d{1,3}\) payload length:? (?P<len>\d{1,7})"
)
_LETTERS = {
    "F": bits.FIN,
    "S": bits.SYN,
    "R": bits.RST,
    "P": bits.PSH,
    ".": bits.ACK,
    "U": bits.URG,
    "E": bits.ECE,
    "W": bits.CWR,
    "e": bits.AE,
}

NO_FLAGS_QUIET = "no TCP flags printed (tcpdump -q)"
RELATIVE_STAMPS = "stamps are differences (tcpdump -ttt or -ttttt), read as times of day"


def sniff(head: bytes) -> float:
    """The share of lines that are frames of tcpdump; one in the old grammar counts a bit less."""
    frames = old = rest = 0
    for line in sample(head):
        match = _FRAME.match(line)
        if match is None:
            if not (line[0].isspace() or _HEX.match(line) or _MESSAGE.match(line)):
                rest += 1
        elif ": Flags [" in line or _BODY.match(line, match.end()):
            frames += 1
        elif " > " in line and line[match.end() :].lstrip()[:2] != "> ":
            old += 1
        else:
            rest += 1
    if not frames and not old:
        return 0.0
    return min(0.97, (frames + 0.9 * old) / (frames + old + rest))


def read(stream: Readable, source: Source, reading: Reading) -> Iterator[npt.NDArray[np.void]]:
    """See `captures._api`.  Positions are lines; SEGMENT.frame is the number printed by
    ``--number``, else the line."""
    return _Reader(source, reading).read(stream)


class _Reader(FrameReader):
    """Reads frames; a message of tcpdump's own begins another print."""

    nothing = "no line that tcpdump printed in it"

    def __init__(self, source: Source, reading: Reading) -> None:
        super().__init__(source, reading)
        self.in_frame = False  # text lines (-A) may follow
        self.points = InterfacePoints(source)
        self.ids: dict[str, int] = {}  # interface → point
        self._start()

    def _start(self) -> None:
        """Another run of tcpdump: its stamps and numbers begin anew."""
        self.clock = Clock(self.reading, self.source)
        self.numbers = Numbers()

    def line(self, number: int, line: str) -> bool:
        """Take one line; True if the batch became full."""
        if _FRAME.match(line) is not None:
            self.in_frame = True
            return self.begin(number, line)
        if not line or self.dump.take(line):
            return False
        message = _MESSAGE.match(line)
        if message is not None:
            full = self.flush()
            self._message(message, line, number)
            return full
        if self.pending and (line[0].isspace() or _unfinished(self.pending[-1])):
            self.join(line)
        elif self.in_frame:
            self.source.count_other("lines of payload text")
        else:
            self.problem(STRANGE, number)
        return False

    def _message(self, message: re.Match[str], line: str, number: int) -> None:
        self.marked = True
        self.in_frame = False
        if _LISTENING.match(line):
            self._start()
        what = message["what"] or ""
        if what.startswith("dropped"):
            self.source.lost = (self.source.lost or 0) + int(message["count"])

    # --- one frame -------------------------------------------------------------------------

    def frame(self, text: str) -> tuple[str, Row | None]:
        """(problem or "", row or None) of one frame in full."""
        match = _FRAME.match(text)
        if match is None:  # the line alone matched, so only its wrapping can be the reason
            return STRANGE, None
        if match["epoch"] is not None:
            stamp = self.clock.epoch(match["epoch"], match["digits"])
        else:
            stamp = self.clock.at(match["date"], match["tod"])
        if stamp is None:
            return BAD_STAMP, None
        if self.source.rows == 1 and stamp == (0, bits.UNDATED):
            self.problem(RELATIVE_STAMPS)
        row = Row(ts_ns=stamp[0], frame=self.pending_line & U32)
        row.quirks |= stamp[1]
        if match["number"] is not None and 0 < int(match["number"]) <= U32:
            row.frame = int(match["number"])
        body = text[match.end() + 1 :]
        row.point = self._point(body)
        return self._body(body, row)

    def _point(self, body: str) -> int:
        match = _INTERFACE.match(body)
        name = match["name"] if match is not None else ""
        if name not in self.ids:
            if len(self.ids) > MAX_POINTS:
                name = ""
            self.ids[name] = self.points.id(name)
        return self.ids[name]

    def _body(self, body: str, row: Row) -> tuple[str, Row | None]:
        at = body.find(": Flags [")
        if at >= 0:
            left, rest = body[:at], body[at:]
            arrow = left.rfind(" > ")
            dst = left[arrow + 3 :]
        else:
            arrow = _old_arrow(body)
            left = body
            dst, _, rest = body[arrow + 3 :].partition(": ")
            dst = dst.rstrip(":")
        if arrow < 0:
            self.source.count_other(_protocol(body))
            return "", None
        prefix, _, src = left[:arrow].rpartition(" ")
        if torn(prefix):
            return oldform.CUT_OFF, None
        if "icmp" in prefix.lower():  # a segment quoted in an error message
            self.source.count_other("icmp")
            return "", None
        problem = _new_segment(rest, row) if at >= 0 else self._old(rest, src, body, row)
        if problem == "":
            return "", None
        if problem is None:
            _headers(prefix, row)
            problem = NO_ADDRESSES if " " in dst else endpoints(src, dst, row, port, self.reading)
        if problem:
            return problem, row
        _checksum(rest, row)
        self.numbers.restore(row)
        return "", row

    def _old(self, rest: str, src: str, body: str, row: Row) -> str | None:
        """As `oldform.segment`; counts what is not TCP."""
        problem = oldform.segment(rest, row)
        if problem != "":
            return problem
        if rest.startswith("tcp ") and "." in src:
            return NO_FLAGS_QUIET
        kind = "ip-fragment" if rest == "tcp" else _protocol(body)
        self.source.count_other(kind)
        return ""


def _unfinished(line: str) -> bool:
    """Was this segment's line wrapped by a terminal?"""
    return ": Flags [" in line and ", length " not in line


def _old_arrow(body: str) -> int:
    """Where ``src > dst`` stands, past the link header's own."""
    at = body.find(" > ")
    if at >= 0 and _MAC.match(body[:at].rpartition(" ")[2]):
        at = body.find(" > ", at + 3)
    return at


def _new_segment(text: str, row: Row) -> str | None:
    """Fill `row` from ``: Flags [P.], seq 1:32, ack 5, win 502, …``; the reason if it cannot be."""
    match = _SEGMENT.match(text)
    if match is None:
        return oldform.UNREADABLE
    for letter in match["flags"] if match["flags"] != "none" else "":
        if letter not in _LETTERS:
            return oldform.UNREADABLE
        row.flags |= _LETTERS[letter]
    if bool(row.flags & bits.ACK) != (match["ack"] is not None):
        return oldform.UNREADABLE
    if match["seq"] is not None:
        row.seq = int(match["seq"])
        row.quirks &= ~bits.NO_SEQ
        if match["end"] is not None:
            row.payload_len = (int(match["end"]) - row.seq) & U32
    if match["ack"] is not None:
        row.ack = int(match["ack"])
    if match["win"] is not None:
        row.win = int(match["win"])
        row.quirks &= ~bits.NO_WIN
    if match["options"] is not None:
        options(match["options"], row)
    if "[|tcp" in text:
        row.quirks |= bits.TRUNCATED_HEADER
    if match["len"] is None and "[|tcp" not in text:
        return oldform.CUT_OFF  # a complete line always ends with the length
    if match["len"] is not None and int(match["len"]) != row.payload_len:
        return oldform.DISAGREE
    return oldform.TOO_LARGE if too_large(row) else None


def _headers(prefix: str, row: Row) -> None:
    """VLAN of -e and IP header of -v, where they were printed before the addresses."""
    vlan = _VLAN.search(prefix)
    if vlan is not None:
        row.vlan = int(vlan[1]) & 0xFFF
    if prefix.count(" > ") > ("ethertype" in prefix):
        row.quirks |= bits.TUNNELLED
    inner = prefix[max(prefix.rfind("(tos 0x"), prefix.rfind("IP6 (")) :] if "(" in prefix else ""
    match = _IPV4.search(inner) or _IPV6.search(inner)
    if match is None or int(match["ttl"]) > 0xFF:
        return
    row.ttl = int(match["ttl"])
    row.quirks &= ~bits.NO_TTL
    fields = match.groupdict()
    if "id" not in fields:
        row.ip_len = 40 + int(match["len"])
        return
    row.ip_len = int(match["len"])
    row.ip_id = int(match["id"]) & 0xFFFF
    row.quirks &= ~bits.NO_IP_ID
    if "DF" in match["flags"]:
        row.quirks |= bits.DF
    if "+" in match["flags"]:
        row.quirks |= bits.FRAGMENT_MISSING


def _checksum(text: str, row: Row) -> None:
    match = _SEGMENT.match(text)
    if match is None or match["cksum"] is None or not match["verdict"].startswith("incorrect"):
        return
    if not unfilled(int(match["cksum"], 16), row):
        row.quirks |= bits.BAD_CHECKSUM


_WORDS = (
    (" UDP", "udp"),
    (" udp ", "udp"),
    ("ICMP6", "icmp6"),
    ("ICMP", "icmp"),
    ("icmp", "icmp"),
    ("ARP", "arp"),
    ("arp ", "arp"),
    (" ESP(", "esp"),
    ("GRE", "gre"),
    ("IGMP", "igmp"),
    ("OSPF", "ospf"),
    ("VRRP", "vrrp"),
    ("SCTP", "sctp"),
    ("STP", "stp"),
    ("LLDP", "lldp"),
    ("proto UDP", "udp"),
    ("next-header UDP", "udp"),
)


def _protocol(body: str) -> str:
    """A name for a frame that is no TCP segment, from a fixed list."""
    head = body[:300]
    for word, kind in _WORDS:
        if word in head:
            return kind
    if " > " not in head:
        return "other"
    return oldform.other(head.rpartition(" > ")[2].partition(": ")[2])
