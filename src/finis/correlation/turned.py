"""Wide records turned into columns: every field of all rows side by side in memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from finis.correlation.keys import Array

FEW = 512  # rows whose fields are read one by one; of more, so many are turned at a time
_LANE = 8  # bytes


class Turned:
    """Fields of packed records (`tables.record_dtype`) as columns, of several values as one column
    each.  Records are wider than a line of the cache, so that reading field
    by field would fetch all of them each time: they are turned once, as words of 8 bytes, few
    enough rows at a time that these stay in the cache.  (NumPy drops the end of a record when it
    joins arrays; such are read field by field after all.)"""

    def __init__(self, rows: Array) -> None:
        self.rows = rows
        self._lanes: Array | None = None
        self._columns: dict[str, Array] = {}

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, name: str) -> Array:
        if name not in self._columns:
            plain = len(self.rows) <= FEW or self.rows.dtype.itemsize % _LANE
            column = np.array(self.rows[name].T, order="C") if plain else self._turned(name)
            column.flags.writeable = False  # it is handed out itself
            self._columns[name] = column
        return self._columns[name]

    def _turned(self, name: str) -> Array:
        fields: Any = self.rows.dtype.fields
        base, offset = fields[name]
        scalar, count = base.base, int(np.prod(base.shape, dtype=int))
        lanes = self._all_lanes()
        if scalar.itemsize == _LANE:
            first = offset // _LANE
            column: Array = lanes[first : first + count].view(scalar)
        else:
            column = np.empty((count, len(self.rows)), scalar)
            for at in range(count):
                lane, place = divmod(offset // scalar.itemsize + at, _LANE // scalar.itemsize)
                column[at] = lanes[lane].view(scalar)[place :: _LANE // scalar.itemsize]
        found: Array = column if base.shape else column[0]
        return found

    def _all_lanes(self) -> Array:
        if self._lanes is None:
            rows = np.ascontiguousarray(self.rows)
            words = rows.view(np.uint64).reshape(len(rows), -1)
            lanes = np.empty(words.shape[::-1], np.uint64)
            for at in range(0, len(rows), FEW):
                lanes[:, at : at + FEW] = words[at : at + FEW].T
            self._lanes = lanes
        return self._lanes
