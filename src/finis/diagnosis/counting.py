"""Keys in bounded memory: who is named how often, and where first.

The classes here are the readable form; the compiled ones (`_counting`) do the same, many times
faster.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from finis.compiled import kernel

Array = np.ndarray
NO_CODE = 0xFFFFFFFF
NEVER = -(2**63)  # no stamp


class Counting(Protocol):
    def add(self, keys: Array, marked: Array | None = None) -> Array: ...
    def hold(self, keys: Array) -> None: ...
    def close(self) -> None: ...
    def add_some(self, keys: Array, at: Array) -> None: ...
    def items(self) -> tuple[Array, Array, Array]: ...
    def get(self, keys: Array) -> tuple[Array, Array]: ...

    full: bool


class Counter:
    """How often every key (u8, not 0) came, and how often it came marked.

    At most `2 * most` keys are held.  Beyond that, either the rarest are forgotten, at least half
    (`forget`; what is forgotten counts from 0 when it comes again, so that a frequent key is short
    by little), or new keys are not counted any more.  `full`: that happened."""

    def __init__(self, most: int, *, forget: bool) -> None:
        self.most = most
        self.forget = forget
        self.full = False
        self.counts: dict[int, list[int]] = {}

    def add(self, keys: Array, marked: Array | None = None) -> Array:
        """`marked`: bool per key.  The indices of those for which there was no room."""
        marks = [False] * len(keys) if marked is None else marked.tolist()
        left = []
        for at, (key, mark) in enumerate(zip(keys.tolist(), marks, strict=True)):
            entry = self._entry(key)
            if entry is not None:
                entry[0] += 1
                entry[1] += mark
            elif key:
                left.append(at)
        return np.array(left, np.int64)

    def hold(self, keys: Array) -> None:
        """Make room for these, as far as there is any; they count from 0."""
        for key in keys.tolist():
            self._entry(key)

    def close(self) -> None:
        """Take no further keys but perhaps one.  Not where some are forgotten."""
        self.most = len(self.counts) // 2

    def _entry(self, key: int) -> list[int] | None:
        """What is counted of a key; None where nothing is."""
        entry = self.counts.get(key)
        if entry is None and key and (len(self.counts) < 2 * self.most or self._make_room()):
            entry = self.counts[key] = [0, 0]
        return entry

    def add_some(self, keys: Array, at: Array) -> None:
        """Those at these indices (i8)."""
        self.add(keys[at])

    def _make_room(self) -> bool:
        self.full = True
        if not self.forget:
            return False
        least = least_kept(np.array([n for n, _ in self.counts.values()]), self.most)
        self.counts = {key: entry for key, entry in self.counts.items() if entry[0] >= least}
        return True

    def items(self) -> tuple[Array, Array, Array]:
        """Keys in order, how often each came, and how often marked."""
        found = sorted((key, *entry) for key, entry in self.counts.items())
        keys, counts, marked = zip(*found, strict=True) if found else ((), (), ())
        return np.array(keys, "u8"), np.array(counts, "i8"), np.array(marked, "i8")

    def get(self, keys: Array) -> tuple[Array, Array]:
        """How often each of these came, and how often marked; 0 where unknown."""
        found = [self.counts.get(key, (0, 0)) for key in keys.tolist()]
        return np.array([n for n, _ in found], "i8"), np.array([n for _, n in found], "i8")


class Codes:
    """A code (below NO_CODE) for every key (u8) that was given one."""

    def __init__(self) -> None:
        self.codes: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self.codes)

    def put(self, key: int, code: int) -> None:
        self.codes[key] = code

    def find(self, keys: Array) -> tuple[Array, Array]:
        """The codes (u4) of these keys, NO_CODE where there is none; and of every key without one
        the index where it stands first."""
        out = np.array([self.codes.get(key, NO_CODE) for key in keys.tolist()], "u4")
        fresh = np.flatnonzero(out == NO_CODE)
        return out, fresh[np.sort(np.unique(keys[fresh], return_index=True)[1])]


class Firsts:
    """How often every key (u8, not 0) came, and the earliest of its rows."""

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.earliest: dict[int, tuple[int, int]] = {}  # begin and tie

    def __len__(self) -> int:
        return len(self.counts)

    def add(self, keys: Array, begin: Array, tie: Array) -> Array:
        """`begin` (i8): when each row began, `tie` (i8): which of equal ones is earlier.  The
        indices, in order, of those that are the earliest of their key now; of equal ones the first
        is."""
        now: dict[int, int] = {}
        places = zip(begin.tolist(), tie.tolist(), strict=True)
        for at, (key, place) in enumerate(zip(keys.tolist(), places, strict=True)):
            if key == 0:
                continue
            self.counts[key] = self.counts.get(key, 0) + 1
            if key not in self.earliest or place < self.earliest[key]:
                self.earliest[key], now[key] = place, at
        return np.array(sorted(now.values()), np.int64)

    def items(self) -> tuple[Array, Array]:
        """Keys in order, and how often each came."""
        found = sorted(self.counts.items())
        keys, counts = zip(*found, strict=True) if found else ((), ())
        return np.array(keys, "u8"), np.array(counts, "i8")

    def keep(self, keys: Array) -> None:
        """Forget all others."""
        for of in (self.counts, self.earliest):
            for key in set(of) - set(keys.tolist()):
                del of[key]


class Slots:
    """How often keys (u8, not 0) came at most: several share a slot, which counts to 255.
    The lowest bit of a key tells nothing."""

    def __init__(self, bits: int) -> None:
        self.counts = np.zeros(1 << bits, np.uint8)
        self.most = 0  # the highest count

    def add(self, keys: Array) -> None:
        slots, times = np.unique(self._slots(keys[keys != 0]), return_counts=True)
        if len(slots):
            now = np.minimum(self.counts[slots] + times, 255)
            self.counts[slots] = now
            self.most = max(self.most, int(now.max()))

    def get(self, keys: Array) -> Array:
        """The counts (u1) of the slots of these keys."""
        found: Array = self.counts[self._slots(keys)]
        return found

    def _slots(self, keys: Array) -> Array:
        return (keys >> np.uint64(1) & np.uint64(len(self.counts) - 1)).astype(np.int64)


class Members(Protocol):
    """Rows of a log, as `coded.Members`."""

    ends: tuple[Array, Array, Array, Array]
    product: Array
    first_ns: Array
    last_ns: Array
    packets: Array | None


def summed(rows: Members, at: Array, products: Array) -> tuple[int, int, int, bool, bool]:
    """Of some rows, at least one, by index (i8): the first stamp and the last (ns, NEVER where none
    is known), packets, whether all have one host, and whether one port.  Sets what they have of
    `products` (u1)."""
    host, port = (end[at] for end in rows.ends[:2])
    first = rows.first_ns[at]
    known = first[first != NEVER]
    products[np.unique(rows.product[at])] = 1
    return (
        int(known.min()) if len(known) else NEVER,
        int(rows.last_ns[at].max()),
        0 if rows.packets is None else int(rows.packets[at].sum()),
        bool((host == host[0]).all()),
        bool((port == port[0]).all()),
    )


def rivals(at: Array, telling: Array, begin: Array, least: int, latest: int) -> Array:
    """Which of the rows `at` are as telling as the `least` and begin no later, or tell more."""
    mine = telling[at]
    out: Array = at[(mine > least) | ((mine == least) & (begin[at] <= latest))]
    return out


def least_kept(counts: Array, most: int) -> int:
    """The least count with which no more than `most` are kept."""
    at = len(counts) - most - 1  # of the greatest that must go, in ascending order
    return int(np.partition(counts, at)[at]) + 1 if at >= 0 else 0


def _kernel() -> Any:
    """What is compiled of this module, if it is."""
    return kernel("finis.diagnosis._counting")


def counter(most: int, *, forget: bool = True) -> Counting:
    """A compiled counter where there is one."""
    fast = _kernel()
    return Counter(most, forget=forget) if fast is None else fast.Counter(most, forget)


def codes() -> Codes:
    """The compiled ones where there are any, as `firsts` and `slots`."""
    fast = _kernel()
    return Codes() if fast is None else fast.Codes()


def firsts() -> Firsts:
    fast = _kernel()
    return Firsts() if fast is None else fast.Firsts()


def slots(bits: int) -> Slots:
    fast = _kernel()
    return Slots(bits) if fast is None else fast.Slots(bits)


def fast(function: Callable[..., Any]) -> Callable[..., Any]:
    """The compiled one where there is one."""
    found: Callable[..., Any] = getattr(_kernel(), function.__name__, function)
    return found
