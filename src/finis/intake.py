"""Reading everything that was given: captures into observations, logs into connections and
denials.  One pass; `only` makes it a close look at a few tuples that keeps every segment."""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, tzinfo
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from finis.correlation.evidence import PointData
from finis.errors import InputError
from finis.records import dataclass, field, replace
from finis.tables import OBSERVATION, SEGMENT, record_dtype
from finis.terms import Quirk
from finis.tracking import drops, segments
from finis.tracking._api import ALIVE, Observations
from finis.wire.ahead import ahead
from finis.wire.dialects._syslog import fallback_name
from finis.wire.discovery import Input, discover
from finis.wire.readers import Reader, readers, takers
from finis.wire.source import APART, NOT_A_FRAME, NOT_A_MESSAGE, Points, Reading, Source
from finis.wire.streams import open_input

if TYPE_CHECKING:
    from finis.tracking._api import SegmentTracker
    from finis.tracking.events import LogTables, LogTracker
    from finis.tracking.merging import Later
    from finis.tracking.parts import LogPart
    from finis.wire.dialects._api import Events, Hosts

BATCH, NEVER = 1 << 15, 1 << 62
SEGMENT_ROW = record_dtype(SEGMENT)
EMPTY = Observations(np.empty(0, record_dtype(OBSERVATION)), np.empty(0, SEGMENT_ROW))
MAX_ERRORS = 100_000  # ICMP errors kept per point
OPEN_AT_ONCE = 64  # logs that are merged with all files open; more are opened in their turn
LARGE_BYTES = 4 << 20
STOPPED = "reading was interrupted: nothing after this was read"
_BOTH = "shows both sides of a firewall that gives connections other sequence numbers"
SIDES = {
    "apart": f"{_BOTH}: told apart by their link addresses, as two points",
    "mixed": f"{_BOTH}, and link addresses do not tell them apart: verdicts on connections that it "
    "shows twice do not hold; give each side as a file of its own",
}

Batch = np.ndarray  # rows of tables.SEGMENT
Endpoint = tuple[int, int, int]  # address hi, lo, port
Progress = Callable[[str, int], None]  # path, bytes of it consumed


@dataclass(slots=True)
class Options:
    """What the user asked for; the command line's options bear the same names."""

    tz: tzinfo = UTC
    tz_of: dict[str, tzinfo] = field(default_factory=dict)  # by path or file name
    date: date | None = None
    year: int | None = None
    names: dict[str, str] = field(default_factory=dict)  # name → address
    points: dict[str, str] = field(default_factory=dict)  # path or file name → point
    devices: dict[str, str] = field(default_factory=dict)  # host → device
    since: datetime | None = None
    until: datetime | None = None
    hosts: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    progress: Progress | None = None
    stop: Callable[[], bool] | None = None  # asked after each batch: read no further?
    keep: bool = True  # hold every judged row; False: only what findings and patterns need
    first: int = 0  # … and so many rows of each table, the first
    every_fact: bool = True  # … with all that rules read, so that any row can be explained
    only: str = ""  # connections or denials: that table is asked for and nothing else
    wanted: tuple[str, ...] = ()  # connections to be explained: of logs alone, no others are kept
    timers: bool = False  # what-if is asked for and nothing else: the same
    lossy: bool = False  # the only capture is known to miss segments
    filtered: bool = False  # and to have been taken with a filter for SYN, FIN and RST
    batch: int = BATCH  # ended connections judged together; fewer are judged at the end

    @property
    def tidy(self) -> bool:
        """Are rows of tables asked for, so that they stand in order and have their ids?"""
        return self.keep or self.first > 0


class SeveralPointsError(Exception):
    """A second point showed up when connections of the first had been given away."""


class Intake:
    """One pass over the input."""

    def __init__(self, options: Options, *, only_copies: bool = False) -> None:
        """`only_copies`: of logs, events are asked for and nothing that follows from them."""
        self.options = options
        self.only_copies = only_copies
        self.points = Points()
        self.sources: list[Source] = []
        self.notes: list[str] = []  # what tracking had to give up
        self.skipped: list[tuple[str, str]] = []  # path, why no reader takes it
        self.inputs: list[tuple[Input, Reader]] = []
        self._drops_too = self._abandoned = False
        self._hosts: dict[str, tuple[str, Hosts]] = {}  # log file → make, devices its lines name
        self._errors: dict[int, list[Batch]] = {}  # rows of ICMP errors by point

    @cached_property
    def log(self) -> LogTracker:
        """What follows the logs.  Made when first asked for: Polars is imported then, while
        captures are read if there are any."""
        from finis.tracking.events import LogOptions, LogTracker

        options = LogOptions(only_copies=self.only_copies)
        tracker = LogTracker(self._nameless() | self.options.devices, options)
        for given, reader in self.inputs:
            if reader.kind == "log" and (make := getattr(reader.module, "FIREWALL", None)):
                tracker.makes[given.path] = make
        return tracker

    def _nameless(self) -> dict[str, str]:
        """Files whose lines name no device → the device that the other files of their make name,
        if that is a single one."""
        out: dict[str, str] = {}
        for make in dict.fromkeys(make for make, _ in self._hosts.values()):
            files = {path: hosts for path, (name, hosts) in self._hosts.items() if name == make}
            named = {host for hosts in files.values() for host in hosts.named}
            named = {self.options.devices.get(host, host) for host in named}
            for path, hosts in files.items():
                own = fallback_name(path)
                if hosts.silent and len(named) == 1 and own not in self.options.devices:
                    (device,) = named
                    if own != device and not hosts.dated:
                        # What was before what cannot be told: nothing is joined by time.
                        self.notes.append(
                            f"{path} names no device and no times: its order against the log of "
                            f"{device} is unknown, so that neither explains the other"
                        )
                    elif own != device:
                        out[own] = device
                        self.notes.append(
                            f"{path} names no device: taken for a log of {device}, the only one "
                            f"that the other {make} logs name (`--device` says otherwise)"
                        )
        return out

    @property
    def alone(self) -> bool:
        """Captures of one point and nothing else, as far as names tell."""
        points = {given.point for given, _ in self.inputs}
        return len(points) == 1 and all(reader.kind == "capture" for _, reader in self.inputs)

    @property
    def large(self) -> bool:
        """Does reading it take longer than a moment?"""
        sizes = (0 if g.path == "-" else Path(g.path).stat().st_size for g, _ in self.inputs)
        return any(g.path == "-" for g, _ in self.inputs) or sum(sizes) > LARGE_BYTES

    def open(self, paths: list[str]) -> None:
        """Find out what each file is; what no reader knows is counted and skipped.  Raises
        InputError if nothing is left."""
        for given in discover(paths, self.options.points):
            try:
                stream, head = open_input(given.path)
            except InputError as error:
                if given.named:
                    raise
                self.skipped.append((given.path, error.reason))
                continue
            if given.path != "-":
                stream.close()
            else:
                self._stdin = stream
            taken = takers(head) if head else []
            for reader in taken:
                if reader.kind == "log" and hasattr(reader.module, "hosts"):
                    self._hosts[given.path] = reader.name, reader.module.hosts(head)
            # Standard input passes by once only.
            self.inputs += [(given, reader) for reader in taken[: 1 if given.path == "-" else 2]]
            if not taken:
                why = stream.damage or _unknown(head)
                self.skipped.append((given.path, why))
        if not self.inputs:
            path, why = self.skipped[0]
            others = len(self.skipped) - 1
            more = f"; nor can any other of the {others + 1} files be read" if others else ""
            raise InputError(path, why + more)

    def source(self, given: Input, reader: Reader) -> Source:
        """A fresh record of one file."""
        source = Source(len(self.sources), given.path, self.points, given.point)
        source.kind, source.format = reader.kind, reader.name
        source.point_given = given.point_given
        self.sources.append(source)
        return source

    def rows(self, source: Source, reader: Reader) -> Iterator[Any]:
        """Batches of one file; damage is entered into the source, progress reported."""
        stream = self._stdin if source.path == "-" else open_input(source.path)[0]
        with closing(stream):
            if self._stopped():
                source.problems.add(STOPPED, "the beginning")
                return
            for batch in reader.module.read(stream, source, self._reading(source.path)):
                yield batch
                if self.options.progress is not None:
                    self.options.progress(source.path, stream.consumed_bytes)
                if self._stopped():
                    unit = "line" if reader.kind == "log" else "frame"
                    source.problems.add(STOPPED, f"{unit} {source.rows}")
                    return
            stream.settle(source)
        if sum(given.path == source.path for given, _ in self.inputs) > 1:
            source.problems.drop(NOT_A_FRAME)
            source.problems.drop(NOT_A_MESSAGE)

    def _stopped(self) -> bool:
        return self._abandoned or (self.options.stop is not None and self.options.stop())

    def _reading(self, path: str) -> Reading:
        options = self.options
        zone = options.tz_of.get(path) or options.tz_of.get(Path(path).name) or options.tz
        return Reading(zone, options.date, options.year, options.names)

    # --- captures --------------------------------------------------------------------------

    def captures(
        self,
        only: set[frozenset[Endpoint]] | None = None,
        settle: Callable[[PointData, bool], None] | None = None,
    ) -> list[PointData]:
        """Track every capture, each point by itself, files of a point in order of time.  With
        `only`, other tuples are passed over and every segment is kept, not just the tail.
        `settle` is given connections of the one point that have ended, as soon as they are
        `Options.batch` (and whether nothing follows that could change them); raises
        SeveralPointsError where there is another point.  Their arrays are used again.  Tracking
        goes on meanwhile in a thread of its own."""
        out: list[PointData] = []
        tracked = self._tracked(out, only, parts=settle is not None)
        if settle is None:
            for _ in tracked:
                pass
            return out
        with closing(ahead(tracked, ALIVE, much=self.large)) as parts:
            try:
                for seen, final in parts:
                    settle(seen, final)
            except BaseException:
                self._abandoned = True  # so that the other thread reads no further
                raise
        return out

    def _tracked(
        self, out: list[PointData], only: set[frozenset[Endpoint]] | None, parts: bool
    ) -> Generator[tuple[PointData, bool], None, None]:
        """What `captures` says, the rest into `out`; with `parts`, what it is to settle."""
        trackers: dict[int, SegmentTracker] = {}
        kept: dict[int, list[Batch]] = {}
        files: dict[int, list[Source]] = {}
        settled = False
        for point, source, batch in ahead(self.segments()):
            if point not in trackers:
                beside = self.large and only is None  # else its rows are looked at again
                trackers[point] = segments.tracker(parts=parts, beside=beside)
                files[point] = []
            if source not in files[point]:
                files[point].append(source)
            rows = batch if only is None else batch[_of(batch, only)]
            if len(rows):
                trackers[point].feed(rows)
                if only is not None:
                    kept.setdefault(point, []).append(rows.copy())
            if not parts or not source.dated:
                continue
            if settled and len(trackers) > 1:
                raise SeveralPointsError
            if len(trackers) == 1 and trackers[point].finished >= self.options.batch:
                settled = True
                yield self._seen(point, trackers[point].take(), files[point]), False
        dated = all(source.dated for group in files.values() for source in group)
        for point, tracker in trackers.items():
            if not parts or len(trackers) > 1 or not dated:
                seen = tracker.finish()
            else:
                seen = EMPTY
                for part in tracker.drain(most=self.options.batch):
                    if len(part.rows) < self.options.batch and not settled:
                        seen = part.whole()  # all there is: judged as a whole
                    else:
                        settled = True
                        yield self._seen(point, part, files[point]), True
            if tracker.evicted:
                self.notes.append(
                    f"{self.points.names[point]}: {tracker.evicted} connections were given up "
                    "early, too many being open at one time (those without a handshake first)"
                )
            if only is not None:
                seen = whole(seen, kept.get(point, []))
            out.append(self._seen(point, seen, files[point]))

    def _seen(self, point: int, seen: Observations, files: list[Source]) -> PointData:
        """A point's connections, with what ICMP has reported there so far."""
        errors = np.concatenate([np.empty(0, SEGMENT_ROW), *self._errors.get(point, [])])
        return PointData(self.points.names[point], seen, files, errors)

    def segments(self, *, drops_too: bool = False) -> Iterator[tuple[int, Source, Batch]]:
        """(point, source, rows) of all captures, one point name after another.  Packets that the
        firewall says it dropped go to the log instead, as denials, unless `drops_too`."""
        self._drops_too = drops_too
        groups: dict[str, list[tuple[Input, Reader]]] = {}
        for given, reader in self.inputs:
            if reader.kind == "capture":
                groups.setdefault(given.point, []).append((given, reader))
        for group in groups.values():
            yield from self._series(group)

    def _series(self, group: list[tuple[Input, Reader]]) -> Iterator[tuple[int, Source, Batch]]:
        """Files of one point name.  Those that overlap in time are no rotation but places of
        their own: they get a number (``inside/2``)."""
        end: int | None = None
        copies = 1
        for given, reader in sorted(group, key=self._first_stamp) if group[1:] else group:
            source = self.source(given, reader)
            fresh = True
            for batch in self.rows(source, reader):
                if not len(batch):
                    continue
                if fresh and end is not None and int(batch["ts_ns"][0]) < end:
                    copies += 1
                fresh = False
                for point, part in self._by_point(batch, source, copies):
                    yield point, source, part
            if source.sides:
                self.notes.append(f"{source.path} {SIDES[source.sides]}")
            if source.last_ns is not None:
                end = max(end or source.last_ns, source.last_ns)

    def _by_point(self, batch: Batch, source: Source, copies: int) -> Iterator[tuple[int, Batch]]:
        """A batch cut by point, without what the firewall dropped and what ICMP reports."""
        numbers = batch["point"]
        if not source.mixed:
            yield self._numbered(int(numbers[0]), copies), batch
            return
        several = bool((numbers != numbers[0]).any())
        for point in np.unique(numbers) if several else numbers[:1]:
            part = batch[numbers == point] if several else batch
            place = self._numbered(int(point), copies)
            apart = part["quirks"] & np.uint32(APART)
            if apart.any() and not self._drops_too:
                if (apart & Quirk.DROPPED).any():
                    dropped = part[apart & Quirk.DROPPED != 0]
                    self.log.feed_denials(drops.denials(dropped, source))
                self._report(place, part[apart == Quirk.ICMP_ERROR])
                part = part[apart == 0]
            if len(part):
                yield place, part

    def _report(self, point: int, rows: Batch) -> None:
        """Keep ICMP errors of a point, up to a bound."""
        room = MAX_ERRORS - sum(len(kept) for kept in self._errors.get(point, []))
        if len(rows) > room:
            note = f"{self.points.names[point]}: only the first {MAX_ERRORS} ICMP errors were used"
            if note not in self.notes:
                self.notes.append(note)
        if room > 0 and len(rows):
            self._errors.setdefault(point, []).append(rows[:room])

    def _numbered(self, point: int, copies: int) -> int:
        return point if copies == 1 else self.points.id(f"{self.points.names[point]}/{copies}")

    def _first_stamp(self, item: tuple[Input, Reader]) -> tuple[int, str]:
        """Stamp of a file's first segment, from its first batch; 0 where there is none."""
        given, reader = item
        if given.path == "-":
            return 0, given.path
        from finis.wire.captures._api import Arrays
        from finis.wire.kernel import decoder  # needed of several files only

        source = Source(0, given.path, Points(), given.point)
        reading = replace(self._reading(given.path), probe=decoder(0, Arrays()))
        with closing(open_input(given.path)[0]) as stream:
            for batch in reader.module.read(stream, source, reading):
                if len(batch):
                    return int(batch["ts_ns"][0]), given.path
        return 0, given.path

    # --- logs ------------------------------------------------------------------------------

    def events(self) -> Iterator[Events]:
        """The events of all logs, merged by time and followed, copies marked.  Of much input,
        lines are read in a thread of their own while events are followed in this one."""
        from finis.tracking.merging import merge

        logs = [item for item in self.inputs if item[1].kind == "log"]
        merged = merge(self._feed(*item, len(logs) > OPEN_AT_ONCE) for item in logs)
        for events in ahead(merged, much=self.large):
            self.log.feed(events)
            yield events

    def _feed(self, given: Input, reader: Reader, later: bool) -> Iterator[Events] | Later:
        """The events of one log; `later`: it is looked into now, and opened when its time has
        come."""
        from finis.tracking.merging import Later

        feed = self.rows(self.source(given, reader), reader)
        if not later or given.path == "-":
            return feed
        probe = Source(0, given.path, Points(), given.point)
        with closing(open_input(given.path)[0]) as stream:
            return Later.probed(feed, reader.module.read(stream, probe, self._reading(given.path)))

    def _parts(self) -> Generator[LogPart, None, None]:
        """What all the logs tell, as soon as it is complete.  Of much input it is followed in a
        thread of its own while parts are judged."""
        for _ in self.events():
            yield from self.log.complete()
        yield from self.log.rest()

    @property
    def has_logs(self) -> bool:
        return any(reader.kind == "log" for _, reader in self.inputs)

    @property
    def only_logs(self) -> bool:
        """Logs and nothing else."""
        return all(reader.kind == "log" for _, reader in self.inputs)

    def logs(self, take: Callable[[LogPart], None] | None = None) -> LogTables:
        """What all the logs tell.  `take` is given it in parts as soon as they are complete; the
        tables are then empty."""
        # No cycles are made while lines are read; looking for them among millions of small
        # tuples takes a quarter of the time.
        collecting = gc.isenabled()
        gc.disable()
        try:
            if take is None:
                for _ in self.events():
                    pass
                told = self.log.finish()
            else:
                with closing(ahead(self._parts(), ALIVE, much=self.large)) as parts:
                    for part in parts:
                        take(part)
                        del part  # so that its memory is used again
                told = self.log.told()
            del self.log  # what it holds of connections is not needed to correlate or to judge
            if self.large and self.has_logs:
                gc.collect()
            return told
        finally:
            if collecting:
                gc.enable()


def _unknown(head: bytes) -> str:
    """Why no reader takes a file that begins so."""
    if not head:
        return "is empty"
    text = sum(32 <= byte < 127 or byte in b"\t\r\n" or byte > 127 for byte in head)
    kinds = {
        kind: ", ".join(r.name for r in readers() if r.kind == kind) for kind in ("capture", "log")
    }
    if text > 0.95 * len(head) and b"\0" not in head:
        return f"is text, but neither a log ({kinds['log']}) nor a capture ({kinds['capture']})"
    return f"is neither a capture ({kinds['capture']}) nor a log ({kinds['log']})"


def _of(batch: Batch, only: set[frozenset[Endpoint]]) -> np.ndarray:
    """Which rows belong to one of the tuples, in either direction."""
    keep = np.zeros(len(batch), bool)

    def at(end: Endpoint, side: str) -> Any:
        return (
            (batch[f"{side}_hi"] == end[0])
            & (batch[f"{side}_lo"] == end[1])
            & (batch[f"{side}_p"] == end[2])
        )

    for pair in only:
        one, two = (*pair, *pair)[:2]
        keep |= at(one, "src") & at(two, "dst") | at(two, "src") & at(one, "dst")
    return keep


def whole(seen: Observations, batches: list[Batch]) -> Observations:
    """`seen` with every segment in its tail: the tracked rows, which carry kind and side, with
    the kept ones laid over them, which carry roles and symbols too."""

    if not batches:
        return seen
    rows, every = seen.rows.copy(), np.concatenate(batches)
    order = np.argsort(every["conn"], kind="stable")
    every = every[order]
    place = {
        (int(s["file"]), int(s["frame"]), int(s["conn"]), int(s["ts_ns"])): at
        for at, s in enumerate(every)
    }
    for segment in seen.tail:
        key = tuple(int(segment[name]) for name in ("file", "frame", "conn", "ts_ns"))
        if key in place:
            every[place[key]] = segment
    for row in rows:
        low, high = np.searchsorted(every["conn"], [row["conn"], row["conn"] + 1])
        row["tail_at"], row["tail_n"] = low, high - low
    return Observations(rows, every)
