"""Dictionaries that forget."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finis.tracking.recent import Budget, Recent


@given(
    gaps=st.lists(st.integers(0, 30), min_size=1, max_size=120),
    keep=st.integers(3, 60),
    slices=st.integers(1, 5),
)
def test_an_entry_lives_as_long_as_promised(gaps: list[int], keep: int, slices: int) -> None:
    recent: Recent[int] = Recent(keep * slices, 10**6, slices)
    now, put_at = 0, {}
    for key, gap in enumerate(gaps):
        now += gap
        recent.tick(now)
        recent.put(key, key, now)
        put_at[key] = now
        for old, at in put_at.items():
            if now - at <= keep * slices:
                assert recent.get(old) == old
        # What `since_ns` says is held, is held.
        for old, at in put_at.items():
            if recent.since_ns is None or at >= recent.since_ns:
                assert recent.get(old) == old
    longest = keep * (slices + 2) + 30  # a slice may end late by one silence
    assert all(recent.get(old) is None for old, at in put_at.items() if now - at > longest)


def test_a_newer_value_hides_the_older() -> None:
    recent: Recent[str] = Recent(10, 100)
    recent.put(1, "old", 0)
    recent.turn(20)
    recent.put(1, "new", 20)
    assert recent.get(1) == "new"


@pytest.mark.parametrize("most", [1, 2, 10, 99])
def test_it_never_holds_more_than_it_may(most: int) -> None:
    recent: Recent[int] = Recent(10**9, most, 3)
    for key in range(1000):
        recent.put(key, key, key)
        assert len(recent) <= max(most, 4)  # at least one entry per slice
    assert recent.since_ns is not None and recent.get(999) == 999


def test_a_budget_is_shared() -> None:
    budget = Budget(100)
    large: Recent[int] = Recent(10**9, 1000)
    small: Recent[int] = Recent(10**9, 1000)
    budget.members += [large, small]
    for key in range(200):
        large.put(key, key, key)
    small.put(1, 1, 1)
    budget.check()
    assert len(large) + len(small) <= 100
    assert small.get(1) == 1


def test_clear_forgets_all() -> None:
    recent: Recent[int] = Recent(10, 100)
    recent.put(1, 1, 0)
    recent.turn(20)
    recent.put(2, 2, 20)
    recent.clear()
    assert (len(recent), recent.get(1), recent.get(2)) == (0, None, None)
