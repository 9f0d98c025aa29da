"""What `tally.Table` asks of a batch of connections that one point's packets tell everything of:
read from their facts as numbers, without a Polars query over all rows.  The answers are those that
the queries in `tally` give.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from finis.correlation.columns import Column, as_time
from finis.correlation.keys import Array
from finis.records import dataclass

if TYPE_CHECKING:
    from finis.diagnosis.engine import Judged

Key = tuple[str, str]  # cause, harm
ENDS = ("orig_h", "orig_p", "resp_h", "resp_p")


def numbered(judged: Judged, frame: pl.DataFrame) -> Numbered | None:
    """The rows of `frame` (judged connections) as numbers, where there are such."""
    facts, told = judged.stories.facts, judged.told
    if facts is None or told is None or not frame.height:
        return None
    ends = {name: facts[name] for name in ENDS}
    if any(column.valid is not None for column in ends.values()):
        return None
    story = frame["row"].to_numpy()
    if facts.order is not None:
        story = facts.order[story]
    causes, harms = _words(told["cause"]), _words(told["harm"])
    number = told["cause"].values[story].astype(np.uint16) * np.uint16(len(harms))
    number += told["harm"].values[story]
    order = np.argsort(number, kind="stable")
    ordered = number[order]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    keys = [(causes[n // len(harms)], harms[n % len(harms)]) for n in ordered[starts].tolist()]
    sizes = np.diff(np.append(starts, len(order)))
    times = facts["first_ts"], facts["last_ts"]
    return Numbered(keys, order, starts, sizes, story, ends, times, told)


def _words(column: Column) -> list[Any]:
    assert column.menu is not None
    return column.menu.to_list()


@dataclass(slots=True)
class Numbered:
    """Rows in groups of one cause and harm: group g is order[starts[g] :][: sizes[g]]."""

    keys: list[Key]
    order: Array
    starts: Array
    sizes: Array
    story: Array  # of every row
    ends: Mapping[str, Column]
    times: tuple[Column, Column]
    told: Mapping[str, Column]

    def groups(self) -> Iterator[tuple[Key, Array]]:
        """Every group and its rows, in their order."""
        for key, start, size in zip(self.keys, self.starts, self.sizes, strict=True):
            yield key, self.order[start : start + size]

    def _grouped(self, column: Column) -> Array:
        found: Array = column.values[self.story][self.order]
        return found

    def stats(self) -> Iterator[dict[str, Any]]:
        """As `Table._stats`."""
        least = np.minimum.reduceat(self._grouped(self.told["confidence"]), self.starts)
        first, last = self._bound(self.times[0], np.minimum), self._bound(self.times[1], np.maximum)
        for at, (key, size) in enumerate(zip(self.keys, self.sizes.tolist(), strict=True)):
            yield {
                "cause": key[0], "harm": key[1], "members": size, "packets": 0,
                "first": first[at], "last": last[at], "least": int(least[at]), "products": [],
            }  # fmt: skip

    def _bound(self, column: Column, which: np.ufunc) -> list[datetime | None]:
        """Per group the least or greatest time that is known."""
        values = self._grouped(column)
        if column.valid is None:
            return [as_time(ns) for ns in which.reduceat(values, self.starts).tolist()]
        valid = column.valid[self.story][self.order]
        parts = np.split(values, self.starts[1:]), np.split(valid, self.starts[1:])
        return [
            as_time(int(which.reduce(part[good]))) if good.any() else None
            for part, good in zip(*parts, strict=True)
        ]

    def hosts(self, end: str) -> pl.DataFrame:
        """How often each host was at this end: cause, harm, host, n."""
        codes, n, group = self._counted(end)
        texts = self._menu(end)[pl.Series(codes.astype(np.uint32))]
        return self._named(group).with_columns(texts.alias("host"), pl.Series("n", n))

    def _menu(self, end: str) -> pl.Series:
        menu = self.ends[end].menu
        assert menu is not None
        return menu

    def _named(self, group: Array) -> pl.DataFrame:
        at = pl.Series(group.astype(np.uint32))
        cause, harm = (pl.Series([key[n] for key in self.keys], dtype=pl.String) for n in (0, 1))
        return pl.DataFrame({"cause": cause[at], "harm": harm[at]})

    def _counted(self, end: str) -> tuple[Array, Array, Array]:
        """Codes of hosts, how often each came in a group, and the group."""
        size = len(self._menu(end))
        group = np.repeat(np.arange(len(self.keys)), self.sizes)
        both = group * size + self._grouped(self.ends[end])
        if size * len(self.keys) <= 4 * len(both):
            counts = np.bincount(both)
            found = np.flatnonzero(counts)
            n = counts[found]
        else:
            found, n = np.unique(both, return_counts=True)
        return found % size, n.astype(np.int64, copy=False), found // size

    def contributing(self) -> dict[str, int]:
        """Connections that each cause contributes to."""
        column = self.told["contributing"]
        counts = np.bincount(column.values[self.story])
        out: dict[str, int] = {}
        words = _words(column)
        for at in np.flatnonzero(counts).tolist():
            for name in words[at].split(",") if words[at] else ():
                out[name] = out.get(name, 0) + int(counts[at])
        return out

    def servers(self, causes: set[str]) -> tuple[Array, Array]:
        """Of each server that remedies of these causes would name, in its group: the first row,
        and how many there are."""
        firsts, counts = [], []
        host, port = (self.ends[f"resp_{what}"].values[self.story] for what in "hp")
        for (cause, _), rows in self.groups():
            if cause in causes:
                both = host[rows].astype(np.int64) << 16 | port[rows]
                _, first, n = np.unique(both, return_index=True, return_counts=True)
                inward = np.argsort(first)
                firsts.append(rows[first[inward]])
                counts.append(n[inward])
        none = np.empty(0, np.int64)
        return np.concatenate([none, *firsts]), np.concatenate([none, *counts])

    def clients(self, causes: set[str]) -> pl.DataFrame:
        """Per group of these causes the least and greatest of who opened it."""
        codes, _, group = self._counted("orig_h")
        texts = self._menu("orig_h")[pl.Series(codes.astype(np.uint32))]
        port = self._grouped(self.ends["orig_p"])
        least, most = (which.reduceat(port, self.starts) for which in (np.minimum, np.maximum))
        hosts = pl.DataFrame({"group": group, "text": texts}).group_by("group").agg(
            pl.col("text").min().alias("orig_h_min"), pl.col("text").max().alias("orig_h_max")
        )  # fmt: skip
        every = self._named(np.arange(len(self.keys))).with_columns(
            *hosts.sort("group").drop("group").get_columns(),
            pl.Series("orig_p_min", least.astype(np.int64)),
            pl.Series("orig_p_max", most.astype(np.int64)),
        )
        return every.filter(pl.col("cause").is_in(list(causes)))

    def foremost(self, limit: int, looked_at: int) -> Array:
        """Rows that may become examples: of each group those that tell most, by pairs of hosts and
        any; `looked_at` of them are enough where they show pairs to choose from."""
        orig, resp = (self.ends[f"{side}_h"].values[self.story] for side in ("orig", "resp"))
        pair = orig.astype(np.int64) << 32 | resp
        telling = self.told["confidence"].values[self.story]  # all else is the same in all
        chosen = [np.empty(0, np.int64)]
        for _, rows in self.groups():
            sure = telling[rows]
            ranked = rows[sure == sure.max()][:looked_at]
            if len(np.unique(pair[ranked])) < limit:
                ranked = rows[np.argsort(-sure.astype(np.int16), kind="stable")]
            _, first = np.unique(pair[ranked], return_index=True)
            chosen += [ranked[np.sort(first)[:limit]], ranked[:limit]]
        return np.unique(np.concatenate(chosen))
