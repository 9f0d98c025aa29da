"""Which connections and denials of a log captures may show: those whose tuple some point saw.

No other can be joined to packets (`joining.log_candidates`, `denying`), so that the rest of a log
need not wait for what was captured.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from finis.correlation import keys
from finis.correlation.keys import Array
from finis.correlation.turned import Turned
from finis.wire.dialects._packed import BIT, NAMED, V4, Book

if TYPE_CHECKING:
    from finis.correlation.evidence import End, PointData
    from finis.tracking.parts import LogPart

SLOT_BITS = 22  # 4 MB: most tuples of a log are told to be none of these by one look …
HOST_BITS = 20  # … most of them by their hosts
_ODD = np.uint64(0x9E3779B97F4A7C15)


class Captured:
    """The tuples of all points.  Says of too many rows that they may be shown, never of too few."""

    def __init__(self, points: Sequence[PointData]) -> None:
        every = [Turned(p.observations.rows) for p in points if len(p.observations.rows)]
        none = np.empty(0, np.uint64)
        self._keys = np.unique(np.concatenate([none, *map(keys.row_keys, every)]))
        self._slots = np.zeros(1 << SLOT_BITS, bool)
        self._slots[_slot(self._keys)] = True
        self._met = np.zeros(1 << HOST_BITS, bool)  # of IPv4 addresses
        for rows in every:
            for end in ("orig", "resp"):
                number = rows[f"{end}_lo"] - np.uint64(keys.V4_PREFIX) + np.uint64(V4)
                self._met[_host_slot(number)] = True
        self._hosts: tuple[Book | None, tuple[Array, Array, Array]] = (None, _nobody())

    def __len__(self) -> int:
        return len(self._keys)

    def rows(self, part: LogPart) -> tuple[Array, Array]:
        """Connections and denials (bool) of a part.  A denial goes with its connection."""
        connections = self._shown(part, part.connections["start"]["event"])
        at = part.denials["at"]
        denials = self._shown(part, part.denials["refusal"]["event"]) & (at < 0)
        if len(connections):
            denials |= (at >= 0) & connections[np.maximum(at, 0)]
        return connections, denials

    def _shown(self, part: LogPart, event: Array) -> Array:
        """Events of whose tuples one was captured: those on both sides of the firewall, whichever
        side opened it, and the one that a denial names."""
        met = {end: self._may_be_met(event[f"{end}_h"]) for end in _ENDS}
        found: Array = (met["a"] & (met["b"] | met["b_mapped"])) | (met["a_mapped"] & met["b"])
        at = np.flatnonzero(found)
        a, b, a_mapped, b_mapped = self._ends(part, event[at])
        found[at] = self._known(a, b_mapped) | self._known(a_mapped, b) | self._known(a, b)
        return found

    def _may_be_met(self, hosts: Array) -> Array:
        found: Array = self._met[_host_slot(hosts)] | (hosts >= NAMED)
        return found

    def _known(self, one: End, other: End) -> Array:
        key = keys.tuple_key(one, other)
        found = self._slots[_slot(key)]
        at = np.flatnonzero(found)
        place = np.minimum(np.searchsorted(self._keys, key[at]), len(self._keys) - 1)
        found[at] = self._keys[place] == key[at]
        return found

    def _ends(self, part: LogPart, event: Array) -> tuple[End, End, End, End]:
        """Endpoints a and b of events, then as they are translated."""
        a, b = (self._end(part.book, event, end)[0] for end in "ab")
        return a, b, self._mapped(part.book, event, "a", a), self._mapped(part.book, event, "b", b)

    def _end(self, book: Book, event: Array, end: str) -> tuple[End, Array]:
        """One endpoint of events, and whether its host is an address."""
        hi, lo, known = self._halves(book, event[f"{end}_h"])
        return (hi, lo, event[f"{end}_p"].astype(np.uint64)), known

    def _mapped(self, book: Book, event: Array, end: str, own: End) -> End:
        """What it is translated to, itself where it is not."""
        other, mapped = self._end(book, event, f"{end}_mapped")
        mapped = mapped & (event["has"] & BIT[f"{end}_mapped_p"] != 0)
        hi, lo, port = (np.where(mapped, m, o) for m, o in zip(other, own, strict=True))
        return hi, lo, port

    def _halves(self, book: Book, hosts: Array) -> tuple[Array, Array, Array]:
        """Upper and lower halves of hosts, and whether each is an address."""
        lo = np.where(hosts != 0, hosts - np.uint64(V4) + np.uint64(keys.V4_PREFIX), np.uint64(0))
        hi, known = np.zeros(len(hosts), np.uint64), hosts != 0
        named = np.flatnonzero(hosts >= NAMED)
        if len(named):
            of, halves = self._hosts
            if of is not book or len(halves[0]) < len(book.hosts):
                halves = keys.parse(pl.Series(list(book.hosts), dtype=pl.String))
                self._hosts = book, halves
            at = (hosts[named] - np.uint64(NAMED)).astype(np.int64)
            hi[named], lo[named], known[named] = (half[at] for half in halves)
        return hi, lo, known


def _slot(key: Array) -> Array:
    slot: Array = key & np.uint64((1 << SLOT_BITS) - 1)
    return slot


def _host_slot(hosts: Array) -> Array:
    with np.errstate(over="ignore"):
        slot: Array = (hosts * _ODD) >> np.uint64(64 - HOST_BITS)
    return slot


_ENDS = ("a", "b", "a_mapped", "b_mapped")


def _nobody() -> tuple[Array, Array, Array]:
    return keys.parse(pl.Series([], dtype=pl.String))
