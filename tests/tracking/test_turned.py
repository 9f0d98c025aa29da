"""finis.tracking.turned: the columns are the fields."""

from __future__ import annotations

import numpy as np
import pytest

from finis.tables import OBSERVATION, SEGMENT, record_dtype
from finis.tracking.turned import FEW, Turned


@pytest.mark.parametrize("columns", [OBSERVATION, SEGMENT])
@pytest.mark.parametrize("count", [0, 1, FEW, FEW + 1, 3 * FEW + 77])
def test_every_field(columns: tuple, count: int) -> None:  # type: ignore[type-arg]
    dtype = record_dtype(columns)
    raw = np.random.default_rng(count).integers(0, 256, count * dtype.itemsize, np.uint8)
    rows = raw.view(dtype)
    for given in (rows, rows[::2], np.concatenate((rows, rows[:3]))):
        turned = Turned(given)
        for name in dtype.names or ():
            assert turned[name].dtype == given[name].dtype
            assert (turned[name] == given[name].T).all()
            assert turned[name].flags.c_contiguous


@pytest.mark.parametrize(
    ("rows", "bytes_", "begin", "size", "room"),
    [
        (64, 16, [0], [3], 64),
        (64, 16, [2], [4], 64),
        (64, 16, [-8], [8], 64),
        (64, 16, [16], [8], 64),
        (64, 16, [0, 8], [8], 64),
        (65, 16, [0], [8], 65),
        (64, 16, [0], [8], 63),
        (64, 0, [0], [8], 64),
    ],
)
def test_what_does_not_fit_is_refused(
    rows: int, bytes_: int, begin: list[int], size: list[int], room: int
) -> None:
    turn = pytest.importorskip("finis.tracking._turned").turn
    given = np.zeros(rows, np.uint8), bytes_, np.array(begin, np.int64), np.array(size, np.int64)
    with pytest.raises(ValueError, match=r"fit|aligned|outside"):
        turn(*given, np.zeros(room, np.uint8))
