"""What the whole log tells of the hosts of a denial, in bulk and in numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl

from finis.correlation.keys import mix
from finis.diagnosis.coded import Names
from finis.diagnosis.counting import Counting
from finis.diagnosis.kinds import Population, shown
from finis.tracking.parts import LogPart
from finis.wire.dialects._packed import BIT

Array = np.ndarray
NO_PORT = np.uint32(1 << 16)


@dataclass(frozen=True, slots=True)
class Ends:
    """Who was refused: hosts in the codes of a `Names`, ports with NO_PORT for none."""

    src: Array
    src_p: Array
    dst: Array
    dst_p: Array

    def cut(self, at: slice) -> Ends:
        return Ends(self.src[at], self.src_p[at], self.dst[at], self.dst_p[at])


def ends(part: LogPart, names: Names) -> Ends:
    """Of the denials of a part."""
    event = part.denials["refusal"]["event"]
    hosts = [names.codes(event[f"{end}_h"], part.book) for end in "ab"]
    ports = [
        np.where(event["has"] & BIT[f"{end}_p"] != 0, event[f"{end}_p"].astype("u4"), NO_PORT)
        for end in "ab"
    ]
    return Ends(hosts[0], ports[0], hosts[1], ports[1])


class Counted:
    """All denials of a log by their hosts.  Some 40 bytes a denial while it lasts."""

    def __init__(
        self, parts: Iterable[LogPart], names: Names, openers: Counting, logged: dict[str, bool]
    ) -> None:
        """`openers`: connections by who opened them, marked those without data; `logged`: whose
        connections are logged, by device."""
        self.openers, self.logged = openers, logged
        found, tuples = [], []
        for part in parts:
            one = ends(part, names)
            row = part.denials["refusal"]
            known = row["log_row"].astype(np.int64).view(np.uint64)
            proto = _protocols(part)[row["event"]["words"]]
            found.append(one)
            tuples.append(mix(one.src, one.src_p, one.dst, one.dst_p, known, row["device"], proto))
        none = np.empty(0, "u8")
        self.ends = Ends(
            *(np.concatenate([none, *(getattr(one, name) for one in found)]).astype("u8")
              for name in ("src", "src_p", "dst", "dst_p"))
        )  # fmt: skip
        self.tuples = np.concatenate([none, *tuples])
        target = mix(self.ends.dst, self.ends.dst_p)
        src = pl.Series(self.ends.src)
        per_tuple = pl.DataFrame({"k": self.tuples}).select(pl.len().over("k"))
        self.repeats = per_tuple.to_series().to_numpy().astype(np.int64)
        by_src = (
            pl.DataFrame({"src": src, "target": target})
            .group_by("src")
            .agg(fanout=pl.col("target").n_unique(), denied=pl.len())
            .sort("src")
        )
        self.sources = by_src["src"].to_numpy()
        self.fanout = by_src["fanout"].to_numpy().astype(np.int64)
        self.refused = by_src["denied"].to_numpy().astype(np.int64)
        self.refused += openers.get(self.sources)[1]

    def of(self, part: LogPart, begin: int) -> Population:
        """Of the denials of a part, of which this is the number of the first."""
        at = slice(begin, begin + len(part.denials))
        here = self.ends.cut(at)
        place = np.searchsorted(self.sources, here.src)
        device = part.denials["refusal"]["device"]
        logged = np.array([self.logged.get(name, False) for name in part.devices] or [False])
        opened = self.openers.get(np.ascontiguousarray(here.dst))[0]
        told = logged[device] & (here.dst != 0)
        if self.openers.full:  # who was not counted may have opened any number
            told &= opened > 0
        named = here.src != 0
        return Population(
            repeats=self.repeats[at],
            src_fanout=np.where(named, self.fanout[place], -1),
            src_refused=np.where(named, self.refused[place], -1),
            dst_opened=np.where(told, opened, -1),
        )


def _protocols(part: LogPart) -> Array:
    """A number for the protocol that every word of a part names."""
    numbers: dict[object, int] = {}
    return np.array(
        [numbers.setdefault(proto, len(numbers)) for _, proto in shown(part)] or [0], "u8"
    )
