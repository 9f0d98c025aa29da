"""What the whole log tells of the hosts of a denial, in bulk and in numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from finis.correlation.keys import mix
from finis.diagnosis.counting import Counting, counter, firsts
from finis.diagnosis.kinds import Population
from finis.diagnosis.spill import Chunk, Spill

Array = np.ndarray
SHARE = 1 << 20  # rows whose keys are counted at one time


class Counted:
    """All denials of a log by their hosts.  Keys are counted a share at a time, so that memory is a
    ceiling and 13 bytes a denial."""

    def __init__(self, tuples: Spill, sources: Spill, targets: Spill, openers: Counting) -> None:
        """A key (u8, 0: nothing to count) of every denial for each; `openers`: connections by who
        opened them, marked those without data."""
        self.openers = openers
        self.repeats = _times(tuples)
        self.denied = _times(sources)
        self.fanout = _times(sources, only=_first(targets))

    def of(self, rows: Chunk, begin: int, logged: Array) -> Population:
        """Of some packed denials, of which this is the number of the first.  `logged`: are the
        connections of the device of each logged?"""
        at = slice(begin, begin + len(rows))
        opened = self.openers.get(rows["dst"])[0]
        refused = self.denied[at] + self.openers.get(rows["src"])[1]
        told = logged & (rows["dst"] != 0)
        if self.openers.full:  # who was not counted may have opened any number
            told &= opened > 0
        named = rows["src"] != 0
        return Population(
            repeats=self.repeats[at].astype("i8"),
            src_fanout=np.where(named, self.fanout[at].astype("i8"), -1),
            src_refused=np.where(named, refused.astype("i8"), -1),
            dst_opened=np.where(told, opened, -1),
        )


def _times(keys: Spill, only: Array | None = None) -> Array:
    """How often the key of every row comes (u4), `only` in rows where this is 1."""
    out = np.zeros(keys.rows, "u4")
    for share in _shares(keys):
        counts = counter(SHARE, forget=False)
        for at, some in share():
            counts.add(some if only is None else some * only[at])
        for at, some in share():
            out[at] += counts.get(some)[0].astype("u4")
    return out


def _first(keys: Spill) -> Array:
    """Which rows are the first of their key (u1: 1 or 0)."""
    out = np.zeros(keys.rows, "u1")
    for share in _shares(keys):
        met = firsts()
        for at, some in share():
            same = np.zeros(len(some), "i8")
            out[at.start + met.add(some, same, same)] = 1
    return out


Share = Callable[[], Iterator[tuple[slice, Array]]]


def _shares(keys: Spill) -> Iterator[Share]:
    """Shares of the keys: each gives chunks, and 0 for keys of other shares."""
    shares = 1 + keys.rows // SHARE
    for share in range(shares):

        def chunks(share: int = share) -> Iterator[tuple[slice, Array]]:
            begin = 0
            for some in keys:
                at = slice(begin, begin := begin + len(some))
                if shares > 1:
                    mine = mix(some) % np.uint64(shares) == np.uint64(share)
                    some = np.where(mine, some, np.uint64(0))
                yield at, some

        yield chunks
