"""What the whole log tells of the hosts of a denial, in bulk and in numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain

import numpy as np

from finis.correlation.keys import mix
from finis.diagnosis.counting import counter, firsts
from finis.diagnosis.kinds import Population
from finis.diagnosis.spill import CHUNK, Chunk, Columnar, Spill
from finis.diagnosis.times import Times

Array = np.ndarray
MANY = 1 << 21  # rows; of more, memory counts for more than what a second thread saves
SHARE = 1 << 20  # rows, about, whose keys are counted at one time


class Counted:
    """All denials of a log by their hosts.  Keys are counted a share at a time, so that memory is a
    ceiling and 13 bytes a denial."""

    def __init__(self, rows: Columnar, targets: Spill, openers: Times, mapped: Times) -> None:
        """Their columns; `targets`: whom each tried to reach, as a number, 0 where that is not
        known; `openers`: connections by who opened them, marked those without data; `mapped`: by
        what their openers were translated to (`of_device`)."""
        there = zip(rows.columns["dst"], rows.columns["device"], strict=True)
        self.mapped = mapped.about(of_device(*one) for one in there)
        tuples, sources = rows.columns["tuple"], rows.columns["src"]
        hosts = chain(rows.columns["dst"], sources)
        if not CHUNK < tuples.rows <= MANY:
            self.openers = openers.about(hosts)
            [self.repeats] = _times(tuples)
            self.denied, self.fanout = _times(sources, _first(targets))
            return
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(1) as pool:
            known = pool.submit(openers.about, hosts)
            [self.repeats] = _times(tuples)
            self.denied, self.fanout = _times(sources, _first(targets))
            self.openers = known.result()

    def of(self, rows: Chunk, begin: int, logged: Array, torn: Array) -> Population:
        """Of some packed denials, of which this is the number of the first.  `logged`: are the
        connections of the device of each logged?  `torn`: are their ends?"""
        at = slice(begin, begin + len(rows))
        opened = self.openers.get(rows["dst"])[0]
        refused = self.denied[at] + self.openers.get(rows["src"])[1]
        told = logged & (rows["dst"] != 0)
        if self.openers.full:  # who was not counted may have opened any number
            told &= opened > 0
        named = rows["src"] != 0
        mapped = self.mapped.get(of_device(rows["dst"], rows["device"]))[0] > 0
        return Population(
            repeats=self.repeats[at].astype("i8"),
            src_fanout=np.where(named, self.fanout[at].astype("i8"), -1),
            src_refused=np.where(named, refused.astype("i8"), -1),
            dst_opened=np.where(told, opened, -1),
            dst_mapped=(mapped & told & (opened == 0) & torn).astype("i8"),
            torn_logged=torn.astype("i8"),
        )


def of_device(hosts: Array, devices: Array) -> Array:
    """Keys of hosts as each device knows them."""
    key: Array = mix(hosts, devices.astype("u8")) | np.uint64(1)
    return key


def _times(keys: Spill, marked: Array | None = None) -> Array:
    """How often (u4) the key of every row comes, and, where some are `marked`, how often in these:
    one row or two."""
    out = np.zeros((1 if marked is None else 2, keys.rows), "u4")
    for share in _shares(keys):
        counts = counter(SHARE, forget=False)
        for at, some in share():
            counts.add(some, None if marked is None else marked[at])
        for at, some in share():
            out[:, at] = counts.get(some)[: len(out)]
    return out


def _first(keys: Spill) -> Array:
    """Which rows are the first of their key (bool)."""
    out = np.zeros(keys.rows, bool)
    for share in _shares(keys):
        met = firsts()
        for at, some in share():
            same = np.zeros(len(some), "i8")
            out[at[met.add(some, same, same)]] = True
    return out


Share = Callable[[], Iterator[tuple[Array, Array]]]


def _shares(keys: Spill) -> Iterator[Share]:
    """The rows in shares of which each has all rows of its keys: their numbers, and the keys."""
    if keys.rows <= SHARE:
        yield lambda: _numbered(keys)
        return
    shares = [Spill(_PLACED, 64) for _ in range(1 + keys.rows // SHARE)]
    for at, some in _numbered(keys):
        share = mix(some) % np.uint64(len(shares))
        order = np.argsort(share, kind="stable")
        rows = np.empty(len(some), _PLACED)
        rows["key"], rows["at"] = some[order], at[order]
        ends = np.searchsorted(share[order], np.arange(1, len(shares)).astype("u8"))
        for spill, mine in zip(shares, np.split(rows, ends), strict=True):
            spill.add(mine)
    for spill in shares:
        yield partial(_placed, spill)


def _numbered(keys: Spill) -> Iterator[tuple[Array, Array]]:
    begin = 0
    for some in keys:
        yield np.arange(begin, begin := begin + len(some)), some


def _placed(rows: Spill) -> Iterator[tuple[Array, Array]]:
    for some in rows:
        yield some["at"], some["key"].copy()


_PLACED = np.dtype([("key", "u8"), ("at", "u4")])
