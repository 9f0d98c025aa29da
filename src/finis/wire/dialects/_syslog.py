"""Syslog framing: bytes to lines, and what stands before a message to a time and a device.

Understands RFC 3164, RFC 5424, Cisco's own stamps (with or without year, zone, fraction), EMBLEM,
relays that put their own header in front, JSON and CSV wrappers.  The stamp nearest to the
message is the device's; the ones before it are the relays'.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from itertools import chain
from pathlib import PurePath
from typing import TYPE_CHECKING

from finis.lazily import regex
from finis.records import dataclass

if TYPE_CHECKING:
    from finis.wire.captures._api import Readable
    from finis.wire.source import Reading, Source

CHUNK = 1 << 18  # larger pieces would be fresh memory each time
LONGEST = 65_536  # characters of one line that are read; the rest is cut
HEADER = 4096  # characters before a message that are searched for its time and device
CACHED = 4096  # headers remembered: all lines of one second share theirs
NS = 1_000_000_000

# Hours east of UTC.
ZONES = {
    "Z": 0.0, "UTC": 0.0, "GMT": 0.0, "WET": 0.0, "WEST": 1.0, "BST": 1.0, "CET": 1.0,
    "CEST": 2.0, "MEZ": 1.0, "MESZ": 2.0, "EET": 2.0, "EEST": 3.0, "MSK": 3.0, "SAST": 2.0,
    "EST": -5.0, "EDT": -4.0, "CST": -6.0, "CDT": -5.0, "MST": -7.0, "MDT": -6.0, "PST": -8.0,
    "PDT": -7.0, "AKST": -9.0, "AKDT": -8.0, "HST": -10.0, "BRT": -3.0, "SGT": 8.0, "HKT": 8.0,
    "JST": 9.0, "KST": 9.0, "AWST": 8.0, "ACST": 9.5, "ACDT": 10.5, "AEST": 10.0, "AEDT": 11.0,
    "NZST": 12.0, "NZDT": 13.0, "PKT": 5.0, "ICT": 7.0, "WIB": 7.0, "EAT": 3.0, "CAT": 2.0,
    "WAT": 1.0, "ART": -3.0, "COT": -5.0, "PET": -5.0, "NPT": 5.75,
}  # fmt: skip
# Several zones in use share the name: such stamps are read in the user's zone, and counted.
AMBIGUOUS = frozenset(("IST", "AST", "ADT", "GST", "ECT", "AMT", "SST", "BDT"))
MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_MONTH = r"(?:[Jj]an|[Ff]eb|[Mm]ar|[Aa]pr|[Mm]ay|[Jj]un|[Jj]ul|[Aa]ug|[Ss]ep|[Oo]ct|[Nn]ov|[Dd]ec)"
_CLOCK = r"(\d\d?):(\d\d):(\d\d)(?:[.,](\d{1,9}))?"
STAMP = regex(
    rf"(?<![\w.])(?:(\d{{4}})[-/](\d\d)[-/](\d\d)[T ]{_CLOCK} ?(Z|[+-]\d\d:?\d\d)?"
    rf"|(?:(\d{{4}})\s+)?({_MONTH})\s+(\d\d?)\s+(?:(\d{{4}})\s+)?{_CLOCK}"
    rf"(?:\s+(\d{{4}})(?![\w.:]))?)"
)
_MINUTE, _MINUTE_NAMED = 5, 14  # groups of STAMP; before it the hour, after it second, fraction
_ZONE = regex(r"\s?(?:([A-Z]{1,5})|([+-]\d\d:?\d\d))(?=[\s:]|$)")
_FRAME = regex(rb"([1-9]\d{0,4}) (?=<\d{1,3}>)")
_FRAME_CUT = regex(rb"(?:[1-9]\d{0,4}(?: (?:<\d{0,3})?)?)?")  # a chunk may end inside one
_PRI = regex(r"<\d{1,3}>")
_NOT_HOST = regex(
    r"<\d{1,3}>.*|[\d:*-]+:?|(?i:(?:local\d|kern|user|daemon|auth\w*|syslog|mail|cron)\.\w+:?)"
    r"|(?i:mon|tue|wed|thu|fri|sat|sun),?|-+|.*\[\d*\]:?"
)
_DOTTED = regex(r"[0-9a-fA-F:.]*[0-9a-fA-F.]")
_RFC5424 = regex(r"<\d{1,3}>\d{1,2} $")
# Structured data; what it holds (time quality, origin) is neither the device nor its clock.
_STRUCTURED = regex(r"(?<=[\s\]])\[[\w@.-]{1,64}(?: (?:[^\]\\]|\\.){0,1024})?\]")
_WITH_PORT = regex(r"(\d+\.\d+\.\d+\.\d+):\d+")
_QUOTE_END = regex(r'(?<!")"(?:""")*(?!")')


Block = tuple[bytes, int, int]  # of these bytes those from … to …


class Blocks:
    """Whole lines of a stream, some thousand at a time, in bounded memory, with line feeds between
    them.  A line that is far too long comes cut.

    `number` is that of the next block's first line, from 1: whoever reads a block adds its
    lines, so that nobody need count them twice."""

    def __init__(self, stream: Readable, source: Source) -> None:
        self.number = 1
        self._source = source
        self._chunks = _chunks(stream)

    def __iter__(self) -> Iterator[Block]:
        """To be asked for once."""
        rest = b""
        skipping = False  # inside a line whose start was long enough
        for chunk in _utf8(self._chunks):
            end = chunk.find(b"\n")
            if end < 0:
                rest += chunk
            else:
                rest += chunk[:end]
                if skipping:
                    _decoded([rest], self._source, self.number - 2)
                    skipping = False
                else:
                    yield rest, 0, len(rest)
                last = chunk.rfind(b"\n")
                if last > end:
                    yield chunk, end + 1, last
                rest = chunk[last + 1 :]
            if len(rest) > 4 * LONGEST:
                if not skipping:
                    cut = rest.decode("utf-8", "replace").encode()
                    yield cut, 0, len(cut)
                skipping, rest = True, b""
        if rest and not skipping:
            yield rest, 0, len(rest)


def blocks(stream: Readable, source: Source) -> Iterator[tuple[int, bytes]]:
    """The same with the number of the first line of each."""
    parts = Blocks(stream, source)
    for data, start, stop in parts:
        number, block = parts.number, data[start:stop]
        parts.number += block.count(b"\n") + 1
        yield number, block


def lines_of(number: int, block: bytes, source: Source) -> Iterator[tuple[int, str]]:
    """Number and text of every line of a block that is not blank."""
    for n, part in enumerate(_decoded(block.split(b"\n"), source, number - 1), number):
        if text := _cut(part, source, n):
            yield n, text


def lines(stream: Readable, source: Source) -> Iterator[tuple[int, str]]:
    """Number (from 1) and text of every line that is not blank, in bounded memory."""
    for number, block in blocks(stream, source):
        yield from lines_of(number, block, source)


def _chunks(stream: Readable) -> Iterator[bytes]:
    """The stream in pieces; messages that only a count in front of each keeps apart (RFC 6587
    §3.4.1, a TCP stream as received) get a line each, up to the first count that does not fit."""
    data = stream.read(CHUNK)
    m = _FRAME.match(data)
    framed = m is not None and _FRAME.match(data, m.end() + int(m[1])) is not None
    rest = b""
    while data:
        if not framed:
            yield rest + data
            rest = b""
        else:
            rest += data
            lines, done = [], 0
            while (m := _FRAME.match(rest, done)) and (end := m.end() + int(m[1])) <= len(rest):
                lines.append(rest[m.end() : end].rstrip(b"\r\n") + b"\n")
                done = end
            rest = rest[done:]
            if m is None and not _FRAME_CUT.fullmatch(rest):
                framed = False
            if lines:
                yield b"".join(lines)
        data = stream.read(CHUNK)
    if rest:
        yield rest


def _utf8(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same in UTF-8 if the file is UTF-16, as some Windows tools write it."""
    first = next(chunks, b"")
    if not first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        yield first
        yield from chunks
        return
    decoder = codecs.getincrementaldecoder("utf-16")("replace")
    for chunk in chain((first,), chunks, (b"",)):
        yield decoder.decode(chunk, final=not chunk).encode("utf-8", "replace")


def _decoded(parts: list[bytes], source: Source, number: int) -> list[str]:
    try:
        return b"\n".join(parts).decode("utf-8").split("\n") if parts else []
    except UnicodeDecodeError:
        pass
    out: list[str] = []
    for i, part in enumerate(parts, number + 1):
        try:
            out.append(part.decode("utf-8"))
        except UnicodeDecodeError:
            source.problems.add("not UTF-8, read as Latin-1", f"line {i}")
            out.append(part.decode("latin-1"))
    return out


def _cut(text: str, source: Source, number: int) -> str:
    if len(text) > LONGEST:
        source.problems.add(f"line longer than {LONGEST} characters, cut", f"line {number}")
        text = text[:LONGEST]
    return text.strip(" \t\r\0\ufeff")


def unwrap_json(line: str, wanted: re.Pattern[str]) -> str:
    """The log line in a JSON object (``message``, ``event.original``, …), or the line itself."""
    try:
        root = json.loads(line)
    except (ValueError, RecursionError):
        return line
    if not isinstance(root, dict):
        return line
    stamp = ""
    pending = [root]
    best = ""
    for _ in range(64):  # objects looked into: enough for any shipper, bounded for a hostile one
        if not pending:
            break
        for key, value in pending.pop(0).items():
            if isinstance(value, dict):
                pending.append(value)
            elif isinstance(value, str):
                if key in ("@timestamp", "timestamp", "time", "_time") and not stamp:
                    stamp = value
                elif wanted.search(value) and len(value) > len(best):
                    best = value
    if not best:
        return line
    best = best if STAMP.search(best) else f"{stamp} {best}"
    return best.encode("utf-8", "replace").decode()  # halves of a surrogate pair are no text


def unquote(prefix: str, body: str) -> str:
    """The body without what follows it, if it stands in an open CSV quote."""
    if prefix.count('"') % 2 == 0:
        return body
    end = _QUOTE_END.search(body)
    return (body[: end.start()] if end else body).replace('""', '"')


@dataclass(frozen=True, slots=True)
class Stamp:
    """A stamp as printed; `year` None and `offset_s` None where it names none."""

    year: int | None
    month: int
    day: int
    second: int  # of the day
    fraction_ns: int
    digits: int
    offset_s: int | None


def _offset(text: str) -> int:
    hours, minutes = int(text[1:3]), int(text[-2:])
    return (hours * 3600 + minutes * 60) * (-1 if text[0] == "-" else 1)


def _stamp(m: re.Match[str]) -> Stamp | None:
    g = m.groups()
    if g[0]:
        year: int | None = int(g[0])
        month, day, clock, zone = int(g[1]), int(g[2]), g[3:7], g[7]
    else:
        named = g[8] or g[11] or g[16]
        year = int(named) if named else None
        month, day, clock, zone = MONTHS[g[9].lower()], int(g[10]), g[12:16], None
    hour, minute, second = int(clock[0]), int(clock[1]), int(clock[2])
    if not (hour < 24 and minute < 60 and second <= 60 and 1 <= month <= 12 and 1 <= day <= 31):
        return None
    if year is not None and not 1970 <= year <= 2200:
        return None
    fraction = clock[3] or ""
    offset = None if not zone else 0 if zone == "Z" else _offset(zone)
    return Stamp(
        year, month, day, hour * 3600 + minute * 60 + second,
        int(fraction.ljust(9, "0")) if fraction else 0, len(fraction), offset,
    )  # fmt: skip


def _bare(prefix: str) -> str:
    """What of a header is searched."""
    prefix = prefix[-HEADER:]
    return _STRUCTURED.sub("", prefix) if "[" in prefix else prefix


def _hosts(text: str) -> list[str]:
    """Words of a header that can name a host, in order."""
    out = []
    for word in re.split(r"[\s,;\"|]+", text):
        word = _PRI.sub("", word)
        bare = word.rstrip(":") if not (word.endswith("::") and word.count(":") > 2) else word
        bare = bare.lstrip(":") if "::" not in bare else bare
        if m := _WITH_PORT.fullmatch(bare):
            bare = m[1]
        if bare and not (_NOT_HOST.fullmatch(bare) and not _address(bare)):
            out.append(bare)
    return out


def _address(word: str) -> bool:
    return bool(_DOTTED.fullmatch(word)) and (word.count(".") == 3 or word.count(":") > 1)


def _name(relayed: bool, before: str, after: str) -> str | None:
    """The device by what stands around its stamp: its own name behind, a relay's in front."""
    if _RFC5424.search(before):
        words = after.split()
        if words and words[0] != "-":
            return words[0]
    elif hosts := _hosts(after):
        return hosts[0]
    relays = _hosts(before)
    return (relays[0] if relayed else relays[-1]) if relays else None


def fallback_name(path: str) -> str:
    """The device of lines that name none."""
    return "stdin" if path == "-" else PurePath(path).name or path


class Headers:
    """Reads what stands before the messages of one file, line by line, in their order.

    A stamp without a year gets, in this order: the user's year, the year of the relay's stamp on
    the same line, the year that brings it nearest to the stamp before it or, for the first, to
    the first dated stamp of the file; else 1970, and `Source.dated` becomes false.
    """

    def __init__(self, source: Source, reading: Reading) -> None:
        self.source = source
        self.reading = reading
        self.fallback = fallback_name(source.path)
        # Day number of the last stamp without a year, before the first one of the last with a
        # year: so one wrong year in the file does not carry the others away.
        self.anchor: int | None = None
        self._yearless = False
        self.year = reading.year or (reading.date.year if reading.date else None)
        # Headers that name their year → time, device, day, whether anything was assumed.
        self._cache: dict[str, tuple[int, str, int | None, bool]] = {}
        self._assumed = False  # in the header read last
        self._devices: dict[tuple[bool, str, str], str] = {}
        self._days: dict[tuple[int | None, int, int], int | None] = {}

    def learn(self, prefixes: Iterable[str]) -> None:
        """Find the year in the first lines of a file, for stamps that name none."""
        for prefix in prefixes:
            for m in STAMP.finditer(prefix):
                stamp = _stamp(m)
                if stamp is not None and stamp.year is not None:
                    self.anchor = self._day(stamp.year, stamp.month, stamp.day)
                    if self.anchor is not None:
                        return

    @property
    def yearless(self) -> bool:
        """Has a stamp without a year been dated?"""
        return self._yearless

    def remembers(self, prefix: str) -> bool:
        """Reading it again would have no effect."""
        return prefix in self._cache

    def read(self, prefix: str, number: int) -> tuple[int | None, str]:
        """Time in ns since 1970 UTC (None: no readable stamp) and device."""
        known = self._cache.get(prefix)
        if known is not None:
            ns, device, day, self._assumed = known
            if not self._yearless:
                self.anchor = day
            return ns, device
        self._assumed = False
        whole, prefix = prefix[-HEADER:], _bare(prefix)
        found = list(STAMP.finditer(prefix))
        if not found:
            hosts = _hosts(prefix)
            self.source.problems.add("no time stamp", f"line {number}")
            return None, hosts[-1] if hosts else self.fallback
        last = found[-1]
        stamp = _stamp(last)
        start, end = last.span()
        offset = stamp.offset_s if stamp else None
        if offset is None:
            offset, end = self._zone(prefix, end, number, len(found) > 1)
        device = self._device(prefix, found, start, end)
        if stamp is None:
            self.source.problems.add("stamp is no valid time", f"line {number}")
            return None, device
        relay = None
        if stamp.year is None and len(found) > 1:
            relay = _stamp(found[-2])
        time = self._time(stamp, relay, offset, number)
        # Without a year it depends on the lines before it: not remembered.
        if time is not None and stamp.year is not None:
            if len(self._cache) >= CACHED:
                self._cache.clear()
            day = self._day(stamp.year, stamp.month, stamp.day)
            self._cache[whole] = time, device, day, self._assumed
        return time, device

    def standing(self, prefix: str) -> tuple[bool, int, tuple[tuple[int, int], ...]] | None:
        """Of a header that was just read, and found to have a time: does it name its year; the
        day; and the clocks in it, the device's the last: (offset of its minutes, digits of its
        fraction).  Headers that differ in the digits of these clocks (00:00 to 59:59) differ in
        nothing but the time of the last.  Read again, a header that names no year has the same
        day, and no effect, as long as `anchor` is this day; not so the first of them in a file.
        None if reading is a problem."""
        known = self._cache.get(prefix)
        day = self.anchor if known is None else known[2]
        if self._assumed or day is None:
            return None
        return known is not None, day, self._clocks(prefix, day)

    def _clocks(self, prefix: str, day: int) -> tuple[tuple[int, int], ...]:
        bare = _bare(prefix)
        found = list(STAMP.finditer(bare))
        if len(prefix) > HEADER or not prefix.startswith(bare[: found[-1].end()]):
            return ()
        clocks = []
        for m in found:
            minute = _MINUTE if m[_MINUTE] else _MINUTE_NAMED
            if max(m[minute], m[minute + 1]) > "59":
                return ()
            clocks.append((m.start(minute), len(m[minute + 2] or "")))
        if self.reading.tz is not UTC:  # summer time may begin within the hour
            hour = day * 86_400 + int(m[minute - 1]) * 3600
            now = hour + int(m[minute]) * 60 + int(m[minute + 1])
            if len({self._local(second) for second in (hour, now, hour + 3599)}) > 1:
                return ()
        return tuple(clocks)

    def _zone(self, prefix: str, end: int, number: int, relayed: bool) -> tuple[int | None, int]:
        """Offset of a zone named behind the stamp, and where the rest begins."""
        m = _ZONE.match(prefix, end)
        if m is None:
            return None, end
        if m[2]:
            return _offset(m[2]), m.end()
        if m[1] in ZONES:
            return int(ZONES[m[1]] * 3600), m.end()
        # An unknown abbreviation is a zone if the device is named elsewhere, else it is the host.
        rest = prefix[m.end() :]
        named = (relayed and rest.startswith(":")) or (rest.startswith(" ") and _hosts(rest))
        if m[1] in AMBIGUOUS or (len(m[1]) >= 3 and named):
            self.source.problems.add("unknown time zone: read as assumed", f"line {number}")
            self._assumed = True
            return None, m.end()
        return None, end

    def _device(self, prefix: str, found: list[re.Match[str]], start: int, end: int) -> str:
        relayed = len(found) > 1
        key = (relayed, prefix[found[-2].end() if relayed else 0 : start], prefix[end:])
        device = self._devices.get(key)
        if device is None:
            if len(self._devices) >= CACHED:
                self._devices.clear()
            device = self._devices[key] = _name(*key) or self.fallback
        return device

    def _time(
        self, stamp: Stamp, relay: Stamp | None, offset: int | None, number: int
    ) -> int | None:
        day = self._find_day(stamp, relay)
        if day is None:
            self.source.problems.add("stamp is no valid time", f"line {number}")
            return None
        seconds = day * 86_400 + stamp.second
        if offset is None:
            self.source.zone_assumed = True
            if self.reading.tz is not UTC:
                offset = self._local(seconds)
        resolution = 10 ** (9 - stamp.digits)
        if resolution > self.source.resolution_ns:
            self.source.resolution_ns = resolution
        return (seconds - (offset or 0)) * NS + stamp.fraction_ns

    def _local(self, seconds: int) -> int:
        """Seconds east of UTC in the user's zone, where its clocks show so many since 1970."""
        moment = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=self.reading.tz)
        delta = moment.utcoffset()
        return int(delta.total_seconds()) if delta is not None else 0

    def _find_day(self, stamp: Stamp, relay: Stamp | None) -> int | None:
        if stamp.year is not None:
            day = self._day(stamp.year, stamp.month, stamp.day)
            if day is not None and not self._yearless:
                self.anchor = day
            return day
        anchor = self.anchor
        if relay is not None and relay.year is not None:
            relayed = self._day(relay.year, relay.month, relay.day)
            anchor = anchor if relayed is None else relayed
        if self.year is not None and not self._yearless:
            day = self._day(self.year, stamp.month, stamp.day)
        elif anchor is None:
            self.source.dated = False
            day = self._day(1970, stamp.month, stamp.day)
        else:
            day = self._nearest(anchor, stamp)
        if day is not None:
            self.anchor = day
            self._yearless = True
        return day

    def _nearest(self, anchor: int, stamp: Stamp) -> int | None:
        """The day in the year that brings it closest to `anchor`: December to January wraps."""
        year = date.fromordinal(anchor + _EPOCH).year
        days = [self._day(y, stamp.month, stamp.day) for y in (year - 1, year, year + 1)]
        near = [day for day in days if day is not None]
        if not near:  # 29 February in a file of unknown year
            return self._day(year, 3, 1) if (stamp.month, stamp.day) == (2, 29) else None
        return min(near, key=lambda day: abs(day - anchor))

    def _day(self, year: int, month: int, day: int) -> int | None:
        """Days since 1970-01-01, None if there is no such day."""
        key = (year, month, day)
        if key not in self._days:
            if len(self._days) >= CACHED:
                self._days.clear()
            try:
                self._days[key] = date(year, month, day).toordinal() - _EPOCH
            except ValueError:
                self._days[key] = None
        return self._days[key]


_EPOCH = date(1970, 1, 1).toordinal()
