"""The shift that most bounds allow; plain ones preferred."""

from __future__ import annotations

import numpy as np
import pytest

from finis.correlation.clocks import DAY, QUARTER, SECOND, Bounds, solve, spoken


def bounds(
    *shifts_s: float, tight: bool = True, strong: bool = False, width_s: float = 1
) -> Bounds:
    middle = np.array([round(s * SECOND) for s in shifts_s], np.int64)
    half = round(width_s * SECOND / 2)
    many = len(middle)
    return Bounds(
        middle - half, middle + half, np.arange(many), np.full(many, tight), np.full(many, strong)
    )


@pytest.mark.parametrize(
    ("shifts", "how", "ns"),
    [
        ((0.1, 0.2, -0.1), "same", 0),
        ((0.1, 0.2, 5000.3), "same", 0),
        ((3600.2, 3599.9), "zone", 3600 * SECOND),
        ((-20700.1,), "zone", -23 * QUARTER),
        ((37.2, 37.3, 37.1), "offset", None),
        ((86400.0 * 9, 86400.0 * 9, 86400.0 * 9), "offset", None),  # days apart is no zone
    ],
)
def test_plain_shifts_are_preferred(shifts: tuple[float, ...], how: str, ns: int | None) -> None:
    found = solve(bounds(*shifts), undated=False)
    assert found is not None and found.how == how
    if ns is not None:
        assert found.ns == ns


def test_an_arbitrary_shift_needs_company_or_identity() -> None:
    assert solve(bounds(37.2), undated=False) is None
    assert solve(bounds(37.2, 800.1, 4011.7), undated=False) is None
    alone = solve(bounds(37.2, strong=True), undated=False)
    assert alone is not None and abs(alone.ns - 37.2 * SECOND) <= SECOND


def test_times_of_day_find_their_midnight() -> None:
    day = 17_702 * 86_400  # 2018-06-20
    found = solve(bounds(day + 0.3), undated=True)
    assert found is not None and (found.how, found.ns) == ("midnight", 17_702 * DAY)
    local = solve(bounds(day + 7200.2), undated=True)
    assert local is not None and (local.how, local.ns) == ("zone", 17_702 * DAY + 8 * QUARTER)
    assert solve(bounds(day, tight=False, width_s=3 * 86_400), undated=True) is None


def test_lifetimes_that_overlap_are_taken_to_agree() -> None:
    found = solve(bounds(2.0, tight=False, width_s=60), undated=False)
    assert found is not None and (found.how, found.ns) == ("assumed", 0)


def test_nothing_says_nothing() -> None:
    assert solve(bounds(), undated=False) is None


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (-3600 * SECOND, "-1 h"),
        (5 * 3600 * SECOND + 30 * 60 * SECOND, "5 h 30 min"),
        (1234567 * 10**6, "1234.567 s"),
        (7500, "7.5 µs"),
        (-400_000_000, "-400 ms"),
        (12, "12 ns"),
    ],
)
def test_spoken(ns: int, text: str) -> None:
    assert spoken(ns) == text
