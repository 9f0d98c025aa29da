"""Sequence-number arithmetic modulo 2³² (RFC 9293 §3.4), total: no input raises.

Arguments of any size are reduced modulo 2³² first.  Intervals are half-open: ``[first, end)``.
"""

from __future__ import annotations

MODULUS = 1 << 32
_MASK = MODULUS - 1
_HALF = 1 << 31


def diff(a: int, b: int) -> int:
    """Signed distance from `b` to `a`, in −2³¹ … 2³¹−1; positive: `a` lies ahead of `b`."""
    return ((a - b + _HALF) & _MASK) - _HALF


def lt(a: int, b: int) -> bool:
    """`a` lies before `b`: by less than half the number space, else the answer is arbitrary but
    never true both ways."""
    return diff(a, b) < 0 and diff(b, a) > 0


def le(a: int, b: int) -> bool:
    """`a` lies before `b` or is `b`."""
    return a & _MASK == b & _MASK or lt(a, b)


def add(a: int, n: int) -> int:
    """`a` moved by `n` (which may be negative), in 0 … 2³²−1."""
    return (a + n) & _MASK


def in_window(seq: int, first: int, size: int) -> bool:
    """`seq` lies in ``[first, first + size)``; an empty or negative window holds nothing, one of
    2³² or more holds everything."""
    return (seq - first) & _MASK < size


def overlaps(seq: int, length: int, first: int, size: int) -> bool:
    """``[seq, seq + length)`` and ``[first, first + size)`` share a number; empty ones share none.
    Lengths of 2³¹ and more are outside what the comparison can mean."""
    if length <= 0 or size <= 0:
        return False
    return (seq - first) & _MASK < size or (first - seq) & _MASK < length
