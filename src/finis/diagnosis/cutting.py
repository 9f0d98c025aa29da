"""Which packed rows of a log `--since`, `--until`, `--host` and `--port` ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from finis.diagnosis.coded import NEVER
from finis.diagnosis.logrows import Columns
from finis.tracking.parts import LogPart
from finis.wire.dialects._packed import BIT, HOSTS, PORTS, Book

Array = np.ndarray


@dataclass(frozen=True, slots=True)
class Cut:
    """What was asked for; rows whose stamps are unknown belong to any time."""

    since: datetime | None = None
    until: datetime | None = None
    hosts: Sequence[str] = ()
    ports: Sequence[int] = ()

    def __bool__(self) -> bool:
        return bool(self.since or self.until or self.hosts or self.ports)

    def connections(self, part: LogPart, rows: Columns) -> Array:
        """Per connection of a part: is it asked for?"""
        found: Array = self._named(part.connections["start"]["event"], part.book, True)
        found &= self._timely(rows.first_ns, rows.last_ns)
        return found

    def denials(self, part: LogPart) -> Array:
        """Per denial of a part."""
        event = part.denials["refusal"]["event"]
        stamp = np.where(event["has"] & BIT["ts"] != 0, event["ts"], NEVER)
        found: Array = self._named(event, part.book, False)
        found &= self._timely(stamp, stamp)
        return found

    def _timely(self, first_ns: Array, last_ns: Array) -> Array:
        found = np.ones(len(first_ns), bool)
        if self.since is not None:
            found &= (last_ns == NEVER) | (last_ns >= _ns(self.since))
        if self.until is not None:
            found &= (first_ns == NEVER) | (first_ns <= _ns(self.until))
        return found

    def _named(self, event: Array, book: Book, mapped: bool) -> Array:
        """Is one of the hosts, and one of the ports, among those of the row?  `mapped`: also as
        translated."""
        ends = 4 if mapped else 2
        found = np.ones(len(event), bool)
        if self.hosts:
            codes = np.array([book.host(text) for text in self.hosts], "u8")
            found &= np.logical_or.reduce([np.isin(event[n], codes) for n in HOSTS[:ends]])
        if self.ports:
            found &= np.logical_or.reduce(
                [np.isin(event[n], self.ports) & (event["has"] & BIT[n] != 0) for n in PORTS[:ends]]
            )
        return found


def _ns(ts: datetime) -> int:
    import polars as pl

    return int(pl.Series([ts]).dt.epoch("ns")[0])
