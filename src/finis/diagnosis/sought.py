"""Single connections that are asked for, of logs that are read a part at a time: of connections
nothing is kept but what fits.  All denials are judged, as those of one connection may rest on what
the whole log tells of their hosts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from finis.correlation import naming, selection
from finis.correlation.stories import Clock, Story
from finis.diagnosis.cutting import Cut
from finis.diagnosis.listed import BIT, HOSTS, Listing
from finis.diagnosis.logparts import LogJudge
from finis.diagnosis.partrows import Row, of_connection, stories
from finis.records import replace
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

    def __init__(self, texts: Sequence[str]) -> None:
        self._judge = LogJudge(0, Cut(), only_denials=True)
        self._listing = Listing(Cut(), kinds=self._judge.kinds)
        self._found = {
            text: [(where, _Fitting()) for where in selection.ways(text)] for text in texts
        }

    def add(self, part: LogPart) -> None:
        """Take a part; its memory may be used again."""
        self._judge.add(part)
        if not len(part.connections):
            return
        rows = self._listing.rows(part)
        for text, ways in self._found.items():
            some = rows[_may_fit(text, rows)]
            if len(some):
                order = [pl.Series(name, np.ascontiguousarray(some[name])) for name in _ORDER]
                frame = self._listing.frame(some).with_columns(order)
                for where, fitting in ways:
                    fitting.add(part, frame.filter(where))

    def story(self, text: str) -> Story:
        """The one connection meant.  Raises UsageError where none or several fit."""
        for _, fitting in self._found[text]:
            if fitting.first is None:
                continue
            if fitting.alone is None:
                raise selection.several(text, fitting.count, fitting.first)
            (story,) = stories([fitting.alone])
            row = story.row | {"conn_id": fitting.first["conn_id"].item()}
            return replace(story, row=row, denials=self._judged(story.denials))
        raise selection.none(text)

    def finish(self, logged: dict[str, bool]) -> None:
        """All parts have come.  `logged`: whose connections are logged, by device."""
        self._judge.finish(logged)

    def _judged(self, denials: list[dict[str, Any]]) -> list[dict[str, Any]]:
        assert self._judge.listed is not None
        numbers = np.array([denial["row"] for denial in denials], np.int64)
        verdicts = self._judge.listed.verdicts_of(numbers)
        return [denial | verdicts[denial["row"]] for denial in denials]

    def clocks(self) -> list[Clock]:
        """The clocks of the firewalls, which nothing compares."""
        return self._listing.clocks()


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
