"""Numbers in words."""

import pytest

from finis.words import count, duration, endpoint, lag, share, stamp


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0 s"),
        (15, "15 ns"),
        (61_000, "61 µs"),
        (999_400, "999 µs"),
        (999_999, "1 ms"),
        (45_179_000, "45.2 ms"),
        (2_491_207_000, "2.49 s"),
        (59_999_999_999, "1 min"),
        (125_000_000_000, "2 min 5 s"),
        (3_600_000_000_000, "1 h"),
        (5_400_000_000_000, "1 h 30 min"),
        (90_000_000_000_000, "1 d 1 h"),
        (-61_000, "-61 µs"),
    ],
)
def test_duration(ns: int, text: str) -> None:
    assert duration(ns) == text


@pytest.mark.parametrize(
    ("host", "port", "text"),
    [
        ("192.0.2.1", 443, "192.0.2.1:443"),
        ("2001:db8::1", 443, "[2001:db8::1]:443"),
        (None, None, "?:?"),
        ("web", None, "web:?"),
    ],
)
def test_endpoint(host: str | None, port: int | None, text: str) -> None:
    assert endpoint(host, port) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0, 0, "–"), (0, 10, "0 %"), (1, 1000, "<1 %"), (999, 1000, ">99 %"), (1, 2, "50 %")],
)
def test_share_hides_no_remainder(part: int, whole: int, text: str) -> None:
    assert share(part, whole) == text


def test_stamp() -> None:
    noon = 1529496050_443687000
    assert stamp(noon) == "2018-06-20 12:00:50.443687"
    assert stamp(noon, dated=False) == "12:00:50.443687"
    assert stamp(noon, digits=0) == "2018-06-20 12:00:50"
    assert stamp(None) == "unknown"
    assert stamp(2**63 - 1).startswith("2262")
    assert stamp(10**25) == "unknown"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "with no teardown before it"),
        (-1.0, "1 s before the teardown is logged"),
        (0.0, "in the second of the teardown"),
        (2.0, "2 s after the teardown"),
    ],
)
def test_lag(value: float | None, text: str) -> None:
    assert lag(value) == text


def test_count() -> None:
    assert count(1, "frame") == "1 frame"
    assert count(2, "entry", "entries") == "2 entries"
    assert count(1234567, "line") == "1\u202f234\u202f567 lines"
