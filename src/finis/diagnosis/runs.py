"""Packed rows that come in runs, each in order, and leave in one order: merged from disk, so that
memory does not grow with them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from finis.diagnosis.spill import Spill
from finis.tracking.copied import picked

Array = np.ndarray
STEP = 256  # rows of a run between two whose place in the order is held


def in_order(rows: Array) -> Array:
    """Rows by `begin`, then `row`, which no two have alike."""
    by_row = np.argsort(rows["row"])
    begin = rows["begin"][by_row]
    if (begin[1:] < begin[:-1]).any():
        by_row = by_row[np.argsort(begin, kind="stable")]
    return picked(rows, by_row)


class Runs:
    """Rows with `begin` and `row` (i8)."""

    def __init__(self, kind: np.dtype[Any]) -> None:
        self.kind = kind
        self._rows = Spill(kind)
        self._runs: list[tuple[int, int]] = []  # where each begins and ends
        self._marks: list[Array] = []  # every STEP-th row of each: its begin and row

    @property
    def rows(self) -> int:
        return self._rows.rows

    def add(self, rows: Array) -> None:
        """Take a run, which must not be changed any more."""
        if not len(rows):
            return
        self._runs.append((self.rows, self.rows + len(rows)))
        self._marks.append(np.stack([rows[name][::STEP] for name in ("begin", "row")]))
        self._rows.add(rows)

    def chunks(self, size: int) -> Iterator[Array]:
        """All rows in order, `size` at a time but for the last."""
        room = np.empty(min(size, self.rows), self.kind)
        have = 0
        for rows in self.blocks(size):
            at = 0
            while at < len(rows):
                count = min(len(rows) - at, size - have)
                room[have : have + count] = rows[at : at + count]
                at, have = at + count, have + count
                if have == size:
                    yield room
                    room, have = np.empty_like(room), 0
        if have:
            yield room[:have]

    def blocks(self, size: int) -> Iterator[Array]:
        """The same, some `size` at a time."""
        left = [_Left(self._rows, begin, end, marks)
                for (begin, end), marks in zip(self._runs, self._marks, strict=True)]  # fmt: skip
        for bound in _bounds(self._marks, max(size // STEP, 1)):
            parts = [rows for run in left if len(rows := run.before(bound))]
            left = [run for run in left if run.any]
            if parts:
                yield parts[0] if len(parts) == 1 else in_order(np.concatenate(parts))


def _bounds(marks: list[Array], step: int) -> Iterator[tuple[int, int] | None]:
    """Places in the order with some `step` marks between them; the last is the end."""
    every = np.concatenate(marks, axis=1) if marks else np.empty((2, 0), np.int64)
    begin, row = every[:, np.lexsort((every[1], every[0]))]
    for at in range(step, len(row), step):
        yield int(begin[at]), int(row[at])
    yield None


class _Left:
    """What is left of a run."""

    def __init__(self, of: Spill, begin: int, end: int, marks: Array) -> None:
        self.of, self.at, self.end = of, begin, end
        self.marks, self.begin = marks, begin
        self.read = np.empty(0, of.kind)  # rows before `at` that were not asked for yet

    @property
    def any(self) -> bool:
        return bool(len(self.read)) or self.at < self.end

    def before(self, bound: tuple[int, int] | None) -> Array:
        """The rows before this place, all of them if it is None."""
        to = self.end
        if bound is not None:
            to = min(self.begin + STEP * _first_from(self.marks[0], self.marks[1], bound), self.end)
        if to > self.at:
            rows = self.of.between(self.at, to)
            self.read = rows if not len(self.read) else np.concatenate([self.read, rows])
            self.at = to
        count = len(self.read)
        if bound is not None:
            count = _first_from(self.read["begin"], self.read["row"], bound)
        out, self.read = self.read[:count], self.read[count:].copy()
        return out


def _first_from(begin: Array, row: Array, bound: tuple[int, int]) -> int:
    """The first in order that does not come before this place."""
    low, high = (int(np.searchsorted(begin, bound[0], side)) for side in ("left", "right"))
    return low + int(np.searchsorted(row[low:high], bound[1], "left"))
