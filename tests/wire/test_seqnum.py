"""RFC 9293 §3.4, at and around the wrap; properties on any integers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finis.wire import seqnum

TOP = 2**32 - 1


@pytest.mark.parametrize(
    ("a", "b", "distance"),
    [
        (0, 0, 0),
        (1, 0, 1),
        (0, 1, -1),
        (0, TOP, 1),
        (TOP, 0, -1),
        (2**31 - 1, 0, 2**31 - 1),
        (2**31, 0, -(2**31)),
        (5, TOP - 4, 10),
    ],
)
def test_diff(a: int, b: int, distance: int) -> None:
    assert seqnum.diff(a, b) == distance


@pytest.mark.parametrize(
    ("seq", "first", "size", "inside"),
    [
        (100, 100, 1, True),
        (101, 100, 1, False),
        (99, 100, 10, False),
        (109, 100, 10, True),
        (110, 100, 10, False),
        (100, 100, 0, False),
        (100, 100, -5, False),
        (3, TOP - 1, 6, True),
        (4, TOP - 1, 6, False),
        (TOP, TOP, 1, True),
        (7, 8, 2**32, True),
    ],
)
def test_in_window_is_half_open(seq: int, first: int, size: int, inside: bool) -> None:
    assert seqnum.in_window(seq, first, size) is inside


@pytest.mark.parametrize(
    ("seq", "length", "first", "size", "shared"),
    [
        (100, 10, 110, 5, False),
        (100, 11, 110, 5, True),
        (114, 10, 110, 5, True),
        (115, 10, 110, 5, False),
        (TOP, 2, 0, 1, True),
        (TOP, 1, 0, 1, False),
        (110, 0, 110, 5, False),
        (110, 5, 110, 0, False),
    ],
)
def test_overlaps(seq: int, length: int, first: int, size: int, shared: bool) -> None:
    assert seqnum.overlaps(seq, length, first, size) is shared


any_number = st.integers(-(2**70), 2**70)


@given(any_number, any_number)
def test_order_is_never_both_ways(a: int, b: int) -> None:
    assert not (seqnum.lt(a, b) and seqnum.lt(b, a))
    assert seqnum.le(a, b) == (seqnum.lt(a, b) or (a - b) % 2**32 == 0)
    assert seqnum.add(b, seqnum.diff(a, b)) == a % 2**32


@given(any_number, st.integers(1, 2**31 - 1))
def test_a_step_forward_is_after(a: int, n: int) -> None:
    assert seqnum.lt(a, seqnum.add(a, n))
    assert seqnum.diff(seqnum.add(a, n), a) == n
    assert seqnum.in_window(seqnum.add(a, n), a, n + 1)
    assert not seqnum.in_window(seqnum.add(a, n), a, n)
