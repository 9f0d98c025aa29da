"""From paths to a case: the only module that knows the whole flow.

wire → tracking → correlation → diagnosis, in batches.  Nothing here reads the clock or opens a
socket: time comes from the input.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finis.errors import InputError, UsageError
from finis.intake import NEVER, Endpoint, Intake, Options, SeveralPointsError
from finis.records import dataclass, replace

# What correlates, judges and tells is imported while the input is read: see `_prepare`.

if TYPE_CHECKING:
    import polars as pl

    from finis.correlation.captured import Captured
    from finis.correlation.evidence import Firewalls, PointData
    from finis.correlation.stories import Clock, Seen, Stories, Story
    from finis.diagnosis.engine import Judged
    from finis.diagnosis.findings import Finding
    from finis.diagnosis.patterns._api import PatternFinding
    from finis.diagnosis.verdicts import Verdicts
    from finis.diagnosis.whatif import Device
    from finis.report.explanation import Explanation
    from finis.settling import Settling
    from finis.tracking.devices import Logs
    from finis.tracking.events import LogTables
    from finis.tracking.parts import LogPart
    from finis.wire.dialects._api import Events
    from finis.wire.source import Source

    _Log = tuple[pl.DataFrame, pl.DataFrame]  # connections and denials
    _Shared = tuple[_Log, Firewalls]

FORGOTTEN_ROWS = 4096  # connections dropped at once where only events are asked for

__all__ = ["Case", "Options", "event_batches", "event_frames", "read", "segment_frames"]


@dataclass(frozen=True)
class Case:
    """All that was read, and what is to be said of it.  Prints its report in a notebook.

    `connections`, `denials` and `findings` are Polars frames (docs/tables.md); `explain` tells one
    connection step by step; `found` and `patterns` are the findings as objects, with evidence."""

    paths: list[str]
    options: Options
    sources: list[Source]
    skipped: list[tuple[str, str]]  # files that no reader takes, and why
    points: list[PointData]  # empty where connections were judged while reading went on
    log: LogTables
    given_up: list[str]  # what tracking had to give up, in words
    verdicts: Verdicts  # cut to --since, --until, --host, --port
    stories: Stories | None  # judged, uncut; None as `points`
    shared: _Shared | None = None  # of a log that was judged in parts what captures may show

    @property
    def notes(self) -> list[str]:
        """What limits the verdicts: copies, gaps, clock steps, evictions, ambiguous matches."""
        return [*self.log.notes, *self.given_up, *self.verdicts.unmatched]

    @property
    def clocks(self) -> list[Clock]:
        """How the clocks of points and logs were brought together."""
        return self.verdicts.clocks

    @property
    def connections(self) -> pl.DataFrame:
        """tables.CONNECTIONS, one row per connection, judged, in order of time."""
        return self.verdicts.table("connections")

    @property
    def by_point(self) -> pl.DataFrame:
        """tables.CONNECTIONS, one row per connection and point, judged from that point alone
        (and the log)."""
        import polars as pl

        from finis.diagnosis.engine import judge

        if self.stories is None:  # judged in parts: one point, or logs alone
            alone = self.log.connections.is_empty()
            return self.connections if alone else self.connections.clear()
        frames = []
        for point in self.points:
            seen = judge(_correlate([point], _told(self.log), None, self.options))
            frame = _cut(seen, self.options).connections
            frames.append(frame.filter(pl.col("has_packets")))
        names = self.connections.columns
        return pl.concat([f.select(names) for f in frames]) if frames else self.connections.clear()

    @property
    def denials(self) -> pl.DataFrame:
        """tables.DENIALS, one row per denial, judged."""
        return self.verdicts.table("denials")

    @property
    def found(self) -> list[Finding]:
        """Findings, gravest and most frequent first."""
        return self.verdicts.found

    @property
    def patterns(self) -> list[PatternFinding]:
        """What many connections and denials show together."""
        return self.verdicts.patterns

    @property
    def everything(self) -> list[Finding | PatternFinding]:
        """Findings and patterns."""
        return [*self.found, *self.patterns]

    @property
    def findings(self) -> pl.DataFrame:
        """tables.FINDINGS, one row per finding and pattern."""
        import polars as pl

        from finis.tables import FINDINGS, polars_schema

        return pl.DataFrame(
            [finding.row() for finding in self.everything], schema=polars_schema(FINDINGS)
        )

    def whatif(
        self, asked: Mapping[str, float] | None = None, today: Mapping[str, float] | None = None
    ) -> list[Device]:
        """Which denials longer timers would have absorbed, and at what cost, per firewall.

        `asked`: linger, half-closed, idle, embryonic → seconds to try; `today`: a setting's name →
        its value now.  Raises UsageError without a firewall's log, or for a name unknown."""
        from finis.diagnosis import whatif

        if not any(source.kind == "log" for source in self.sources):
            raise UsageError("no firewall log was read: what-if needs its Teardown and deny lines")
        if self.verdicts.entries is not None:
            return self.verdicts.entries.answers(asked, today)
        if self.stories is None:
            raise UsageError("what-if needs every row: read with Options(batch=NEVER)")
        shown = (self.verdicts.numbers("connections"), self.verdicts.numbers("denials"))
        return whatif.whatif(self.stories.table, self.stories.denials, asked, today, shown)

    def explain(self, connection: str) -> Explanation:
        """One connection, read again in full.  Raises UsageError where none or several fit."""
        from finis.diagnosis.engine import catalogue
        from finis.diagnosis.findings import concerns, remedies
        from finis.report.document import common_folder
        from finis.report.explanation import Explanation

        story = self._story(connection)
        causes = catalogue()
        cause = causes[story.row["cause"]]
        also = [name.strip() for name in (story.row["contributing"] or "").split(",")]
        return Explanation(
            story=story,
            title=cause.title,
            claims=cause.claims(story),
            alternatives=cause.alternatives(story),
            contributing=[(name, causes[name].title) for name in also if name in causes],
            remedy=[f"{product}: {what}" for product, what in remedies(cause, story.row).items()],
            references=[text for text in cause.references if concerns(text, story.row["product"])],
            clocks=self.clocks,
            folder=common_folder([source.path for source in self.sources]),
        )

    def _story(self, connection: str) -> Story:
        from finis.correlation.selection import select
        from finis.correlation.stories import Story
        from finis.diagnosis.engine import judge

        if self.verdicts.sought is not None:
            return self._closeup(self.verdicts.sought.story(connection))
        if not self.options.keep:  # what stands behind a row is not at hand, nor its id
            sought = replace(self.options, keep=True, wanted=(connection,))
            return read(self.paths, sought)._story(connection)
        stories = self.stories
        if stories is None and len(self.log.connections):
            stories = judge(_correlate([], _told(self.log), None, self.options)).stories
        if stories is not None:
            story = stories.story(select(stories.table, connection))
        else:
            table = self.verdicts.whole()
            story = Story(table.row(select(table, connection), named=True))
        return self._closeup(story)

    def _closeup(self, story: Story) -> Story:
        """The story with every segment of it, paired over all points."""
        wanted = set(map(_ends, story.seen))
        alone = self.stories is None and self.verdicts.sought is None
        if alone and self.log.connections.is_empty():
            wanted = {_named_ends(story.row)}
        if not wanted:
            return story
        again = Intake(replace(self.options, progress=None, stop=None))
        again.open(self.paths)
        points = again.captures(wanted)
        log, firewalls = self.shared or (_told(self.log), None)
        stories = _correlate(points, log, firewalls, self.options)
        same = stories.table.filter(stories.table["conn_id"] == story.row["conn_id"])
        if not len(same):
            return story
        close = stories.story(int(same["row"][0]))
        return replace(story, seen=close.seen, pairings=close.pairings)

    def _repr_html_(self) -> str:
        from finis.report.diagnosis import document
        from finis.report.html import render

        return render(document(self))


def _ends(seen: Seen) -> frozenset[Endpoint]:
    """The endpoints of a connection as a point saw them."""
    record = seen.record
    return frozenset(
        (int(record[f"{end}_hi"]), int(record[f"{end}_lo"]), int(record[f"{end}_p"]))
        for end in ("orig", "resp")
    )


def _named_ends(row: dict[str, Any]) -> frozenset[Endpoint]:
    """The same of a row of connections that one point saw."""
    import polars as pl

    from finis.correlation import keys

    hi, lo, _ = keys.parse(pl.Series([row["orig_h"], row["resp_h"]]))
    ports = (row["orig_p"], row["resp_p"])
    return frozenset((int(h), int(low), p) for h, low, p in zip(hi, lo, ports, strict=True))


def read(paths: Sequence[str | Path] | str | Path, options: Options | None = None) -> Case:
    """Read files, folders and globs and explain every ending and denial in them.  Raises InputError
    if nothing can be read."""
    options = options or Options()
    given = [str(paths)] if isinstance(paths, (str, Path)) else [str(path) for path in paths]
    intake = Intake(options)
    intake.open(given)
    preparing = threading.Thread(
        target=_prepare, args=(intake.alone,), name="preparing", daemon=True
    )
    if intake.large:  # of little input reading is over before a second thread is of use
        preparing.start()
    reading = _Reading(options)
    twice = "-" not in given  # standard input passes by once
    try:
        points = intake.captures(settle=reading.settle if intake.alone else None)
    except SeveralPointsError:
        if not twice:
            raise InputError("-", "shows several points: give it as a file, not as standard input",
                             ) from None  # fmt: skip
        return read(given, replace(options, batch=NEVER))
    parts = reading.parts(intake, points)
    log = intake.logs(reading.take if parts else None)
    if intake.large:
        preparing.join()
    if parts:
        reading.end_of_log({d.name: d.logs for d in log.devices}, points)
        return Case(given, options, intake.sources, intake.skipped, [], log, intake.notes,
                    reading.verdicts, None, reading.shared)  # fmt: skip
    stories = reading.finish(points, log)
    if stories is None and points:
        interrupted = options.stop is not None and options.stop()
        settling = reading.settling
        if settling.late_loss and twice and not interrupted:
            again = replace(options, lossy=settling.lossy, filtered=settling.filtered)
            return read(given, again)
        intake.notes += reading.settling.notes
    return Case(given, options, intake.sources, intake.skipped, points if stories else [], log,
                intake.notes, reading.verdicts, stories)  # fmt: skip


class _Reading:
    """Collects verdicts: all at the end, or of connections of a single point as they end."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.captured: Captured | None = None
        self.shared: _Shared | None = None

    @cached_property
    def verdicts(self) -> Verdicts:
        from finis.diagnosis.verdicts import Verdicts

        options, cut = self.options, None
        if options.since or options.until or options.hosts or options.ports:
            from finis.diagnosis.cutting import Cut

            cut = Cut(options.since, options.until, options.hosts, options.ports)
        return Verdicts(keep=options.keep, first=options.first, cut=cut, only=options.only,
                        wanted=options.wanted, timers=options.timers,
                        captured=self.captured)  # fmt: skip

    @cached_property
    def settling(self) -> Settling:
        from finis.settling import Settling

        return Settling(self.options, self._add)

    def parts(self, intake: Intake, points: Sequence[PointData]) -> bool:
        """Are logs judged a part at a time?  Where not all rows are kept with all that is known of
        them; beside captures only of much input."""
        options = self.options
        few = options.only or options.wanted or options.timers
        if options.keep and not few:
            return False
        if options.batch == NEVER and not options.timers:
            return False
        if intake.only_logs:
            return intake.log.streams
        if not (intake.has_logs and intake.large and intake.log.streams):
            return False
        from finis.correlation.captured import Captured

        self.captured = Captured(points)
        return True

    def end_of_log(self, logged: dict[str, Logs], points: list[PointData]) -> None:
        """All parts have come.  `logged`: what the log tells of connections, by device."""

        def joined(
            connections: pl.DataFrame, denials: pl.DataFrame, firewalls: Firewalls
        ) -> Judged:
            from finis.diagnosis.engine import judge

            self.shared = (connections, denials), firewalls
            return _cut(judge(_correlate(points, *self.shared, self.options)), self.options)

        shown = self.captured is not None and len(self.captured) > 0
        self.verdicts.end_of_log(logged, joined if shown else None)

    def take(self, part: LogPart) -> None:
        """Judge connections of a log that nothing to come can change."""
        self.verdicts.add_part(part)

    def settle(self, point: PointData, final: bool) -> None:
        """Judge connections that have ended."""
        self.settling.take(point, final)

    def finish(self, points: list[PointData], log: LogTables) -> Stories | None:
        """Judge all, or what is left; the stories where they are still at hand."""
        from finis.diagnosis.engine import judge

        if "settling" in self.__dict__:  # nothing is left but what was held back
            self.settling.finish(points[0])
            return None
        if not points and len(log.connections) > self.options.batch:
            from finis.correlation.logalone import clocks_of
            from finis.settling import by_parts

            # Connections without packets are light: what a batch costs by itself counts for more.
            for part in by_parts(log, 4 * self.options.batch):
                self._add(judge(_correlate([], _told(part), None, self.options)))
            self.verdicts.clocks = clocks_of(log.connections)
            return None
        judged = judge(_correlate(points, _told(log), None, self.options))
        self._add(judged)
        return judged.stories

    def _add(self, judged: Judged) -> None:
        self.verdicts.add(_cut(judged, self.options))


def _prepare(many: bool = False) -> None:
    """Import everything that comes after reading: a third of a second, in a thread of its own.
    `many`: connections will be judged by thousands."""
    from importlib import import_module

    from finis.diagnosis.engine import catalogue, prepare
    from finis.diagnosis.patterns._api import patterns

    catalogue()
    patterns()
    if many:
        prepare()
        import_module("finis.tracking.events")
        import_module("finis.report.diagnosis")


def _told(log: LogTables) -> _Log:
    return log.connections, log.denials


def _correlate(points: Any, log: _Log, firewalls: Firewalls | None, options: Options) -> Stories:
    from finis.correlation.correlate import correlate
    from finis.correlation.evidence import Options as CorrelationOptions

    asked = CorrelationOptions(options.date, tidy=options.tidy, firewalls=firewalls)
    return correlate(points, *log, asked)


def _cut(judged: Judged, options: Options) -> Judged:
    """Only what --since, --until, --host and --port ask for.  Cut after judging: a verdict may
    rest on lines and segments outside the cut."""
    import polars as pl

    if not (options.since or options.until or options.hosts or options.ports):
        return judged

    def kept(frame: pl.DataFrame, start: str, end: str, ends: tuple[str, ...]) -> pl.Series:
        where = pl.lit(True)
        if options.since is not None:
            where &= pl.col(end).is_null() | (pl.col(end) >= options.since)
        if options.until is not None:
            where &= pl.col(start).is_null() | (pl.col(start) <= options.until)
        if options.hosts:
            hosts = list(options.hosts)
            where &= pl.any_horizontal(pl.col(f"{e}_h").is_in(hosts) for e in ends)
        if options.ports:
            ports = list(options.ports)
            where &= pl.any_horizontal(pl.col(f"{e}_p").is_in(ports) for e in ends)
        return frame.select(where.fill_null(False).alias("kept")).to_series()

    table, denials = judged.connections, judged.denials
    sides = ("orig", "resp", "orig_mapped", "resp_mapped")
    some = kept(table, "first_ts", "last_ts", sides)
    refused = kept(denials, "ts", "ts", ("src", "dst"))
    return judged.cut(some, refused)


def event_batches(paths: list[str], options: Options) -> Iterator[Events]:
    """The events of all logs in batches, merged by time, as the dialects give them."""
    intake = Intake(options, only_copies=True)
    intake.open(paths)
    for events in intake.events():
        yield events
        for _ in intake.log.complete(FORGOTTEN_ROWS):
            pass  # the few that were kept although nobody asks for them


def event_frames(paths: list[str], options: Options) -> Iterator[pl.DataFrame]:
    """tables.EVENTS in batches, merged by time."""
    import polars as pl

    from finis.tables import EVENTS, polars_schema
    from finis.wire.dialects._packed import Packed

    schema = polars_schema(EVENTS)
    for events in event_batches(paths, options):
        if isinstance(events, Packed):
            yield events.frame()
            continue
        columns = {name: events.get(name) or [None] * len(events["ts"]) for name in schema}
        yield pl.DataFrame(columns, schema=schema, strict=False)


def segment_frames(paths: list[str], options: Options) -> Iterator[pl.DataFrame]:
    """tables.SEGMENTS in batches, in file order."""
    from finis.report.segments import frame

    intake = Intake(options)
    intake.open(paths)
    for point, source, batch in intake.segments(drops_too=True):
        yield frame(batch, intake.points.names[point], source)
