"""Everything judged, batch after batch: the tally of findings, what patterns read, and the rows
themselves for whoever asks for tables.

Rows of a long run wait in files of a temporary folder (Arrow, one per batch of batches), so that
memory does not grow with them.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from finis.correlation.stories import PLACE, PLACED, Proof
from finis.diagnosis.engine import VERDICT
from finis.diagnosis.findings import EXAMPLES, originals
from finis.diagnosis.patterns._api import READS, find_all, readable, searches, told
from finis.diagnosis.spill import Rows, give_back
from finis.diagnosis.tally import Tally
from finis.tables import CONNECTIONS, DENIALS, STORY_FACTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from finis.correlation.captured import Captured
    from finis.correlation.stories import Clock, Stories
    from finis.diagnosis.cutting import Cut
    from finis.diagnosis.engine import Judged
    from finis.diagnosis.findings import Finding
    from finis.diagnosis.listed import Listing
    from finis.diagnosis.logparts import LogJudge
    from finis.diagnosis.patterns._api import PatternFinding
    from finis.diagnosis.shared import Correlate
    from finis.diagnosis.sought import Sought
    from finis.diagnosis.whatifparts import LogEntries
    from finis.tracking.devices import Logs
    from finis.tracking.parts import LogPart

WORDS = pl.Categorical(pl.Categories("finis"))
AT_ONCE = 2  # threads beside the one that judges denials
TABLES = {"connections": CONNECTIONS, "denials": DENIALS}
_ORDER = {"connections": PLACE, "denials": ("row",)}
_WORDS = {name for name in (*READS["connections"], *PLACED) if not name.endswith("_h")}
_READ = {name: {*columns, *PLACED} for name, columns in READS.items()}


class Verdicts:
    """All verdicts.  `keep`: hold the rows of the tables too, not just what findings need;
    `first`: how many of each table, whatever is kept; `cut`: what is asked for of logs that come
    in parts; `only`: the table that is asked for, and no findings; `wanted`: the connections that
    are, and nothing else, of logs that come in parts; `timers`: what-if is, and nothing else;
    `captured`: what was captured beside a log that comes in parts."""

    def __init__(
        self, *, keep: bool = True, first: int = 0, cut: Cut | None = None, only: str = "",
        wanted: Sequence[str] = (), timers: bool = False, captured: Captured | None = None,
    ) -> None:  # fmt: skip
        self.keep, self.first = keep, first
        self.cut = cut
        self.only = only
        self.wanted = wanted
        self.timers = timers
        self.captured = captured
        self.tally = Tally()
        self.rows = {"connections": Rows(), "denials": Rows()}
        self.heads: dict[str, pl.DataFrame] = {}  # the first rows of each, in order
        self.numbered = 0  # rows of all batches, cut or not
        self.stories: Stories | None = None  # of the only batch, while there is no other
        self.batches = 0
        self.clocks: list[Clock] = []
        self.unmatched: list[str] = []  # ambiguous matches, in words
        self.log: LogJudge | None = None  # where only logs were read, and no rows are kept
        self.listing: Listing | None = None  # where connections of logs are asked for, nothing else
        self.sought: Sought | None = None  # the same of single ones
        self.entries: LogEntries | None = None  # the same of what-if

    def add(self, judged: Judged) -> None:
        """Take a batch; nothing of its memory is kept."""
        self.batches += 1
        self.stories = judged.stories if self.batches == 1 else None
        self.clocks, self.unmatched = judged.stories.clocks, judged.stories.unmatched
        if not self.only:
            self.tally.add(judged)
        connections = judged.stories.with_places(judged.connections)
        before = self.numbered
        if before:
            connections = connections.with_columns(pl.col("row") + before)
        self.numbered += judged.stories.table.height
        for name, frame in (("connections", connections), ("denials", judged.denials)):
            if self.only and self.only != name:
                frame = frame.clear()
            if self.first:
                self._hold_first(name, frame)
            if not self.keep:
                frame = frame.select(n for n in frame.columns if n in _READ[name])
                frame = _narrowed(judged, frame, before) if name == "connections" else frame
            self.rows[name].add(frame)

    def _hold_first(self, name: str, frame: pl.DataFrame) -> None:
        """Of these rows, which stand in order, those that may be among the first of all."""
        order = [column for column in _ORDER[name] if column in frame.columns]
        columns = [column.name for column in TABLES[name]]
        frame = frame.select(*columns, *(n for n in order if n not in columns))
        held = self.heads.get(name)
        if held is not None:
            if held.height == self.first and order:
                frame = frame.filter(pl.col(order[0]) <= held[order[0]][-1])
            frame = pl.concat([held, frame]).sort(order, maintain_order=True)
        self.heads[name] = frame.head(self.first)

    def head(self, name: str, count: int) -> pl.DataFrame:
        """The first rows of `table`."""
        if self.log is not None and self.log.listing is not None and self.log.listed is not None:
            if name == "connections":
                return self.log.listing.head(self.heads.get(name)).head(count)
            return next(self.log.listed.frames(self.first)).head(count)
        if self.first:
            return self.heads[name].select(c.name for c in TABLES[name]).head(count)
        return self.table(name).head(count)

    def add_part(self, part: LogPart) -> None:
        """Take a part of a log.  Nothing of its memory is kept."""
        self._in_parts().add(part)

    def _in_parts(self) -> Listing | LogEntries | LogJudge | Sought:
        """What takes the parts of logs: one of these, as is asked for."""
        from finis.diagnosis.cutting import Cut

        made = self.listing or self.log or self.sought or self.entries
        if made is not None:
            return made
        cut = self.cut or Cut()
        if self.timers:
            from finis.diagnosis.whatifparts import LogEntries

            self.entries = LogEntries(cut, self.captured)
            return self.entries
        if self.wanted:
            from finis.diagnosis.sought import Sought

            self.sought = Sought(self.wanted, self.captured)
            return self.sought
        if self.only == "connections":
            from finis.diagnosis.listed import Listing

            self.listing = Listing(cut, captured=self.captured)
            return self.listing
        from finis.diagnosis.logparts import LogJudge

        self.log = LogJudge(EXAMPLES, cut, self.first, only_denials=self.only == "denials",
                            captured=self.captured)  # fmt: skip
        return self.log

    def end_of_log(self, logged: dict[str, Logs], correlate: Correlate | None = None) -> None:
        """All parts have come.  `logged`: what the log tells of connections, by device;
        `correlate`: joins what captures show of the log to these."""
        taker = self._in_parts()
        if correlate is not None:
            self._join(logged, correlate)
        if self.log is not None:
            if self.log.many and not self.only:
                self._finish_many(self.log, logged)
            else:
                self.log.finish(logged)
                if not self.only:
                    self.log.give_connections(self.tally)
                    self.log.give_denials(self.tally)
                    if self.log.large:
                        give_back()  # patterns read with memory of another library's
        if self.sought is not None:
            self.sought.finish(logged)
        if not self.batches:
            self.clocks = taker.clocks()

    def _join(self, logged: dict[str, Logs], correlate: Correlate) -> None:
        """Have what takes the parts join to captures what these may show."""
        if self.listing is not None:
            self.add(self.listing.join(correlate))
        if self.log is not None:
            self.add(self.log.join(logged, correlate))
        if self.entries is not None:
            self.entries.join(correlate)
        if self.sought is not None:
            self.sought.join(logged, correlate)

    def _finish_many(self, log: LogJudge, logged: dict[str, Logs]) -> None:
        """What does not rest on denials goes on in threads while they are judged, and patterns of
        them while they are added up."""
        from concurrent.futures import Future, ThreadPoolExecutor

        whole = log.whole
        rows = readable(whole.connections)
        begun: dict[str, Future[list[PatternFinding]]] = {}
        pool = ThreadPoolExecutor(AT_ONCE)

        def begin(denials: pl.DataFrame | pl.LazyFrame, *, alone: bool) -> None:
            for pattern, search in searches(rows, denials, whole):
                if pattern.of_connections_alone == alone:
                    begun[pattern.id] = pool.submit(search)

        try:
            given = pool.submit(log.give_connections, self.tally)
            begin(pl.DataFrame(schema=READS["denials"]), alone=True)
            log.finish(logged)
            begin(log.refused.lazy(), alone=False)
            log.give_denials(self.tally)
            given.result()
            found = {name: one.result() for name, one in begun.items()}
            self.patterns = told(found, self._prove, self.tally.product, whole)
        finally:
            pool.shutdown(cancel_futures=True)

    @property
    def n_connections(self) -> int:
        return self.tally.connections.total

    @property
    def n_denials(self) -> int:
        """Copies left out."""
        return self.tally.denials.total

    @cached_property
    def found(self) -> list[Finding]:
        """Findings, gravest and most frequent first."""
        return self.tally.findings()

    @cached_property
    def patterns(self) -> list[PatternFinding]:
        """What many connections and denials show together."""
        if self.log is not None:
            whole = self.log.whole
            return find_all(whole.connections, self.log.refused.lazy(), self._prove,
                            self.tally.product, whole)  # fmt: skip
        connections = self.rows["connections"].lazy()
        denials = originals(self._table("denials", READS["denials"]))
        return find_all(connections, denials, self._prove, self.tally.product)

    def table(self, name: str) -> pl.DataFrame:
        """tables.CONNECTIONS or tables.DENIALS, judged: connections in order of time."""
        return pl.concat(self.frames(name))

    def frames(self, name: str) -> Iterator[pl.DataFrame]:
        """The same a part at a time; at least one, perhaps empty."""
        if name == "connections" and self.listing is not None:
            beside = None
            if self.batches:
                beside = self.rows["connections"].lazy().collect()
            return self.listing.frames(beside)
        if name == "denials" and self.log is not None and self.log.listed is not None:
            return self.log.listed.frames()
        return iter([self._table(name, [column.name for column in TABLES[name]])])

    def numbers(self, name: str) -> pl.Series:
        """Which rows of a single batch were asked for."""
        return self.rows[name].lazy().select("row").collect()["row"]

    def whole(self) -> pl.DataFrame:
        """Connections with every fact, in order of time.  Only where rows are kept."""
        return self._table("connections", [c.name for c in CONNECTIONS + STORY_FACTS])

    def _table(self, name: str, columns: Sequence[str]) -> pl.DataFrame:
        rows = self.rows[name]
        if self.batches < 2:
            return rows.lazy().select(columns).collect()
        order = _ORDER[name]
        every = rows.lazy().select(*columns, *(n for n in order if n not in columns))
        if not _in_order(rows.lazy().select(order).collect()):
            every = every.sort(order)
        if name == "denials":
            return every.select(columns).collect()
        if "row" in columns:
            every = every.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("row"))
        return every.select(columns).collect()

    def _prove(self, row: int) -> tuple[Proof, ...]:
        if self.log is not None:
            if row >= 0:
                return self.log.prove(row)
            row = -1 - row
        if self.stories is not None:
            story = self.stories.story(row)
            line = story.teardown or story.built
            frames = [seen.proof(seen.tail[-1]) for seen in story.seen if len(seen.tail)]
            return tuple(([line] if line else []) + frames)
        rows = self.rows["connections"].lazy().filter(pl.col("row") == row).select(PLACED[2:])
        file, number, is_line = rows.collect().row(0)
        return (Proof(file, number, "line" if is_line else "frame"),) if file else ()


def _narrowed(judged: Judged, frame: pl.DataFrame, before: int) -> pl.DataFrame:
    """Judged connections in fewer bytes: what patterns read of words as numbers, and no column of
    which there are no facts.  What facts have as numbers already is not read again.  `before`: rows
    of earlier batches."""
    facts, told = judged.stories.facts, judged.told or {}
    story = frame["row"].to_numpy() - before
    if facts is not None and facts.order is not None:
        story = facts.order[story]

    def narrow(name: str) -> pl.Series:
        column = told.get(name, None if facts is None else facts.get(name))
        if column is None or column.menu is None:
            return frame[name].cast(WORDS)
        return column.series(story, WORDS).alias(name)

    if facts is not None:
        frame = frame.drop({*READS["connections"]} - {*VERDICT, "row", *facts})
    return frame.with_columns(
        narrow(name) for name, kind in frame.schema.items() if kind == pl.String and name in _WORDS
    )


def _in_order(places: pl.DataFrame) -> bool:
    """Do rows stand in order of these columns, the first before all?  Those of a log mostly do, and
    to sort whole rows costs as much as to make them."""
    if any(column.null_count() for column in places.get_columns()):
        return False
    good = np.ones(max(places.height - 1, 0), bool)
    for column in reversed(places.get_columns()):
        values = column.to_numpy()
        good = (values[:-1] < values[1:]) | ((values[:-1] == values[1:]) & good)
    return bool(good.all())
