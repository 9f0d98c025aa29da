"""What is known of one input file, and the registry of points: filled by readers, shown on top of
every report, so that whatever was not read is said with its position."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, tzinfo
from typing import TYPE_CHECKING, Literal

from finis.records import dataclass, field
from finis.terms import Quirk

if TYPE_CHECKING:
    from finis.wire.walk import FrameDecoder, Link

SHOWN = 5  # positions kept per kind of problem; the rest is counted
LINES_SHOWN = 40  # of text inputs: runs of lines, so that a short file is told line by line


# Lines that another kind of reader would take: no problem where the file is read by both.
NOT_A_FRAME = "log line within a capture"
NOT_A_MESSAGE = "no message tag: not read"
# Of rows that are no segment that passed by.
APART = Quirk.DROPPED | Quirk.ICMP_ERROR


@dataclass(slots=True)
class Problems:
    """What could not be read: counted per reason, with the first positions (``line 3``,
    ``frame 12``, ``byte 400``); lines that follow each other are one position (``line 3-7``).
    Memory is bounded by the number of distinct reasons, so reasons must not contain input text."""

    counts: dict[str, int] = field(default_factory=dict)
    first: dict[str, list[str]] = field(default_factory=dict)

    def add(self, reason: str, position: str, count: int = 1) -> None:
        self.counts[reason] = self.counts.get(reason, 0) + count
        shown = self.first.setdefault(reason, [])
        if not position.startswith("line "):
            if len(shown) < SHOWN:
                shown.append(position)
        elif shown and (longer := _extended(shown[-1], position)):
            shown[-1] = longer
        elif len(shown) < LINES_SHOWN:
            shown.append(position)

    def drop(self, reason: str) -> None:
        """Forget a reason that turned out to be none."""
        self.counts.pop(reason, None)
        self.first.pop(reason, None)

    def __bool__(self) -> bool:
        return bool(self.counts)

    def __iter__(self) -> Iterator[tuple[str, int, list[str]]]:
        for reason, count in self.counts.items():
            yield reason, count, self.first[reason]


def _extended(run: str, position: str) -> str | None:
    """``line 3-7`` and ``line 8`` as ``line 3-8``; None where they do not follow each other."""
    start, _, end = run.removeprefix("line ").partition("-")
    number = position.removeprefix("line ")
    if not (start.isdecimal() and number.isdecimal()):
        return None
    return f"line {start}-{number}" if int(number) == int(end or start) + 1 else None


class Points:
    """Names of the places where traffic was observed, numbered in order of appearance."""

    def __init__(self) -> None:
        self.names: list[str] = []
        # By default point: the side that link addresses are on, see `captures._sides`.
        self.sides: dict[str, Mapping[Link, int]] = {}
        self._ids: dict[str, int] = {}
        self._owners: dict[str, str] = {}

    def id(self, name: str) -> int:
        if name not in self._ids:
            self._ids[name] = len(self.names)
            self.names.append(name)
        return self._ids[name]

    def of_interface(self, name: str, default: str) -> int:
        """The point of a capture interface called `name` in a file whose default point is
        `default`.  Every host has an ``eth0``: a name that another default point already uses
        becomes ``default/name``."""
        if self._owners.setdefault(name, default) != default:
            name = f"{default}/{name}"
        return self.id(name)


@dataclass(slots=True)
class Reading:
    """How to read: what the user asked for, the same for every source."""

    tz: tzinfo  # zone of stamps that name none
    date: date | None = None  # day of stamps that name none (text captures)
    year: int | None = None  # year of stamps that name none; else inferred, see the dialect
    names: dict[str, str] = field(default_factory=dict)  # name → address, see wire.names
    probe: FrameDecoder | None = None  # decodes captures, and sides are not looked for


@dataclass(slots=True)
class Source:
    """One input file, as far as it has been read."""

    id: int  # SEGMENT.file
    path: str  # as the user named it
    points: Points
    point: str  # default point name of this file
    kind: str = "unknown"  # capture, log or unknown
    format: str = ""  # name of the reader
    rows: int = 0  # frames or lines read
    used: int = 0  # TCP segments, or events that bear on connections
    other: dict[str, int] = field(default_factory=dict)  # what else was there: udp, arp, msg ids
    first_ns: int | None = None
    last_ns: int | None = None
    dated: bool = True  # False: stamps are times of day of an unknown date
    mixed: bool = True  # False: rows of the latest batch are of one point, none stands APART
    zone_assumed: bool = False  # stamps named no zone: read in Reading.tz
    resolution_ns: int = 1
    sides: Literal["", "apart", "mixed"] = ""  # both of a firewall: see `captures._sides`
    point_given: bool = False  # the user named the point: interfaces become parts of it
    lost: int | None = None  # packets the capturing tool says it lost; None: it does not say
    truncated: bool = False  # the file is cut off: read to the cut
    drops: list[str] = field(default_factory=lambda: [""])  # drop reasons (asp-drop); [0] is none
    problems: Problems = field(default_factory=Problems)

    def seen(self, ts_ns: int) -> None:
        """Widen the period by one stamp."""
        if self.first_ns is None or ts_ns < self.first_ns:
            self.first_ns = ts_ns
        if self.last_ns is None or ts_ns > self.last_ns:
            self.last_ns = ts_ns

    def count_other(self, what: str, count: int = 1) -> None:
        self.other[what] = self.other.get(what, 0) + count
