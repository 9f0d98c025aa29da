"""Time stamps of pcapng interfaces: ticks since 1970 in units of the interface's own."""

from __future__ import annotations

from typing import NamedTuple

SECOND_NS = 10**9
MAX_NS = 1 << 62  # year 2116; what is later is taken for damage
MAX_OFFSET_S = 1 << 32
_MAX_TICKS = (1 << 64) - 1
_FRACTION_BITS = 34  # 2**34 * 10**9 still fits 64 bits; finer than a nanosecond


class Stamp(NamedTuple):
    """How ticks become nanoseconds.  ``bits >= 0``: a tick is 2^-bits s, else it is
    multiply/divide ns.  Ticks above `limit` are out of range."""

    multiply: int
    divide: int
    bits: int
    limit: int
    offset_ns: int

    def ns(self, ticks: int) -> int:
        """Nanoseconds since 1970 of 0 … `limit` ticks."""
        if self.bits < 0:
            return ticks * self.multiply // self.divide + self.offset_ns
        coarse = max(self.bits - _FRACTION_BITS, 0)
        fraction = (ticks & (1 << self.bits) - 1) >> coarse
        part = fraction * SECOND_NS >> self.bits - coarse
        return (ticks >> self.bits) * SECOND_NS + part + self.offset_ns


def stamp(resolution: int = 6, offset_s: int = 0) -> Stamp:
    """From the options if_tsresol (one byte: n for 10^-n s, 0x80 | n for 2^-n s) and
    if_tsoffset (seconds)."""
    offset_ns = max(-MAX_OFFSET_S, min(MAX_OFFSET_S, offset_s)) * SECOND_NS
    n = resolution & 0x7F
    if resolution & 0x80:
        bits = min(n, 63)
        limit = min((MAX_NS // SECOND_NS << bits) - 1, _MAX_TICKS)
        return Stamp(1, 1, bits, limit, offset_ns)
    if n <= 9:
        multiply: int = 10 ** (9 - n)
        return Stamp(multiply, 1, -1, MAX_NS // multiply, offset_ns)
    return Stamp(1, 10 ** min(n - 9, 19), -1, _MAX_TICKS, offset_ns)


def resolution_ns(resolution: int) -> int:
    """Length of a tick in ns, at least 1."""
    n = resolution & 0x7F
    if resolution & 0x80:
        return max(SECOND_NS >> n, 1)
    tick: int = 10 ** max(9 - n, 0)
    return tick
