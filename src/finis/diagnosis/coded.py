"""The tally of verdicts where rows are numbers: as `tally`, of packed rows whose cause follows from
their kind.  What it holds grows with the causes and servers met, under ceilings; `give` hands all
of it to a `Tally`, which makes the findings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl

from finis.correlation.keys import mix
from finis.correlation.stories import Refusal, Story
from finis.diagnosis.counting import Counting, counter
from finis.diagnosis.kinds import Verdict
from finis.diagnosis.tally import LOOKED_AT, MOST, Held, Table, first_of_pairs, kept
from finis.wire.dialects._packed import NAMED, Book

Array = np.ndarray
NEVER = -(2**63)  # no stamp
_NAMES = 4 * MOST  # names and IPv6 addresses told apart; further ones are not counted


@dataclass(slots=True)
class Members:
    """Rows of one batch.  `ends`: host, port, peer, its port (hosts in the codes of a `Names`);
    `key`: a number for whom remedies are meant, 0 where none names hosts; stamps in ns, NEVER
    where unknown; `telling`: as in `tally`."""

    verdict: Array  # index of the row's Verdict
    ends: tuple[Array, Array, Array, Array]
    key: Array
    begin: Array
    tie: Array
    first_ns: Array
    last_ns: Array
    telling: Array
    product: Array  # index into `products`
    products: Sequence[str | None]
    packets: Array | None = None


class Names:
    """One code for every host, whatever the book of a part says."""

    def __init__(self) -> None:
        self.book = Book()
        self._known: tuple[Book | None, Array] = (None, np.empty(0, "u8"))

    def codes(self, hosts: Array, book: Book) -> Array:
        """`hosts` of a part in codes that hold for all parts; 0 where there are too many."""
        named = hosts >= NAMED
        if not named.any():
            return np.ascontiguousarray(hosts)
        old, known = self._known
        if old is not book or len(known) < len(book.hosts):
            known = np.array([self._code(text) for text in book.hosts], "u8")
            self._known = (book, known)
        out = hosts.copy()
        out[named] = known[hosts[named] - np.uint64(NAMED)]
        return out

    def _code(self, text: str) -> int:
        full = len(self.book.hosts) >= _NAMES and text not in self.book._hosts
        return 0 if full else self.book.host(text)

    def texts(self, codes: Array) -> pl.Series:
        from finis.wire.dialects._packed import host_texts

        return host_texts("host", np.ascontiguousarray(codes), self.book)

    def of(self, texts: pl.Series) -> Array:
        """Codes of addresses as text; 0 for names that were not met."""
        codes = {t: self.book.host(t) if _is_known(self.book, t) else 0 for t in texts.unique()}
        return np.array([codes[text] for text in texts.to_list()], "u8")


def _is_known(book: Book, text: str | None) -> bool:
    from finis.wire.dialects._packed import ipv4

    return text is not None and (text in book._hosts or ipv4(text) >= 0)


@dataclass(slots=True)
class _Whom:
    """How often everybody was met whom a remedy could name, and where first."""

    keys: Array = field(default_factory=lambda: np.empty(0, "u8"))  # in order
    n: Array = field(default_factory=lambda: np.empty(0, "i8"))
    begin: Array = field(default_factory=lambda: np.empty(0, "i8"))
    rows: list[pl.DataFrame] = field(default_factory=list)  # the earliest: key, begin, tie, fields

    def add(
        self, key: Array, begin: Array, tie: Array, tell: Callable[[Array], pl.DataFrame]
    ) -> None:
        at = pl.int_range(pl.len(), dtype=pl.Int64)
        met = (
            pl.DataFrame({"key": key, "begin": begin})
            .with_columns(at=at)
            .group_by("key")
            .agg(n=pl.len().cast(pl.Int64), first=pl.col("at").get(pl.col("begin").arg_min()))
            .sort("key")
        )
        keys, n, first = (met[name].to_numpy() for name in ("key", "n", "first"))
        place = np.searchsorted(self.keys, keys)
        known = np.zeros(len(keys), bool)
        inside = place < len(self.keys)
        known[inside] = self.keys[place[inside]] == keys[inside]
        self.n[place[known]] += n[known]
        earlier = known.copy()
        earlier[known] = begin[first[known]] < self.begin[place[known]]
        self.begin[place[earlier]] = begin[first[earlier]]
        fresh = earlier | ~known
        if fresh.any():
            rows = first[fresh]
            self.rows.append(
                tell(rows).with_columns(
                    key=pl.Series(key[rows]), begin=pl.Series(begin[rows]), tie=pl.Series(tie[rows])
                )
            )
        new = ~known
        if new.any():
            self.keys = np.insert(self.keys, place[new], keys[new])
            self.n = np.insert(self.n, place[new], n[new])
            self.begin = np.insert(self.begin, place[new], begin[first[new]])
        if len(self.keys) > 2 * MOST:
            self._forget()

    def _forget(self) -> None:
        kept = np.sort(np.argsort(-self.n, kind="stable")[:MOST])
        self.keys, self.n, self.begin = self.keys[kept], self.n[kept], self.begin[kept]
        self.rows = [self.earliest().filter(pl.col("key").is_in(self.keys))]

    def earliest(self) -> pl.DataFrame:
        every = pl.concat(self.rows).sort("begin", "tie")
        return every.unique("key", keep="first", maintain_order=True)

    def frame(self) -> pl.DataFrame:
        counts = pl.DataFrame({"key": self.keys, "n": self.n})
        return self.earliest().join(counts, on="key").drop("key")


class _Group:
    """The members of one cause at one level of harm."""

    def __init__(self) -> None:
        self.hosts: Counting = counter(MOST)
        self.whom = _Whom()
        self.first_ns = self.last_ns = NEVER
        self.products: set[str] = set()
        self.packets = 0
        self.opener: tuple[int, int] | None = None  # host and port of all who opened, if one
        self.several = False
        self.held: list[Held] = []


class Coded:
    """The verdicts of one table, row by row as numbers."""

    def __init__(self, table: str, limit: int, names: Names) -> None:
        self.table, self.limit, self.names = table, limit, names
        self.counts: list[int] = []  # rows by verdict
        self.groups: dict[tuple[str, str], _Group] = {}
        self.total = 0

    def add(
        self,
        rows: Members,
        verdicts: Sequence[Verdict],
        tell: Callable[[Array], list[Story] | list[Refusal]],
        whom: Callable[[Array], pl.DataFrame],
    ) -> None:
        """Take a batch.  `tell`: what stands behind some rows; `whom`: the columns that remedies
        are filled from."""
        counts = np.bincount(rows.verdict, minlength=len(verdicts))
        self.counts += [0] * (len(verdicts) - len(self.counts))
        of_group: dict[tuple[str, str], list[int]] = {}
        for at in np.flatnonzero(counts).tolist():
            self.counts[at] += int(counts[at])
            of_group.setdefault(verdicts[at].group, []).append(at)
        self.total += len(rows.verdict)
        number = np.zeros(len(verdicts), np.uint8 if len(of_group) < 256 else np.uint16)
        for n, kinds in enumerate(of_group.values()):
            number[kinds] = n
        numbers = number[rows.verdict]
        for n, key in enumerate(of_group):
            at = np.flatnonzero(numbers == n) if len(of_group) > 1 else np.arange(len(numbers))
            self._add(self.groups.setdefault(key, _Group()), rows, at, tell, whom)

    def _add(self, group: _Group, rows: Members, at: Array, tell: Any, whom: Any) -> None:
        host, port, peer, _ = rows.ends
        hosts = host[at]
        group.hosts.add(hosts)
        group.hosts.add(peer[at])
        first, last = rows.first_ns[at], rows.last_ns[at]
        known = first[first != NEVER]
        if len(known):
            least = int(known.min())
            group.first_ns = least if group.first_ns == NEVER else min(group.first_ns, least)
        group.last_ns = max(group.last_ns, int(last.max()))
        for code in np.flatnonzero(np.bincount(rows.product[at])).tolist():
            if (product := rows.products[code]) is not None:
                group.products.add(product)
        if rows.packets is not None:
            group.packets += int(rows.packets[at].sum())
        keys = rows.key[at]
        if keys.any():
            group.whom.add(keys, rows.begin[at], rows.tie[at], lambda some: whom(at[some]))
        if not group.several:
            ports = port[at]
            opener = (int(hosts[0]), int(ports[0]))
            same = bool((hosts == opener[0]).all() and (ports == opener[1]).all())
            group.several = not same or group.opener not in (None, opener)
            group.opener = opener
        self._hold(group, rows, at, tell)

    def _hold(self, group: _Group, rows: Members, at: Array, tell: Any) -> None:
        """Members that may become examples: those that may still be chosen."""
        telling, begin, tie = rows.telling[at], rows.begin[at], rows.tie[at]
        held = group.held
        full = len({one.pair for one in held}) >= self.limit
        if full:
            worst = first_of_pairs(held, self.limit)[-1].rank
            may = (-telling < worst[0]) | ((-telling == worst[0]) & (begin <= worst[1]))
            at, telling, begin, tie = at[may], telling[may], begin[may], tie[may]
        if not len(at):
            return
        chosen = self._foremost(rows, at, telling, begin, tie)
        told = tell(chosen)
        host, _, peer, _ = rows.ends
        for row, story in zip(chosen.tolist(), told, strict=True):
            rank = (-int(rows.telling[row]), int(rows.begin[row]), int(rows.tie[row]))
            pair = (int(host[row]), int(peer[row]))
            held.append(Held(rank, pair, int(rows.tie[row]), story))
        group.held = kept(held, self.limit)

    def _foremost(
        self, rows: Members, at: Array, telling: Array, begin: Array, tie: Array
    ) -> Array:
        """The first of every pair of hosts, and the first of all, up to the limit."""
        best = int(telling.max())
        top = np.flatnonzero(telling == best)
        order = top[np.lexsort((tie[top], begin[top]))]
        pairs = self._pairs(rows, at, order[:LOOKED_AT])
        if len(pairs) < self.limit and len(at) > min(len(order), LOOKED_AT):
            order = np.lexsort((tie, begin, -telling))
            pairs = self._pairs(rows, at, order)
        return np.unique(np.concatenate([at[order[: self.limit]], at[pairs]]))

    def _pairs(self, rows: Members, at: Array, order: Array) -> Array:
        host, _, peer, _ = rows.ends
        both = mix(host[at[order]], peer[at[order]])
        _, first = np.unique(both, return_index=True)
        return order[np.sort(first)[: self.limit]]

    def give(self, table: Table, verdicts: Sequence[Verdict]) -> None:
        """Hand all of it over."""
        table.total += self.total
        for at, count in enumerate(self.counts):
            if count:
                verdict = verdicts[at]
                group = table.group(verdict.group)
                group.members += count
                group.least = min(group.least, verdict.sure)
                for name in verdict.contributing:
                    table.beside[name] += count
        for key, found in self.groups.items():
            group = table.group(key)
            group.packets += found.packets
            group.products |= found.products
            group.cover(_moment(found.first_ns), _moment(found.last_ns))
            group.held = kept(group.held + found.held, table.limit)
            named = {"cause": pl.lit(key[0]), "harm": pl.lit(key[1])}
            codes, counts, _ = found.hosts.items()
            table.hosts.add(
                pl.DataFrame([self.names.texts(codes), pl.Series("n", counts)])
                .select(**named, host="host", n="n")
            )  # fmt: skip
            if found.whom.rows:
                table.met(found.whom.frame().with_columns(**named), one_opener=not found.several)


def _moment(ns: int) -> datetime | None:
    if ns == NEVER:
        return None
    value = pl.Series([ns], dtype=pl.Datetime("ns", "UTC"))[0]
    return value if isinstance(value, datetime) else None
