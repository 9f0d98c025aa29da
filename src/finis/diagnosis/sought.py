"""Single connections that are asked for, of logs that are read a part at a time: of connections
nothing is kept but what fits.  All denials are judged, as those of one connection may rest on what
the whole log tells of their hosts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from finis.correlation import naming, selection
from finis.correlation.captured import Captured
from finis.correlation.stories import PLACE, Clock, Stories, Story
from finis.diagnosis.cutting import Cut
from finis.diagnosis.listed import BIT, HOSTS, Listing
from finis.diagnosis.logparts import LogJudge
from finis.diagnosis.partrows import Row, of_connection, stories
from finis.diagnosis.shared import Correlate
from finis.records import replace
from finis.tracking.devices import Logs
from finis.tracking.parts import LogPart
from finis.wire.dialects._packed import NAMED, V4, ipv4

Array = np.ndarray
_ORDER = ("begin", "row")  # in which the table stands


class _Fitting:
    """What fits one way of naming a connection: how many, the first that are listed, and the story
    of one that is alone."""

    def __init__(self) -> None:
        self.count = 0
        self.first: pl.DataFrame | None = None
        self.alone: Row | None = None

    def add(self, part: LogPart, hits: pl.DataFrame) -> None:
        """`hits`: tables.CONNECTIONS of some of a part, and `_ORDER`."""
        if not hits.height:
            return
        self.count += hits.height
        self.alone = None
        if self.count == 1:
            number = part.connections["start"]["row"] == hits["row"].item()
            self.alone = of_connection(part, int(np.flatnonzero(number)[0]), most=None)
        every = hits if self.first is None else pl.concat([self.first, hits])
        self.first = every.sort(_ORDER).head(selection.LISTED)


class Sought:
    """The connections that some texts mean (`finis.correlation.selection`)."""

    def __init__(self, texts: Sequence[str], captured: Captured | None = None) -> None:
        self._judge = LogJudge(0, Cut(), only_denials=True, captured=captured)
        self._listing = Listing(Cut(), kinds=self._judge.kinds)
        self._found = {
            text: [(where, _Fitting()) for where in selection.ways(text)] for text in texts
        }
        self.joined: Stories | None = None  # what captures show

    def add(self, part: LogPart) -> None:
        """Take a part; its memory may be used again."""
        apart = self._judge.add(part)
        if not len(part.connections):
            return
        rows = self._listing.rows(part)
        if apart is not None:
            rows = rows[~np.isin(rows["row"], part.connections["start"]["row"][apart])]
        for text, ways in self._found.items():
            some = rows[_may_fit(text, rows)]
            if len(some):
                order = [pl.Series(name, np.ascontiguousarray(some[name])) for name in _ORDER]
                frame = self._listing.frame(some).with_columns(order)
                for where, fitting in ways:
                    fitting.add(part, frame.filter(where))

    def story(self, text: str) -> Story:
        """The one connection meant.  Raises UsageError where none or several fit."""
        for where, fitting in self._found[text]:
            shown = None if self.joined is None else self.joined.table.filter(where)
            if self.joined is not None and shown is not None and len(shown):
                if len(shown) == 1 and not fitting.count:
                    return self.joined.story(shown["row"].item())
                raise selection.several(
                    text, len(shown) + fitting.count, self._among(shown, fitting)
                )
            if fitting.first is None:
                continue
            if fitting.alone is None:
                raise selection.several(text, fitting.count, fitting.first)
            (story,) = stories([fitting.alone])
            row = story.row | {"conn_id": fitting.first["conn_id"].item()}
            return replace(story, row=row, denials=self._judged(story.denials))
        raise selection.none(text)

    def _among(self, shown: pl.DataFrame, fitting: _Fitting) -> pl.DataFrame:
        """The first that fit, of both."""
        assert self.joined is not None
        every = self.joined.with_places(shown)
        if fitting.first is not None:
            names = [name for name in fitting.first.columns if name not in _ORDER]
            other = fitting.first.with_columns(tie=pl.col("row").cast(pl.UInt64))
            every = pl.concat([frame.select(*names, *PLACE) for frame in (every, other)])
        return every.sort(PLACE).head(selection.LISTED)

    def join(self, logged: dict[str, Logs], correlate: Correlate) -> None:
        """Take what captures show, too.  Comes before `finish`."""
        self.joined = self._judge.join(logged, correlate).stories

    def finish(self, logged: dict[str, Logs]) -> None:
        """All parts have come.  `logged`: what the log tells of connections, by device."""
        self._judge.finish(logged)

    def _judged(self, denials: list[dict[str, Any]]) -> list[dict[str, Any]]:
        assert self._judge.listed is not None
        numbers = np.array([denial["row"] for denial in denials], np.int64)
        verdicts = self._judge.listed.verdicts_of(numbers)
        return [denial | verdicts[denial["row"]] for denial in denials]

    def clocks(self) -> list[Clock]:
        """The clocks of the firewalls, and of what was captured beside their logs."""
        return self._judge.clocks() if self.joined is None else self.joined.clocks


def _may_fit(text: str, rows: Array) -> Array:
    """Which LISTED rows a text may mean (bool): no other does."""
    may = np.zeros(len(rows), bool)
    if (name := naming.number(text.strip())) is not None:
        may |= rows["name"] & naming.USED == name
    if (number := selection.number(text)) is not None:
        may |= (rows["has"] & BIT["number"] != 0) & (rows["number"] == number)
    ends = selection.ends(text)
    if ends:
        may |= np.logical_and.reduce([_touches(host, rows) for host, _ in ends])
    return may


def _touches(host: str, rows: Array) -> Array:
    """Rows one of whose hosts may be this; of names and IPv6 any may."""
    address, may = ipv4(host), np.zeros(len(rows), bool)
    for name in HOSTS:
        may |= rows[name] >= NAMED if address < 0 else rows[name] == V4 + address
    return may
