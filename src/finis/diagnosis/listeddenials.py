"""Denials of logs, listed: which there are, in what order and what their verdicts are.  The rows
themselves wait on disk until they are told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from finis.diagnosis.engine import catalogue
from finis.diagnosis.kinds import Verdict
from finis.diagnosis.logrows import said
from finis.diagnosis.runs import Runs
from finis.diagnosis.spill import Spill
from finis.diagnosis.waiting import Waiting
from finis.tables import DENIALS, polars_schema
from finis.terms import Confidence, word
from finis.tracking.parts import LogPart

if TYPE_CHECKING:
    pass

Array = np.ndarray
# `row`: as the table is sorted by; `part`, `at`: of whom it is; `copy`: 1 of `Copies`, else 0.
PLACED = np.dtype(
    [("begin", "i8"), ("row", "i8"), ("at", "u4"), ("part", "u4"), ("verdict", "u4"),
     ("copy", "u4")]
)  # fmt: skip
SCHEMA = polars_schema(DENIALS)
CHUNK = 1 << 16  # rows of a frame


class Copies:
    """Denials of lines that came before, which nobody counts; they say what their first says."""

    def __init__(self) -> None:
        self.first = Spill(np.dtype("i8"))  # rows of their firsts
        self.rows = Spill(np.dtype("i8"))
        self.waiting = Waiting()

    def add(self, part: LogPart, shown: Array | None) -> None:
        """Keep the copies of a part, whose memory may be used again; `shown`: which denials are
        asked for, None for all."""
        copied = part.denials["refusal"]["copy_row"] >= 0
        at = np.flatnonzero(copied if shown is None else copied & shown)
        if not len(at):
            return
        self.rows.add(part.denials["refusal"]["row"][at])
        self.first.add(part.denials["refusal"]["copy_row"][at])
        self.waiting.add(part, at)


class ListedDenials:
    """All denials of a log in order of row.  `refused`: where those wait that are no copies."""

    def __init__(self, refused: Waiting, verdicts: Sequence[Verdict]) -> None:
        self.refused, self.verdicts = refused, verdicts
        self.copies = Copies()
        self._runs = Runs(PLACED)
        self._of_first: list[tuple[Array, Array]] = []  # firsts of copies, and their verdicts
        self._wanted: Array | None = None  # rows of firsts, sorted

    def add(self, part: int, rows: Array, found: Array, shown: Array | None) -> None:
        """Denials of a part: their numbers in the log and their verdicts; `shown`: which of them
        are asked for, None for all."""
        if self._wanted is None:
            self._wanted = np.unique(np.concatenate(list(self.copies.first) or [np.empty(0, "i8")]))
        place = np.searchsorted(self._wanted, rows)
        place = np.minimum(place, max(len(self._wanted) - 1, 0))
        if len(self._wanted) and (met := self._wanted[place] == rows).any():
            self._of_first.append((rows[met], found[met]))
        at = np.arange(len(rows)) if shown is None else np.flatnonzero(shown)
        self._add(part, rows[at], at, found[at], 0)

    def _add(self, part: int, rows: Array, at: Array, found: Array, copy: int) -> None:
        out = np.zeros(len(rows), PLACED)
        out["begin"] = out["row"] = rows
        out["at"], out["part"], out["verdict"], out["copy"] = at, part, found, copy
        self._runs.add(out[np.argsort(rows)])

    def finish(self) -> None:
        """All have come: copies take the verdicts of their firsts."""
        if not self.copies.rows.rows or not self._of_first:
            return
        firsts, found = (np.concatenate(part) for part in zip(*self._of_first, strict=True))
        order = np.argsort(firsts)
        firsts, found = firsts[order], found[order]
        for part, ends in enumerate(pairwise(self.copies.waiting.ends)):
            rows, first = (one.between(*ends) for one in (self.copies.rows, self.copies.first))
            place = np.minimum(np.searchsorted(firsts, first), len(firsts) - 1)
            at = np.flatnonzero(firsts[place] == first)
            self._add(part, rows[at], at, found[place[at]], 1)

    def frames(self, size: int = CHUNK) -> Iterator[pl.DataFrame]:
        """tables.DENIALS in order, `size` rows at a time but for the last; at least one, perhaps
        empty."""
        if not self._runs.rows:
            yield pl.DataFrame(schema=SCHEMA)
        for rows in self._runs.chunks(size):
            parts = []
            for copy, part in np.unique(rows[["copy", "part"]]).tolist():
                mine = rows[(rows["copy"] == copy) & (rows["part"] == part)]
                source = self.copies.waiting if copy else self.refused
                frame = source.some(part, mine["at"].astype(np.int64)).denial_frame()
                parts.append(frame.with_columns(self._told(mine["verdict"])))
            yield pl.concat(parts).sort("row").select(list(SCHEMA))

    def verdicts_of(self, numbers: Array) -> dict[int, dict[str, str]]:
        """What the columns of verdicts say of some denials, by their number."""
        out: dict[int, dict[str, str]] = {}
        for rows in self._runs.chunks(CHUNK) if len(numbers) else ():
            mine = rows[np.isin(rows["row"], numbers)]
            frame = pl.DataFrame(self._told(mine["verdict"]))
            out |= zip(mine["row"].tolist(), frame.to_dicts(), strict=True)
        return out

    def _told(self, verdict: Array) -> list[pl.Series]:
        causes = catalogue()
        return [
            said(verdict, [one.cause for one in self.verdicts]).alias("cause"),
            said(verdict, [causes[one.cause].name for one in self.verdicts]).alias("cause_name"),
            said(verdict, [word(Confidence(one.sure)) for one in self.verdicts]).alias(
                "confidence"
            ),
            said(verdict, [one.harm for one in self.verdicts]).alias("harm"),
        ]
