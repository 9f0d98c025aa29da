"""finis.correlation.turned: the columns are the fields."""

from __future__ import annotations

import numpy as np
import pytest

from finis.correlation.turned import FEW, Turned
from finis.tables import OBSERVATION, SEGMENT, record_dtype


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
