"""Connections are judged as they end, while reading goes on, so that memory holds what is open and
a batch of what has ended, never all that was read.

That is possible where nothing else can tell of a connection: one point, no log.  Connections that
ended within the last second so far are held back.  Whether the capture misses segments is known at
the end only: it is taken not to, and if it does the input is read again with that knowledge, so
that the outcome does not depend on where the batches are cut.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from finis.correlation.correlate import correlate
from finis.correlation.evidence import Options, PointData
from finis.correlation.losses import gaps, many, unflagged
from finis.correlation.turned import FEW, Turned
from finis.diagnosis.engine import judge
from finis.diagnosis.patterns._api import READS
from finis.tables import CONNECTIONS
from finis.tracking import copied
from finis.tracking._api import Observations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from finis.correlation.keys import Array
    from finis.diagnosis.engine import Judged
    from finis.intake import Options as Asked
    from finis.tracking.events import LogTables

SECOND = 1_000_000_000
# What is read of every connection: by patterns, by the tally, and by `--since`, `--host` and so on.
COLUMNS = frozenset((
    *READS["connections"], "confidence", "contributing", "denials_after", "has_log", "has_packets",
    "n_points", "orig_if", "orig_mapped_h", "orig_mapped_p", "product", "resp_if",
    "resp_mapped_h", "resp_mapped_p",
))  # fmt: skip
TABLE = frozenset(column.name for column in CONNECTIONS)
LATE_LOSS = (
    "the capture misses segments: connections that had ended before this was known are judged "
    "without that knowledge (a file that is read to its end is read again with it)"
)


class Settling:
    """Judges the ended connections of one point; `add` gets each batch's verdicts.  `late_loss`:
    connections were judged as if no segment had been missed, and many were; `lossy` and `filtered`
    (`losses.settle`) tell how many then."""

    def __init__(self, asked: Asked, add: Callable[[Judged], None]) -> None:
        self.asked = asked
        self.add = add
        self.lossy, self.filtered = asked.lossy, asked.filtered
        self.late_loss = False
        self.notes: list[str] = []
        self.judged = False  # some already
        self.rows = self.gaps = 0
        self.unflagged = False  # some segment has neither SYN nor FIN nor RST
        self.held: list[Observations] = []

    def take(self, point: PointData, final: bool) -> None:
        """Connections that can no longer change; their memory may be used again after this.
        `final`: the capture is at its end."""
        seen = point.observations
        last_ns = max(s.last_ns for s in point.sources if s.last_ns is not None)
        fresh = seen.rows["last_ns"] > last_ns - SECOND
        if fresh.any() and not final:
            self.held.append(picked(seen, fresh))
            seen = seen.only(np.flatnonzero(~fresh))
        self.judged = True
        self.add(self._judge(replace(point, observations=seen)))

    def finish(self, point: PointData) -> None:
        """The connections that were held back."""
        for held in self.held:
            self.rows += len(held.rows)
            self.gaps += int(gaps(Turned(held.rows)).sum())
            self._look_for_unflagged(held.rows)
        if many(self.gaps, self.rows) and not self.lossy:
            self.lossy, self.late_loss = True, self.judged
        if self.gaps and not self.unflagged and not self.filtered:
            self.filtered, self.late_loss = True, self.judged
        if self.late_loss:
            self.notes.append(LATE_LOSS)
        for held in joined(self.held):
            for part in self._slices(held):
                self.add(self._judge(replace(point, observations=part)))
        self.held.clear()

    def _judge(self, point: PointData) -> Judged:
        here, nowhere = frozenset([point.name]), frozenset[str]()
        tidy = self.asked.tidy
        columns = COLUMNS | TABLE if tidy else COLUMNS
        wanted = None if self.asked.keep and self.asked.every_fact else columns
        options = Options(
            self.asked.date,
            lossy=here if self.lossy else nowhere,
            filtered=here if self.filtered else nowhere,
            tidy=tidy,
            columns=wanted,
        )
        stories = correlate([point], pl.DataFrame(), pl.DataFrame(), options)
        if stories.facts is not None:
            self.rows += stories.facts.count
            self.gaps += int(stories.facts["gap"].values.sum())
            self._look_for_unflagged(point.observations.rows)
        return judge(stories)

    def _look_for_unflagged(self, rows: Array) -> None:
        """One is found at once, but in a capture that was filtered for flags."""
        for at in range(0, len(rows), FEW):
            if self.unflagged:
                return
            self.unflagged = bool(unflagged(Turned(rows[at : at + FEW])).any())

    def _slices(self, seen: Observations) -> list[Observations]:
        return [
            Observations(seen.rows[at : at + self.asked.batch], seen.tail)
            for at in range(0, len(seen.rows), self.asked.batch)
        ]


def by_parts(log: LogTables, batch: int) -> Iterator[LogTables]:
    """What a log tells, a part of the connections at a time with the denials that belong to them;
    denials without a connection follow."""
    connections, denials = log.connections, log.denials
    place = connections.select(log_row="row", part=pl.int_range(pl.len()) // batch)
    part_of = denials.select("log_row").join(place, "log_row", "left", maintain_order="left")[
        "part"
    ]
    for at in range(0, len(connections), batch):
        mine = denials.filter((part_of == at // batch).fill_null(False))
        yield replace(log, connections=connections[at : at + batch], denials=mine)
    others = denials.filter(part_of.is_null())
    for at in range(0, len(others), batch):
        yield replace(log, connections=connections.clear(), denials=others[at : at + batch])


def picked(seen: Observations, keep: Array) -> Observations:
    """Some of the connections, in memory of their own."""
    rows = copied.picked(seen.rows, np.flatnonzero(keep))
    rows["tail_at"] = np.cumsum(rows["tail_n"], dtype=np.int64) - rows["tail_n"]
    return Observations(rows, seen.segments(np.flatnonzero(keep)))


def joined(parts: list[Observations]) -> list[Observations]:
    """One after another as one; nothing where there are none."""
    if not parts:
        return []
    rows = np.concatenate([part.rows for part in parts])
    tail = np.concatenate([part.tail for part in parts])
    rows["tail_at"] = np.cumsum(rows["tail_n"], dtype=np.int64) - rows["tail_n"]
    return [Observations(rows, tail)]
