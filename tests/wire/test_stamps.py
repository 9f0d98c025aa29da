"""Ticks to nanoseconds for every resolution a pcapng interface can claim."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finis.wire.stamps import MAX_NS, resolution_ns, stamp


@pytest.mark.parametrize(
    ("resolution", "offset_s", "ticks", "ns"),
    [
        (6, 0, 1_700_000_000_123_456, 1_700_000_000_123_456_000),
        (9, 0, 1_700_000_000_123_456_789, 1_700_000_000_123_456_789),
        (3, 0, 1_700_000_000_123, 1_700_000_000_123_000_000),
        (0, 0, 1_700_000_000, 1_700_000_000_000_000_000),
        (12, 0, 5_000_000_000_999, 5_000_000_000),
        (6, -10, 15_000_000, 5_000_000_000),
        (6, 1_700_000_000, 1, 1_700_000_000_000_001_000),
        (0x80 | 10, 0, 1024 + 512, 1_500_000_000),
        (0x80 | 0, 0, 3, 3_000_000_000),
        (0x80 | 40, 0, (7 << 40) + (1 << 39), 7_500_000_000),
        (127, 0, 2**64 - 1, 1),
    ],
)
def test_known_stamps(resolution: int, offset_s: int, ticks: int, ns: int) -> None:
    assert stamp(resolution, offset_s).ns(ticks) == ns


@given(st.integers(0, 255), st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**64 - 1))
def test_what_is_in_range_fits_64_bits_and_is_exact(
    resolution: int, offset_s: int, ticks: int
) -> None:
    found = stamp(resolution, offset_s)
    if ticks > found.limit:
        return
    ns = found.ns(ticks)
    assert -(2**63) <= ns < 2**63
    n = resolution & 0x7F
    if n <= (63 if resolution & 0x80 else 28):
        seconds = Fraction(ticks, (2 if resolution & 0x80 else 10) ** n)
        # Rounded down to a nanosecond, from fractions cut at 2^-34 s (0.06 ns).
        assert 0 <= found.offset_ns + seconds * 10**9 - ns < 1 + Fraction(10**9, 2**34)


@given(st.integers(0, 255))
def test_this_century_is_in_range(resolution: int) -> None:
    found = stamp(resolution)
    n, base = resolution & 0x7F, 2 if resolution & 0x80 else 10
    year_2100 = 4_102_444_800 * base**n
    assert year_2100 <= found.limit or year_2100 >= 2**64 or n > 63
    assert found.ns(min(found.limit, 2**64 - 1)) <= MAX_NS
    assert resolution_ns(resolution) >= 1
