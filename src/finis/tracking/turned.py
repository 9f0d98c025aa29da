"""Wide records turned into columns: every field of all rows side by side in memory."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from finis.compiled import kernel

Array = np.ndarray
FEW = 512  # rows whose fields are read one by one; of more, so many are turned at a time


class Turned:
    """Fields of packed records (`tables.record_dtype`) as columns, of several values as one column
    each.  Records are wider than a line of the cache, so that reading field by field would fetch
    all of them each time: they are turned once, few enough rows at a time that these stay in the
    cache.  `flat`: the outcome, where it is at hand."""

    def __init__(self, rows: Array, flat: Array | None = None) -> None:
        self.rows = rows
        self._flat = flat
        self._columns: dict[str, Array] = {}

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, name: str) -> Array:
        if name not in self._columns:
            few = self._flat is None and len(self.rows) <= FEW
            column = np.array(self.rows[name].T, order="C") if few else self._turned(name)
            column.flags.writeable = False  # it is handed out itself
            self._columns[name] = column
        return self._columns[name]

    def _turned(self, name: str) -> Array:
        if self._flat is None:
            self._flat = turned(self.rows)
        fields: Any = self.rows.dtype.fields
        base, offset = fields[name]
        begin, end = (len(self.rows) * at for at in (offset, offset + base.itemsize))
        column: Array = self._flat[begin:end].view(base.base)
        return column.reshape(-1, len(self.rows)) if base.shape else column


def turned(rows: Array) -> Array:
    """All values of packed rows, field after field (u1): of one that begins at byte b of a record
    from b × rows on."""
    out = np.empty(rows.nbytes, np.uint8)
    fast = kernel("finis.tracking._turned")
    if fast is not None:
        rows = np.ascontiguousarray(rows)
        fast.turn(rows.view(np.uint8), rows.dtype.itemsize, *parts(rows.dtype), out)
        return out
    into = Turned(rows, out)
    for at in range(0, len(rows), FEW):
        some = rows[at : at + FEW]
        for name in rows.dtype.names or ():
            into._turned(name)[..., at : at + FEW] = some[name].T
    return out


@cache
def parts(dtype: np.dtype[Any]) -> tuple[Array, Array]:
    """Where every value of a record begins, and its bytes (i8 each)."""
    fields: Any = dtype.fields
    begin: list[int] = []
    size: list[int] = []
    for base, offset in (fields[name] for name in dtype.names or ()):
        each = base.base.itemsize
        begin += range(offset, offset + base.itemsize, each)
        size += [each] * (base.itemsize // each)
    return np.array(begin, np.int64), np.array(size, np.int64)
