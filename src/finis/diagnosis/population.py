"""What the whole log tells of the hosts of a denial, in bulk and in numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from finis.correlation.keys import mix
from finis.diagnosis.counting import Counting, counter, firsts
from finis.diagnosis.kinds import Population
from finis.diagnosis.spill import Spill

Array = np.ndarray
Key = Callable[[Array], Array]  # packed denials → a number for what is counted (u8, 0: nothing)
SHARE = 1 << 22  # rows whose keys are counted at one time


class Counted:
    """All denials of a log (`refused.REFUSED`) by their hosts.  Keys are counted a share at a time,
    so that memory is a ceiling and 13 bytes a denial."""

    def __init__(self, refused: Spill, openers: Counting) -> None:
        """`openers`: connections by who opened them, marked those without data."""
        self.refused, self.openers = refused, openers
        self._shares = 1 + refused.rows // SHARE
        self.repeats = self._times(lambda rows: rows["tuple"])
        self.denied = self._times(lambda rows: rows["src"])
        self.fanout = self._times(lambda rows: rows["src"], only=self._first_of_target())

    def _times(self, key: Key, only: Array | None = None) -> Array:
        """How often the key of every row comes (u4), `only` in these rows."""
        out = np.zeros(self.refused.rows, "u4")
        for share in range(self._shares):
            counts = counter(SHARE, forget=False)
            for begin, keys in self._keys(key, share):
                counts.add(keys if only is None else keys * only[begin : begin + len(keys)])
            for begin, keys in self._keys(key, share):
                out[begin : begin + len(keys)] += counts.get(keys)[0].astype("u4")
        return out

    def _first_of_target(self) -> Array:
        """Which rows are the first of their source with their target (u8: 1 or 0)."""
        out = np.zeros(self.refused.rows, "u1")
        for share in range(self._shares):
            met = firsts()
            for begin, keys in self._keys(_target, share):
                out[begin + met.add(keys, np.zeros(len(keys), "i8"))] = 1
        return out

    def _keys(self, key: Key, share: int):  # type: ignore[no-untyped-def]
        """The first row of every chunk, and its keys; 0 where they are of another share."""
        begin = 0
        for rows in self.refused:
            keys = np.ascontiguousarray(key(rows))
            if self._shares > 1:
                keys = np.where(mix(keys) % np.uint64(self._shares) == share, keys, np.uint64(0))
            yield begin, keys
            begin += len(rows)

    def of(self, rows: Array, begin: int, logged: Array) -> Population:
        """Of some packed denials, of which this is the number of the first.  `logged`: are the
        connections of the device of each logged?"""
        at = slice(begin, begin + len(rows))
        opened = self.openers.get(np.ascontiguousarray(rows["dst"]))[0]
        refused = self.denied[at] + self.openers.get(np.ascontiguousarray(rows["src"]))[1]
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


def _target(rows: Array) -> Array:
    return np.where(
        rows["src"] != 0, mix(rows["src"], rows["dst"], rows["dst_p"]) | np.uint64(1), np.uint64(0)
    )
