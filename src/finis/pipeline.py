"""From paths to a case: the only module that knows the whole flow.

wire → tracking → correlation → diagnosis, in batches.  Nothing here reads the clock or opens a
socket: time comes from the input, files from `finis.wire.streams`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from finis.correlation.joining import PointData, correlate
from finis.correlation.stories import Story
from finis.diagnosis.engine import Judged, judge
from finis.diagnosis.findings import Finding, findings
from finis.errors import InputError
from finis.terms import Quirk
from finis.tracking import drops, segments
from finis.tracking.events import LogTables, LogTracker, merge
from finis.wire.discovery import Input, discover
from finis.wire.readers import Reader, sniff
from finis.wire.source import Points, Reading, Source
from finis.wire.streams import open_input

if TYPE_CHECKING:
    import polars as pl

    from finis.correlation.stories import Stories
    from finis.wire.dialects._api import Events

Batch = np.ndarray  # rows of tables.SEGMENT
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


@dataclass(slots=True)
class Case:
    """All that was read, and what is to be said of it."""

    sources: list[Source]
    skipped: list[tuple[str, str]]  # files that no reader knows, and why
    stories: Stories
    judged: Judged  # frames cut to --since, --until, --host, --port
    notes: list[str]
    options: Options
    inputs: list[tuple[Input, Reader]]

    @property
    def connections(self) -> pl.DataFrame:
        """tables.CONNECTIONS, one row per connection, judged."""
        from finis.tables import CONNECTIONS

        return self.judged.connections.select([column.name for column in CONNECTIONS])

    @property
    def denials(self) -> pl.DataFrame:
        """tables.DENIALS, one row per denial, judged."""
        from finis.tables import DENIALS

        return self.judged.denials.select([column.name for column in DENIALS])

    @cached_property
    def found(self) -> list[Finding]:
        """Findings, gravest and most frequent first."""
        return findings(self.judged, self.stories)


def read(paths: list[str] | str, options: Options | None = None) -> Case:
    """Read everything given and explain it.  Raises InputError if nothing could be read."""
    options = options or Options()
    run = _Run(options)
    run.open(discover([paths] if isinstance(paths, str) else list(paths), options.points))
    points = run.captures()
    log = run.logs()
    stories = correlate(points, log.connections, log.denials, date=options.date)
    judged = _cut(judge(stories), options)
    return Case(run.sources, run.skipped, stories, judged, log.notes, options, run.inputs)


def _cut(judged: Judged, options: Options) -> Judged:
    """Only what --since, --until, --host and --port ask for.  Cut after judging: a verdict may
    rest on lines and segments outside the cut."""
    import polars as pl

    def kept(frame: pl.DataFrame, start: str, end: str, hosts: list[str], ports: list[str]) -> Any:
        where = pl.lit(True)
        if options.since is not None:
            where &= pl.col(end).is_null() | (pl.col(end) >= options.since)
        if options.until is not None:
            where &= pl.col(start).is_null() | (pl.col(start) <= options.until)
        if options.hosts:
            where &= pl.any_horizontal(pl.col(h).is_in(list(options.hosts)) for h in hosts)
        if options.ports:
            where &= pl.any_horizontal(pl.col(p).is_in(list(options.ports)) for p in ports)
        return frame.filter(where)

    ends = ["orig_h", "resp_h", "orig_mapped_h", "resp_mapped_h"]
    doors = ["orig_p", "resp_p", "orig_mapped_p", "resp_mapped_p"]
    return Judged(
        kept(judged.connections, "first_ts", "last_ts", ends, doors),
        kept(judged.denials, "ts", "ts", ["src_h", "dst_h"], ["src_p", "dst_p"]),
    )


class _Run:
    """One pass over the input."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.points = Points()
        self.sources: list[Source] = []
        self.skipped: list[tuple[str, str]] = []
        self.inputs: list[tuple[Input, Reader]] = []
        self.log = LogTracker(devices=options.devices)

    def open(self, inputs: list[Input]) -> None:
        """Find out what each file is.  A file that no reader knows is counted and skipped."""
        for given in inputs:
            try:
                with closing(open_input(given.path)) as stream:
                    head = stream.head
            except OSError as error:
                self.skipped.append((given.path, f"cannot be opened: {error.strerror}"))
                continue
            reader = sniff(head) if head else None
            if reader is None:
                self.skipped.append((given.path, "is empty" if not head else "is of no known kind"))
            else:
                self.inputs.append((given, reader))
        if not self.inputs:
            path, why = self.skipped[0]
            more = f" (nor is any other of {len(self.skipped)} files)" if self.skipped[1:] else ""
            raise InputError(path, f"{why}: neither a capture nor a firewall's log{more}")

    def source(self, given: Input, reader: Reader) -> Source:
        source = Source(len(self.sources), given.path, self.points, given.point)
        source.kind, source.format = reader.kind, reader.name
        self.sources.append(source)
        return source

    def reading(self, path: str) -> Reading:
        options = self.options
        zone = options.tz_of.get(path) or options.tz_of.get(Path(path).name) or options.tz
        return Reading(zone, options.date, options.year, options.names)

    def rows(self, source: Source, reader: Reader) -> Iterator[Any]:
        """Batches of one file, with damage and progress noted."""
        with closing(open_input(source.path)) as stream:
            for batch in reader.module.read(stream, source, self.reading(source.path)):
                yield batch
                if self.options.progress is not None:
                    self.options.progress(source.path, stream.consumed_bytes)
            if stream.damage:
                source.truncated = True
                source.problems.add(stream.damage, "end of file")

    # --- captures --------------------------------------------------------------------------

    def captures(self) -> list[PointData]:
        """Track every capture, each point by itself, files of a point in order of time."""
        trackers: dict[int, Any] = {}
        files: dict[int, list[Source]] = {}
        groups: dict[str, list[tuple[Input, Reader]]] = {}
        for given, reader in self.inputs:
            if reader.kind == "capture":
                groups.setdefault(given.point, []).append((given, reader))
        for group in groups.values():
            for point, source, batch in self._series(group):
                if point not in trackers:
                    trackers[point] = segments.tracker()
                if source not in files.setdefault(point, []):
                    files[point].append(source)
                trackers[point].feed(batch)
        paths = [source.path for source in self.sources]
        return [
            PointData(self.points.names[point], tracker.finish(), files[point], paths)
            for point, tracker in trackers.items()
        ]

    def _series(
        self, group: list[tuple[Input, Reader]]
    ) -> Iterator[tuple[int, Source, Batch]]:
        """(point, source, rows) of the files of one point name.  Files that overlap in time are
        not a rotation but places of their own: they get a number (``inside/2``)."""
        if len(group) > 1:
            group = sorted(group, key=self._first_stamp)
        end: int | None = None
        copies = 1
        for given, reader in group:
            source = self.source(given, reader)
            renamed: dict[int, int] = {}
            fresh = True
            for batch in self.rows(source, reader):
                if not len(batch):
                    continue
                if fresh and end is not None and int(batch["ts_ns"][0]) < end:
                    copies += 1
                fresh = False
                for point in np.unique(batch["point"]):
                    part = batch if len(batch) == 0 else batch[batch["point"] == point]
                    dropped = part["quirks"] & Quirk.DROPPED != 0
                    if dropped.any():
                        self.log.feed_denials(drops.denials(part[dropped], source))
                        part = part[~dropped]
                    if copies > 1:
                        name = f"{self.points.names[point]}/{copies}"
                        point = renamed.setdefault(int(point), self.points.id(name))
                    if len(part):
                        yield int(point), source, part
            if source.last_ns is not None:
                end = max(end or source.last_ns, source.last_ns)

    def _first_stamp(self, item: tuple[Input, Reader]) -> tuple[int, str]:
        """Stamp of a file's first segment, by reading its first batch; name where there is none."""
        given, reader = item
        probe = Source(0, given.path, Points(), given.point)
        with closing(open_input(given.path)) as stream:
            for batch in reader.module.read(stream, probe, self.reading(given.path)):
                if len(batch):
                    return int(batch["ts_ns"][0]), given.path
        return 0, given.path

    # --- logs ------------------------------------------------------------------------------

    def logs(self) -> LogTables:
        """Follow the events of all logs, merged by time."""
        feeds: list[Iterator[Events]] = [
            self.rows(self.source(given, reader), reader)
            for given, reader in self.inputs
            if reader.kind == "log"
        ]
        for events in merge(feeds):
            self.log.feed(events)
        return self.log.finish()
