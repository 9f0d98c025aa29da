"""Which packed rows of a log `--since`, `--until`, `--host` and `--port` ask for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from finis.diagnosis.coded import Names
from finis.diagnosis.counting import NEVER
from finis.diagnosis.logrows import Columns
from finis.diagnosis.spill import Chunk
from finis.records import dataclass
from finis.tracking.parts import LogPart
from finis.wire.dialects._packed import BIT, HOSTS, PORTS

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
        """Per connection of a part: is it asked for, by its own or a translated address?"""
        found = self._timely(rows.first_ns, rows.last_ns)
        event = part.connections["start"]["event"]
        if self.hosts:
            asked = _words(part, self.hosts)
            found &= np.logical_or.reduce([np.isin(event[name], asked) for name in HOSTS])
        if self.ports:
            found &= np.logical_or.reduce(
                [np.isin(event[n], self.ports) & (event["has"] & BIT[n] != 0) for n in PORTS]
            )
        return found

    def refusals(self, part: LogPart) -> Array:
        """Per denial of a part."""
        event = part.denials["refusal"]["event"]
        stamps = np.where(event["has"] & BIT["ts"] != 0, event["ts"], NEVER)
        found = self._timely(stamps, stamps)
        if self.hosts:
            asked = _words(part, self.hosts)
            found &= np.isin(event["a_h"], asked) | np.isin(event["b_h"], asked)
        if self.ports:
            found &= np.logical_or.reduce(
                [np.isin(event[n], self.ports) & (event["has"] & BIT[n] != 0) for n in PORTS[:2]]
            )
        return found

    def denials(self, rows: Chunk, names: Names) -> Array:
        """Per denial (`refused.REFUSED`)."""
        found = self._timely(rows["ts"], rows["ts"])
        if self.hosts:
            asked = np.array([names.code(text) for text in self.hosts], "u8")
            found &= np.isin(rows["src"], asked) | np.isin(rows["dst"], asked)
        if self.ports:
            found &= np.isin(rows["src_p"], self.ports) | np.isin(rows["dst_p"], self.ports)
        return found

    def _timely(self, first_ns: Array, last_ns: Array) -> Array:
        found = np.ones(len(first_ns), bool)
        if self.since is not None:
            found &= (last_ns == NEVER) | (last_ns >= _ns(self.since))
        if self.until is not None:
            found &= (first_ns == NEVER) | (first_ns <= _ns(self.until))
        return found


def without(shown: Array | None, apart: Array | None) -> Array | None:
    """Those that are shown (None: all) without those apart (None: none)."""
    if apart is None or not apart.any():
        return shown
    return ~apart if shown is None else shown & ~apart


def _ns(ts: datetime) -> int:
    import polars as pl

    return int(pl.Series([ts]).dt.epoch("ns")[0])


def _words(part: LogPart, hosts: Sequence[str]) -> Array:
    """Hosts in the codes of a part, those that it has."""
    return np.array([word for text in hosts if (word := part.book.find(text))], "u8")
