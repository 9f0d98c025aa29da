"""How often keys came, those included that wait on disk."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finis.diagnosis import counting, times

KEYS = st.lists(st.tuples(st.integers(0, 20) | st.integers(0, 2**64 - 1), st.booleans()))


@pytest.fixture(autouse=True, params=["kernel", "reference"])
def made(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "reference":
        monkeypatch.setattr(counting, "_kernel", lambda: None)
    monkeypatch.setattr(times, "FEW", 2)


def given_to(batches: list[list[tuple[int, bool]]], *, marked: bool) -> times.Times:
    out = times.Times()
    for batch in batches:
        keys = np.array([key for key, _ in batch], np.uint64)
        out.add(keys, np.array([mark for _, mark in batch], bool) if marked else None)
    return out


@given(batches=st.lists(KEYS, max_size=4), asked=st.lists(st.integers(0, 25)), marked=st.booleans())
def test_every_key_is_counted(
    batches: list[list[tuple[int, bool]]], asked: list[int], *, marked: bool
) -> None:
    some = [key for batch in batches for key, _ in batch] + asked
    keys = np.array(some, np.uint64)
    known = given_to(batches, marked=marked).about([keys[::2].copy(), keys[1::2].copy()])
    counts, marks = known.get(keys)
    rows = [row for batch in batches for row in batch if row[0]]
    want = Counter(key for key, _ in rows)
    want_marked = Counter(key for key, mark in rows if mark and marked)
    assert counts.tolist() == [want[key] for key in some]
    assert marks.tolist() == [want_marked[key] for key in some]
    assert not known.full


def test_it_may_be_asked_again_and_go_on_counting() -> None:
    counted = given_to([[(key, False) for key in range(1, 30)]], marked=True)
    nine = np.array([9], np.uint64)
    assert counted.about([nine]).get(nine)[0].tolist() == [1]
    counted.add(np.array([9, 31], np.uint64), np.array([True, True]))
    known = counted.about([nine])
    assert [column.tolist() for column in known.get(nine)] == [[2], [1]]
    assert known.get(np.array([31], np.uint64))[0].tolist() == [0]  # nobody asked for it


def test_more_may_be_asked_for_than_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(times, "ASKED_MOST", 3)
    counted = given_to([[(key, False) for key in range(1, 30)] * 2], marked=False)
    keys = np.arange(1, 30).astype("u8")
    known = counted.about([keys])
    assert known.full
    found = known.get(keys)[0].tolist()
    assert set(found) == {0, 2} and found.count(2) == 6  # asked for in time
