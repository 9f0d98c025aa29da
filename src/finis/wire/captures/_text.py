"""What the text formats share: lines of bounded length, stamps, addresses, rows.

Text captures reach us through terminals, mail and web pages: blanks become U+00A0, lines are
wrapped, pagers leave their marks, encodings are mixed.  Everything here accepts any bytes.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np

from finis.tables import SEGMENT, record_dtype
from finis.terms import Quirk
from finis.wire.captures._api import BATCH

if TYPE_CHECKING:
    from finis.wire.captures._api import Readable
    from finis.wire.source import Reading, Source

MAX_LINE = 64 * 1024  # bytes kept of a line
_CHUNK = 256 * 1024
SECOND = 1_000_000_000
DAY = 86_400 * SECOND
U32 = 0xFFFFFFFF

# A wall-clock stamp: optional date, time of day, 1 to 9 decimals.
STAMP = r"(?:(?P<date>\d{4}-\d\d-\d\d)[ T])?(?P<tod>\d\d:\d\d:\d\d\.\d{1,9})"

# --- lines ---------------------------------------------------------------------------------

_BLANKS = {code: " " for code in (0x09, 0x0B, 0x0C, 0xA0, 0x1680, 0x202F, 0x205F, 0x3000)}
_BLANKS |= {code: " " for code in range(0x2000, 0x200B)}
_BLANKS |= {code: "" for code in (0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF)}
_PAGER = re.compile(r"^\s*<--- More --->\s?")


def lines(stream: Readable, source: Source) -> Iterator[tuple[int, str]]:
    """(line number from 1, text without its end) of everything in `stream`.

    Non-breaking and typographic blanks become blanks.  A line longer than `MAX_LINE` bytes is cut
    and counted in ``source.problems``.
    """
    number = 0
    pending = b""
    cut = False
    while chunk := stream.read(_CHUNK):
        parts = (pending + chunk).split(b"\n")
        pending = parts.pop()
        for part in parts:
            number += 1
            if cut or len(part) > MAX_LINE:
                source.problems.add("line too long, read to 64 KiB", f"line {number}")
                cut = False
            yield number, plain(part[:MAX_LINE])
        if len(pending) > MAX_LINE:
            pending = pending[:MAX_LINE]
            cut = True
    if pending:
        if cut:
            source.problems.add("line too long, read to 64 KiB", f"line {number + 1}")
        yield number + 1, plain(pending)


def plain(raw: bytes) -> str:
    """One line as text: UTF-8, else Latin-1; odd blanks made plain, pager marks removed."""
    if raw.isascii():
        text = raw.decode("ascii")
    else:
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            text = raw.decode("latin-1")
        text = text.translate(_BLANKS)
    text = text.rstrip()
    if "\r" in text:  # a pager overwrites its own prompt: what stands last was visible
        text = text[text.rfind("\r") + 1 :]
    if "More" in text:
        text = _PAGER.sub("", text)
    return text


# --- stamps --------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def _utc_second(day: date, hour: int, minute: int, second: int, tz: tzinfo) -> int:
    """Seconds since 1970 UTC; a second of 60 (leap second) is the first of the next minute."""
    moment = datetime(day.year, day.month, day.day, hour, minute, tzinfo=tz)
    return int(moment.timestamp()) + second


@dataclass(slots=True)
class Clock:
    """Turns printed stamps of one capture into nanoseconds.

    Times of day are unwrapped: a backward jump of more than twelve hours is midnight.  Without a
    date they count from midnight of the capture's first day (`Quirk.UNDATED`).
    """

    reading: Reading
    source: Source
    day: int = 0  # midnights passed
    last: int = -1  # time of day of the row before, ns

    def at(self, day_text: str | None, tod: str) -> tuple[int, int] | None:
        """(ts_ns, Quirk.UNDATED or 0) of a printed date and time of day; None if impossible."""
        hour, minute, second = int(tod[0:2]), int(tod[3:5]), int(tod[6:8])
        if hour > 23 or minute > 59 or second > 60:
            return None
        digits = tod[9:]
        fraction = int(digits.ljust(9, "0"))
        self._resolution(len(digits))
        if day_text is not None:
            try:
                day = date.fromisoformat(day_text)
            except ValueError:
                return None
            return self._dated(day, hour, minute, second, fraction)
        within = ((hour * 60 + minute) * 60 + second) * SECOND + fraction
        past = self._midnights(within)
        if self.reading.date is None:
            self.source.dated = False
            return past * DAY + within, Quirk.UNDATED
        try:
            day = date.fromordinal(self.reading.date.toordinal() + past)
        except (ValueError, OverflowError):
            return None
        return self._dated(day, hour, minute, second, fraction)

    def epoch(self, seconds: str, digits: str) -> tuple[int, int]:
        """(ts_ns, 0) of ``seconds.digits`` since 1970 UTC; at most 10 and 9 digits."""
        self._resolution(len(digits))
        return int(seconds) * SECOND + int(digits.ljust(9, "0")), 0

    def _midnights(self, within: int) -> int:
        past = self.day
        if self.last >= 0 and self.last - within > DAY // 2:
            past = self.day = self.day + 1
        elif past and within - self.last > DAY // 2:
            return past - 1  # a straggler from before midnight
        self.last = within
        return past

    def _dated(
        self, day: date, hour: int, minute: int, second: int, fraction: int
    ) -> tuple[int, int] | None:
        if not 1970 <= day.year < 2262:  # what int64 nanoseconds can hold
            return None
        self.source.zone_assumed = True
        whole = _utc_second(day, hour, minute, second, self.reading.tz)
        return whole * SECOND + fraction, 0

    def _resolution(self, digits: int) -> None:
        resolution = 10 ** (9 - digits)
        if self.last < 0 or resolution < self.source.resolution_ns:
            self.source.resolution_ns = resolution


# --- addresses -----------------------------------------------------------------------------

_MAPPED = 0xFFFF << 32  # ::ffff:0:0/96 in the lower 64 bits


@lru_cache(maxsize=65_536)
def address(text: str) -> tuple[int, int] | None:
    """(upper, lower 64 bits) of a printed IP address, IPv4 as ::ffff:a.b.c.d; None if it is none.

    The cache bounds memory on hostile input and makes repeated addresses cheap.
    """
    if len(text) > 64:
        return None
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        return None
    value = int(parsed)
    if parsed.version == 4:
        return 0, _MAPPED | value
    return value >> 64, value & 0xFFFFFFFFFFFFFFFF


def named(text: str, reading: Reading) -> tuple[int, int] | None:
    """The address of a name, where the user gave a list of names."""
    names = getattr(reading, "names", None)
    if not names:
        return None
    value = names.get(text)
    return address(str(value)) if value is not None else None


NO_ADDRESSES = "addresses missing"
NAME_ADDRESS = "address is a name"
NAME_PORT = "port name unknown"


def endpoints(
    src: str, dst: str, row: Row, port: Callable[[str], int | None], reading: Reading
) -> str:
    """Put two printed ``host.port`` into `row`; the reason if one cannot be, else the empty
    string.  `port` knows the format's port names."""
    problem = ""
    places = []
    for text in (src, dst):
        host, dot, service = text.rpartition(".")
        place = address(host) or named(host, reading)
        number = port(service)
        if not dot or not host:
            problem = NO_ADDRESSES
        elif place is None:
            problem = problem or NAME_ADDRESS
        elif number is None:
            problem = problem or NAME_PORT
        else:
            places.append((*place, number))
    if not problem:
        (row.src_hi, row.src_lo, row.src_p), (row.dst_hi, row.dst_lo, row.dst_p) = places
    return problem


# --- rows ----------------------------------------------------------------------------------


@dataclass(slots=True)
class Row:
    """The `tables.SEGMENT` fields a text form can know; all others are 0 there."""

    ts_ns: int = 0
    src_hi: int = 0
    src_lo: int = 0
    dst_hi: int = 0
    dst_lo: int = 0
    seq: int = 0
    ack: int = 0
    payload_len: int = 0
    ip_len: int = 0  # 0: not printed
    tsval: int = 0
    tsecr: int = 0
    sack_left: int = 0
    sack_right: int = 0
    quirks: int = int(
        Quirk.NO_PAYLOAD | Quirk.NO_TTL | Quirk.NO_IP_ID | Quirk.NO_SEQ | Quirk.NO_WIN
    )
    frame: int = 0
    point: int = 0
    src_p: int = 0
    dst_p: int = 0
    flags: int = 0
    win: int = 0
    vlan: int = 0
    mss: int = 0
    ip_id: int = 0
    drop: int = 0
    ttl: int = 0
    wscale: int = 0


_FIELDS = tuple(Row.__slots__)
_VALUES = attrgetter(*_FIELDS)
_WIDTH_MAX = {c.name: 256 ** int(c.type[-1]) - 1 for c in SEGMENT if c.type in ("u1", "u2", "u4")}


@dataclass(slots=True)
class Batch:
    """Rows on their way out; the array is allocated once and reused."""

    source: Source
    rows: list[Row] = field(default_factory=list)
    array: np.ndarray = field(  # type: ignore[type-arg]
        default_factory=lambda: np.zeros(BATCH, record_dtype(SEGMENT))
    )

    def add(self, row: Row) -> bool:
        """Keep a row; True once the batch is full."""
        self.rows.append(row)
        self.source.used += 1
        self.source.seen(row.ts_ns)
        return len(self.rows) >= BATCH

    def take(self) -> np.ndarray:  # type: ignore[type-arg]
        """The rows kept so far, as a view of the reused array; empties the batch."""
        count = len(self.rows)
        out = self.array[:count]
        out["file"] = self.source.id
        if count:
            columns = zip(*map(_VALUES, self.rows), strict=True)
            for name, values in zip(_FIELDS, columns, strict=True):
                out[name] = values
        self.rows.clear()
        return out


def too_large(row: Row) -> bool:
    """True if a printed number does not fit its field in the header."""
    return any(getattr(row, name) > limit for name, limit in _CHECKED)


_CHECKED = tuple((n, _WIDTH_MAX[n]) for n in _FIELDS if n in _WIDTH_MAX)


# --- checksums -----------------------------------------------------------------------------


def unfilled(checksum: int, row: Row) -> bool:
    """Is a wrong checksum merely one the network card was to fill in?

    Then the field holds the sum of the pseudo-header alone (RFC 9293 §3.1), as Linux leaves it.
    True also where the length needed for that sum was not printed: nothing is proven then.
    """
    if not row.ip_len:
        return True
    ipv4 = row.src_hi == row.dst_hi == 0 and row.src_lo >> 32 == row.dst_lo >> 32 == 0xFFFF
    total = 6 + row.ip_len - (20 if ipv4 else 40)
    for value in (row.src_lo, row.dst_lo):
        total += sum((value >> shift) & 0xFFFF for shift in ((0, 16) if ipv4 else (0, 16, 32, 48)))
    for value in (row.src_hi, row.dst_hi):
        total += sum((value >> shift) & 0xFFFF for shift in (0, 16, 32, 48))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return checksum == total


# --- TCP options ---------------------------------------------------------------------------


def options(text: str, row: Row) -> None:
    """Read a printed option list (``mss 1460,nop,wscale 8,…``) of either tcpdump generation."""
    for token in text.split(","):
        words = token.split()
        reader = _OPTIONS.get(words[0]) if words else None
        if reader is not None:
            reader(words[1:], row)
    if "[|tcp" in text or "[bad opt" in text:
        row.quirks |= Quirk.TRUNCATED_HEADER if "[|tcp" in text else Quirk.BAD_OPTIONS


def _count(word: str) -> int:
    """A printed number, or -1; ten digits are all a 32-bit field can need."""
    return int(word) if word.isascii() and word.isdigit() and len(word) <= 10 else -1


def _mss(words: list[str], row: Row) -> None:
    value = _count(words[0]) if words else -1
    if 0 <= value <= 0xFFFF:
        row.mss = value
        row.quirks |= Quirk.HAS_MSS
    else:
        row.quirks |= Quirk.BAD_OPTIONS


def _wscale(words: list[str], row: Row) -> None:
    value = _count(words[0]) if words else -1
    if 0 <= value <= 0xFF:
        row.wscale = value
        row.quirks |= Quirk.HAS_WSCALE
    else:
        row.quirks |= Quirk.BAD_OPTIONS


def _sack_permitted(words: list[str], row: Row) -> None:
    row.quirks |= Quirk.SACK_PERMITTED


def _timestamps(words: list[str], row: Row) -> None:
    """``timestamp 1 2`` (3.x, ASA) or ``TS val 1 ecr 2`` (4.x); RFC 7323 §3."""
    numbers = [_count(word) for word in words if word not in ("val", "ecr")]
    if len(numbers) == 2 and all(0 <= n <= U32 for n in numbers):
        row.tsval, row.tsecr = numbers
        row.quirks |= Quirk.HAS_TS
    else:
        row.quirks |= Quirk.BAD_OPTIONS


def _sack(words: list[str], row: Row) -> None:
    """``sack 1 {a:b}…`` (the old form repeats the word); the first block (RFC 2018 §3)."""
    block = next((word for word in words if word.startswith("{")), "")
    left, _, right = block[1:].partition("}")[0].partition(":")
    edges = _count(left), _count(right)
    if all(0 <= edge <= U32 for edge in edges):
        row.sack_left, row.sack_right = edges
        row.quirks |= Quirk.HAS_SACK
    else:
        row.quirks |= Quirk.BAD_OPTIONS


def _md5(words: list[str], row: Row) -> None:
    row.quirks |= Quirk.HAS_MD5


_OPTIONS = {
    "mss": _mss,
    "wscale": _wscale,
    "sackOK": _sack_permitted,
    "timestamp": _timestamps,
    "TS": _timestamps,
    "sack": _sack,
    "md5": _md5,
    "md5:": _md5,
}
