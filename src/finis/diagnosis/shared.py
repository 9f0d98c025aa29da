"""Rows of a log that captures may show, too: kept while the log passes by, and at its end told as
frames, to be joined to packets.  All else of the log is judged in packed rows meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields

import numpy as np
import polars as pl

from finis.correlation.captured import Captured
from finis.correlation.evidence import Firewalls
from finis.diagnosis.engine import Judged
from finis.diagnosis.kinds import Population
from finis.records import replace
from finis.tables import DENIAL_FACTS, DENIALS, LOG_CONNECTIONS, polars_schema
from finis.tracking.copied import picked
from finis.tracking.parts import LogPart

Array = np.ndarray
# What joins rows of a log (tables.LOG_CONNECTIONS; tables.DENIALS + DENIAL_FACTS) to captures.
Correlate = Callable[[pl.DataFrame, pl.DataFrame, Firewalls], Judged]
_CONNECTIONS = polars_schema(LOG_CONNECTIONS)
_DENIALS = polars_schema(DENIALS) | polars_schema(DENIAL_FACTS)
_TOLD = [one.name for one in fields(Population)]
_NO_ROWS, _NOTHING = np.empty(0, np.int64), Population.of_none()


class Shared:
    """What a log and captures share."""

    def __init__(self, captured: Captured) -> None:
        self.captured = captured
        self.makes: set[str] = set()
        self._held: list[LogPart] = []  # all in the codes of one book
        self._frames: list[tuple[pl.DataFrame, pl.DataFrame]] = []
        self._rows: list[Array] = []

    def take(self, part: LogPart) -> tuple[Array, Array]:
        """Keep what may be shown of a part, whose memory may be used again.  Gives which
        connections and denials (bool) that is."""
        self._meet(part)
        connections, denials = self.captured.rows(part)
        if connections.any() or denials.any():
            if self._held and not _alike(self._held[0], part):
                self._tell()  # a book is kept no longer than the log itself keeps it
            rows = picked(part.denials, np.flatnonzero(denials))
            at = rows["at"]
            known = at >= 0
            rows["at"][known] = (np.cumsum(connections) - 1)[at[known]]
            some = picked(part.connections, np.flatnonzero(connections))
            self._held.append(replace(part, connections=some, denials=rows))
            self._rows.append(np.array(rows["refusal"]["row"]))
        return connections, denials

    def _meet(self, part: LogPart) -> None:
        devices = [part.connections["start"]["device"], part.denials["refusal"]["device"]]
        met = np.flatnonzero(np.bincount(np.concatenate(devices))).tolist()
        self.makes |= {part.products.get(part.devices[code]) or "" for code in met} - {""}

    def _tell(self) -> None:
        if self._held:
            part = _one(self._held)
            self._frames.append((part.connection_frame(), part.denial_frame()))
        self._held.clear()

    def denials(self) -> Array:
        """Their numbers in the log, in order; copies, too."""
        return np.unique(np.concatenate([_NO_ROWS, *self._rows]))

    def joined(
        self, correlate: Correlate, devices: Sequence[str], rows: Array = _NO_ROWS,
        whole: Population = _NOTHING,
    ) -> Judged:  # fmt: skip
        """All of it joined to captures, when the log is at its end.  `devices`: whose connections
        the log tells, in order of the first of each; `whole`: what the whole log tells of the
        denials of these numbers."""
        return correlate(*self._frames_of(rows, whole), Firewalls(devices, frozenset(self.makes)))

    def _frames_of(self, rows: Array, whole: Population) -> tuple[pl.DataFrame, pl.DataFrame]:
        """tables.LOG_CONNECTIONS, and tables.DENIALS + tables.DENIAL_FACTS; a copy says what its
        first says."""
        self._tell()
        empty = pl.DataFrame(schema=_CONNECTIONS), pl.DataFrame(schema=_DENIALS)
        connections, denials = map(pl.concat, zip(empty, *self._frames, strict=True))
        told = pl.DataFrame(
            {"first": rows, **{name: getattr(whole, name) for name in _TOLD}},
            schema=dict.fromkeys(("first", *_TOLD), pl.Int64),
        ).with_columns(pl.col(_TOLD).replace({-1: None}))
        denials = (
            denials.drop(_TOLD)
            .with_columns(first=pl.coalesce("duplicate_of", "row"))
            .join(told, "first", "left", maintain_order="left")
            .select(list(_DENIALS))
        )
        return connections.sort("row"), denials.sort("row")


def _alike(one: LogPart, other: LogPart) -> bool:
    """Do their codes mean the same?"""
    return one.book is other.book and one.whys is other.whys


def _one(parts: Sequence[LogPart]) -> LogPart:
    """Parts of the same codes as one."""
    connections = np.concatenate([part.connections for part in parts])
    denials = np.concatenate([part.denials for part in parts])
    before = np.cumsum([0, *(len(part.connections) for part in parts[:-1])])
    shift = np.repeat(before, [len(part.denials) for part in parts])
    denials["at"] += np.where(denials["at"] >= 0, shift, 0)
    return replace(parts[-1], connections=connections, denials=denials)  # lists of codes only grow
