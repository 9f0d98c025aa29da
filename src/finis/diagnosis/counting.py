"""Counting keys in bounded memory: who is named how often.

`Counter` here is the readable form; the compiled one (`_counting`) does the same, many times
faster.
"""

from __future__ import annotations

import os
from typing import Protocol

import numpy as np

Array = np.ndarray


class Counting(Protocol):
    def add(self, keys: Array, marked: Array | None = None) -> None: ...
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

    def add(self, keys: Array, marked: Array | None = None) -> None:
        """`marked`: bool per key."""
        marks = [False] * len(keys) if marked is None else marked.tolist()
        for key, mark in zip(keys.tolist(), marks, strict=True):
            entry = self.counts.get(key)
            if entry is None:
                if key == 0:
                    continue
                if len(self.counts) >= 2 * self.most and not self._make_room():
                    continue
                entry = self.counts[key] = [0, 0]
            entry[0] += 1
            entry[1] += mark

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


def least_kept(counts: Array, most: int) -> int:
    """The least count with which no more than `most` are kept."""
    at = len(counts) - most - 1  # of the greatest that must go, in ascending order
    return int(np.partition(counts, at)[at]) + 1 if at >= 0 else 0


def counter(most: int, *, forget: bool = True) -> Counting:
    """A compiled counter where there is one."""
    if os.environ.get("FINIS_PURE") != "1":
        try:
            from finis.diagnosis import _counting
        except ImportError:
            pass
        else:
            return _counting.Counter(most, forget)
    return Counter(most, forget=forget)
