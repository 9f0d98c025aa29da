"""Cisco ASA/FTD ``show capture``, as pasted from a terminal or a web page.

One line per frame, in the grammar of tcpdump 3.x (see `_text.oldform`) behind the frame's number::

    33437: 12:00:47.907301       802.1Q vlan#70 P0 10.0.0.1.443 > 10.0.0.2.43918: F 1:1(0) ack 2 …

With ``detail`` the link header comes first and the rest follows on the next line; ``dump`` adds
hex lines and ``trace`` blocks of ``Phase:``.  Several captures may stand in one paste: a prompt,
a header, a ``packets captured``/``shown`` line or a restart of the numbers parts them, and each is
a point of its own.  Stamps are times of day.  SEQ and ACK are absolute.
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
from finis.wire.captures._text.rows import NO_ADDRESSES, U32, Row, endpoints, torn
from finis.wire.captures._text.services import asa_port
from finis.wire.source import NOT_A_FRAME

if TYPE_CHECKING:
    from finis.wire.captures._api import Readable
    from finis.wire.source import Reading, Source

NAME = "asa-text"

MAX_DROPS = 1024  # distinct drop reasons kept per file

_FRAME = regex(r"\s*(?:(?P<number>\d{1,10}):\s+)?" + STAMP + r"(?=\s|$)")
_COUNT = regex(r"\s*\d{1,10} packets? (?:captured|shown)\b")
_HEADER = regex(
    r"\s*capture (?P<name>[\w.+-]{1,64}) (?:type (?P<type>[\w-]{1,32})|interface |access-list |\[)"
)
_PROMPT = regex(r"\s*(?:[A-Za-z0-9][\w.()/@:-]{0,80}[#>]|>)(?: |$)(?P<command>.{0,200})")
_SHOW = regex(r" ?sh\w{0,2} cap\w{0,4} (?P<name>[\w.+-]{1,64})")
_VLAN = regex(r"vlan#(\d{1,4}) P\d")
_DROP = regex(r"Drop-reason: \((?P<name>[\w.+-]{1,64})\)")
_HEX = regex(r"\s*0x[0-9a-fA-F]{4}:?\s")  # for sniffing only
# Lines an ASA prints around frames that say nothing about a segment.
_PREAMBLE = regex(
    r"\s*(?:Target:|Hardware:|Cisco Adaptive Security|Cisco Firepower|ASLR enabled|Software Version"
    r"|Compiled on|match |access-list |\d+ bytes|Type help|Logoff|Syntax error)"
)
_TRACE = regex(r"\s*(?:Phase|Result):")
_SYSLOG = regex(r"%(?:ASA|FTD|PIX|FWSM|NGIPS)[-<]")

# What a terminal may have put on a line of its own, without indenting it.
_WRAPPED = regex(r"<[a-z]|win \d|ack \d|Drop-|\(DF\)|\(ttl |802\.1Q |\d{1,10}:\d{1,10}\(")


def sniff(head: bytes) -> float:
    """The share of lines that are numbered frames; others of the format count for less."""
    frames = marks = rest = unnumbered = 0
    tracing = False
    for line in sample(head):
        match = _FRAME.match(line)
        tracing = match is None and (tracing or _TRACE.match(line) is not None)
        if match is not None and match["number"] is not None:
            frames += 1
        elif match is not None and _looks_old(line):
            unnumbered += 1
        elif _COUNT.match(line) or _HEADER.match(line) or _shows(line):
            marks += 1
        elif not (tracing or line[0].isspace() or _HEX.match(line)):
            rest += 1
    if "Drop-reason: (" in head.decode("latin-1") and unnumbered:
        marks += 1
    if marks:
        frames, unnumbered = frames + unnumbered, 0
    found = frames + marks + 0.5 * unnumbered
    if not frames and not unnumbered and not (marks and not rest):
        return 0.0
    return min(0.97, found / (frames + marks + unnumbered + rest))


def _looks_old(line: str) -> bool:
    """Is this an unnumbered frame in the old grammar (and not one of tcpdump ≥ 4)?"""
    foreign = ("Flags [", " IP ", " IP6 ", "ethertype ")
    return " > " in line and not any(word in line for word in foreign)


def _shows(line: str) -> bool:
    match = _PROMPT.match(line)
    return match is not None and _SHOW.match(match["command"]) is not None


def read(stream: Readable, source: Source, reading: Reading) -> Iterator[npt.NDArray[np.void]]:
    """See `captures._api`.  Positions are lines; SEGMENT.frame is the printed number."""
    return _Reader(source, reading).read(stream)


class _Reader(FrameReader):
    """Follows the lines of a file: which capture they belong to, which frame is being joined."""

    nothing = "no line of a `show capture` in it"

    def __init__(self, source: Source, reading: Reading) -> None:
        super().__init__(source, reading)
        self.clock = Clock(reading, source)
        self.points = InterfacePoints(source)
        self.captures = 0  # begun so far
        self.ended = True  # the next frame begins another capture
        self.title = ""  # name for the next capture, from a prompt or header
        self.asp_drop = False
        self.asp_drops: set[str] = set()  # names of captures of that type
        self.point = 0
        self.last_frame = 0
        self.tracing = False  # inside the Phase: blocks of `trace`
        self.drops = {name: i for i, name in enumerate(source.drops)}

    def line(self, number: int, line: str) -> bool:
        """Take one line; True if the batch became full."""
        if _FRAME.match(line) is not None and _SYSLOG.search(line) is None:
            self.tracing = False
            return self.begin(number, line)
        if not line or self.dump.take(line):
            return False
        if _SYSLOG.search(line):
            full = self.flush()
            self.tracing = False
            self.problem(NOT_A_FRAME, number)
            return full
        if self.pending and self._continues(line):
            self.join(line)
            return False
        if self._traces(line):
            return False
        full = self.flush()
        if not self._delimits(line):
            self.problem(STRANGE, number)
        return full

    def _continues(self, line: str) -> bool:
        """Indented lines belong to the frame above; so does a wrapped drop reason."""
        if self.dump or _TRACE.match(line) or _COUNT.match(line):
            return False
        if line[0].isspace() or _WRAPPED.match(line):
            return True
        return "Drop-reason:" in self.pending[-1] and not self._marks(line)

    def _marks(self, line: str) -> bool:
        return any(pattern.match(line) for pattern in (_HEADER, _PROMPT, _PREAMBLE))

    def _traces(self, line: str) -> bool:
        """Is this part of a `trace`?  Its blocks say nothing about the segment itself."""
        if _TRACE.match(line):
            self.tracing = True
        return self.tracing and not self._ends_trace(line)

    def _ends_trace(self, line: str) -> bool:
        return bool(_COUNT.match(line) or _PROMPT.match(line))

    def _delimits(self, line: str) -> bool:
        """Counts, headers, prompts and preambles: they part captures and may name the next."""
        header = _HEADER.match(line)
        prompt = None if header else _PROMPT.match(line)
        if header is not None:
            self._configured(header)
            self.title = header["name"]
        elif prompt is not None:
            shown = _SHOW.match(prompt["command"])
            self.title = shown["name"] if shown else ""
            typed = _HEADER.match(prompt["command"])
            if typed is not None:
                self._configured(typed)
        elif not _COUNT.match(line):
            return _PREAMBLE.match(line) is not None
        self.marked = True
        self.tracing = False
        self.ended = True
        return True

    def _configured(self, header: re.Match[str]) -> None:
        """A capture's type stands where it is listed or typed, not where its frames are."""
        if header["type"] == "asp-drop" and len(self.asp_drops) < MAX_POINTS:
            self.asp_drops.add(header["name"])

    # --- one frame -------------------------------------------------------------------------

    def frame(self, text: str) -> tuple[str, Row | None]:
        """(problem or "", row or None) of one frame in full."""
        match = _FRAME.match(text)
        if match is None:  # cannot be: the line was taken because it matched
            return STRANGE, None
        printed = int(match["number"]) if match["number"] is not None else 0
        self._begin_if_restarted(printed)
        stamp = self.clock.at(match["date"], match["tod"])
        if stamp is None:
            return BAD_STAMP, None
        row = Row(ts_ns=stamp[0], point=self.point, frame=self.pending_line & U32)
        row.quirks |= stamp[1]
        if 0 < printed <= U32:
            row.frame = printed
        body = text[match.end() + 1 :]
        return self._body(body, row)

    def _body(self, body: str, row: Row) -> tuple[str, Row | None]:
        at = body.find(" > ")
        if at < 0:
            if body.startswith("> "):
                return NO_ADDRESSES, None
            return self._other(body, row)
        left, right = body[:at], body[at + 3 :]
        prefix, _, src = left.rpartition(" ")
        dst, colon, rest = right.partition(": ")
        if not colon:
            dst, rest = right.rstrip(":"), ""
        if " " in dst:
            return NO_ADDRESSES, None
        vlan = _VLAN.search(prefix)
        if torn(prefix) or (vlan is None and "802.1Q" in prefix):
            return oldform.CUT_OFF, None
        if vlan is not None:
            row.vlan = int(vlan[1]) & 0xFFF
        problem = oldform.segment(rest, row)
        if problem == "":
            self.source.count_other(oldform.other(rest))
            return "", None
        self._dropped(rest, row)
        return problem or endpoints(src, dst, row, asa_port, self.reading), row

    def _other(self, body: str, row: Row) -> tuple[str, Row | None]:
        """A frame without ``>``: ARP and the like, or a line cut off."""
        kind = oldform.other(body.rpartition(" P0 ")[2] if "vlan#" in body else body)
        if kind == "other" and "arp " in body:
            kind = "arp"
        if kind == "other" and not body:
            return NO_ADDRESSES, None
        self.source.count_other(kind)
        return "", None

    def _dropped(self, rest: str, row: Row) -> None:
        """The firewall's own word that it discarded this packet, and why."""
        match = _DROP.search(rest)
        if match is None:
            if self.asp_drop:
                row.quirks |= bits.DROPPED
            return
        row.quirks |= bits.DROPPED
        name = match["name"]
        if name not in self.drops:
            if len(self.drops) >= MAX_DROPS:
                self.problem("too many drop reasons")
                return
            self.drops[name] = len(self.source.drops)
            self.source.drops.append(name)
        row.drop = self.drops[name]

    # --- captures --------------------------------------------------------------------------

    def _begin_if_restarted(self, printed: int) -> None:
        if not self.ended and (not printed or printed > self.last_frame):
            self.last_frame = printed or self.last_frame
            return
        self.last_frame = printed
        self.ended = False
        self.captures += 1
        self.point = self._point()
        self.clock = Clock(self.reading, self.source)
        self.asp_drop = self.title in self.asp_drops
        self.title = ""

    def _point(self) -> int:
        """A capture's own name, unless the user named the point of a file's only capture."""
        source = self.source
        if self.captures > MAX_POINTS:
            if self.captures == MAX_POINTS + 1:
                self.problem("too many captures in one file: the others are one point")
            return source.points.id(f"{source.point}/{MAX_POINTS + 1}")
        if self.captures == 1 and (source.point_given or not self.title):
            return source.points.id(source.point)
        if not self.title:
            return source.points.id(f"{source.point}/{self.captures}")
        return self.points.id(self.title)
