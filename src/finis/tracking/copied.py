"""Some rows of packed arrays, copied: NumPy copies records field by field, words all at once."""

from __future__ import annotations

import numpy as np

Array = np.ndarray
_WORD = 8  # bytes


def picked(rows: Array, at: Array) -> Array:
    """Some packed rows, copied."""
    return gather(rows, at, np.empty(len(at), rows.dtype))


def gather(rows: Array, at: Array, out: Array) -> Array:
    """Some rows of a column, or packed ones, by index (i8), all of which exist; copied to `out`."""
    if rows.dtype.names is not None and rows.itemsize % _WORD == 0:
        if len(out):
            np.take(_words(rows), at, axis=0, out=_words(out), mode="clip")
    elif rows.dtype == out.dtype:
        np.take(rows, at, out=out, mode="clip")  # which copies once; every index fits
    else:
        out[:] = rows[at]
    return out


def _words(rows: Array) -> Array:
    return np.ascontiguousarray(rows).view(np.uint64).reshape(len(rows), rows.itemsize // _WORD)
