"""The time of a log."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finis.tracking.clock import SECOND, LogClock, Move

MINUTE, HOUR, DAY = 60, 3600, 86_400


def moves(*stamps: int) -> list[Move]:
    clock = LogClock()
    return [clock.move(stamp * SECOND) for stamp in stamps]


@pytest.mark.parametrize(
    ("stamps", "expected"),
    [
        ((0, 5, 3, 6), (Move.NONE,) * 4),  # slightly out of order
        ((0, -4 * MINUTE, 1), (Move.NONE,) * 3),
        ((0, 14 * MINUTE), (Move.NONE,) * 2),
        ((0, 16 * MINUTE, 16 * MINUTE), (Move.NONE, Move.AHEAD, Move.GAP)),
        ((0, 16 * MINUTE, 1), (Move.NONE, Move.AHEAD, Move.NONE)),
        ((0, 40 * DAY, 1), (Move.NONE, Move.ASTRAY, Move.NONE)),
        ((0, 40 * DAY, 40 * DAY + 1), (Move.NONE, Move.ASTRAY, Move.GAP)),
        ((0, -HOUR, -HOUR + 1), (Move.NONE, Move.ASTRAY, Move.DST)),
        ((0, -2 * HOUR, -2 * HOUR), (Move.NONE, Move.ASTRAY, Move.EPOCH)),
        ((0, -6 * MINUTE, -6 * MINUTE), (Move.NONE, Move.ASTRAY, Move.EPOCH)),
        ((0, -2 * HOUR, -9 * HOUR, 1), (Move.NONE, Move.ASTRAY, Move.ASTRAY, Move.NONE)),
    ],
)
def test_what_a_stamp_does(stamps: tuple[int, ...], expected: tuple[Move, ...]) -> None:
    assert tuple(moves(*stamps)) == expected


def test_differences_stay_true_across_the_end_of_summer_time() -> None:
    clock = LogClock()
    for stamp in (0, 10, 20 - HOUR, 30 - HOUR):
        clock.move(stamp * SECOND)
    assert clock.now == 30 * SECOND
    assert clock.shift == HOUR * SECOND


@given(st.lists(st.integers(-(2**70), 2**70), max_size=50))
def test_time_never_goes_back(stamps: list[int]) -> None:
    clock, before = LogClock(), None
    for stamp in stamps:
        clock.move(stamp)
        assert clock.now is not None and (before is None or clock.now >= before)
        before = clock.now
