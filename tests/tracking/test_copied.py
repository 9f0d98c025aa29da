"""Rows copied by words are the rows that NumPy copies field by field."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finis.tables import OBSERVATION, record_dtype
from finis.tracking.copied import gather, picked
from finis.tracking.parts import DENIAL

ODD = np.dtype([("a", "u8"), ("b", "u1")])  # no whole words


@pytest.mark.parametrize("kind", [record_dtype(OBSERVATION), DENIAL, ODD, np.dtype("u4")])
@given(data=st.data())
def test_picked_rows_are_those_rows(kind: np.dtype, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, 9))
    rows = np.frombuffer(np.random.default_rng(count).bytes(count * kind.itemsize), kind)
    at = np.array(data.draw(st.lists(st.integers(0, count - 1)) if count else st.just([])), "i8")
    found = picked(rows, at)
    assert found.dtype == kind
    for name in kind.names or [...]:  # but what pads a record
        assert found[name].tobytes() == rows[at][name].tobytes()
    assert not np.shares_memory(found, rows)


def test_a_column_may_be_copied_to_another_type() -> None:
    out = np.empty(2, "u4")
    assert gather(np.array([7, 8, 9], "u1"), np.array([2, 0]), out).tolist() == [9, 7]
