"""How often keys came, however many there are: those that came first are counted in a table, all
others wait on disk until it is known whose number is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from finis.diagnosis.counting import Counting, counter
from finis.diagnosis.spill import Spill
from finis.records import dataclass

Array = np.ndarray
FEW = 1 << 15  # half of the keys that are counted at once
ASKED_MOST = 1 << 20  # half of the keys that may be asked for at one time


@dataclass(frozen=True, slots=True)
class Known:
    """The numbers of the keys that were asked for, and of some more."""

    tables: tuple[Counting, ...]  # no key is counted in two of them
    full: bool = False  # more were asked for than are counted: 0 may be any number

    def get(self, keys: Array) -> tuple[Array, Array]:
        """How often each of these came, and how often marked."""
        counts, marked = zip(*(table.get(keys) for table in self.tables), strict=True)
        return sum(counts[1:], start=counts[0]), sum(marked[1:], start=marked[0])


class Times:
    """How often every key (u8, not 0) came, and how often it came marked."""

    def __init__(self) -> None:
        self.first = counter(FEW, forget=False)
        self.others = Spill(np.dtype("u8")), Spill(np.dtype("u8"))  # the marked ones apart

    def add(self, keys: Array, marked: Array | None = None) -> None:
        """`marked`: bool per key."""
        left = self.first.add(keys, marked)
        if not len(left):
            return
        some = np.zeros(len(left), bool) if marked is None else marked[left] != 0
        for spill, mine in zip(self.others, (~some, some), strict=True):
            spill.add(keys[left[mine]])

    def about(self, asked: Iterable[Array]) -> Known:
        """What is known of these keys."""
        if not any(spill.rows for spill in self.others):
            return Known((self.first,))
        more = counter(ASKED_MOST, forget=False)
        for keys in asked:
            more.hold(keys)
        full = more.full
        more.close()
        for spill, marked in zip(self.others, (False, True), strict=True):
            for keys in spill:
                more.add(keys, np.ones(len(keys), bool) if marked else None)
        return Known((self.first, more), full)
