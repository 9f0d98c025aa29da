"""The tally of verdicts where rows are numbers: as `tally`, of packed rows whose cause follows from
their kind.  What it holds grows with the causes and servers met, under ceilings; `give` hands all
of it to a `Tally`, which makes the findings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import compress
from typing import Any

import numpy as np
import polars as pl

from finis.correlation.keys import mix
from finis.correlation.naming import text_hash
from finis.correlation.stories import Refusal, Story
from finis.diagnosis.counting import NEVER, Counting, counter, fast, firsts, rivals, summed
from finis.diagnosis.findings import TOP_HOSTS
from finis.diagnosis.kinds import Verdict
from finis.diagnosis.partrows import Row
from finis.diagnosis.spill import Appended, Spill
from finis.diagnosis.tally import LOOKED_AT, MOST, Held, Table, first_of_pairs, kept
from finis.records import dataclass, replace
from finis.tracking.parts import LogPart
from finis.wire.dialects._packed import NAMED, V4, Book, ipv4

Array = np.ndarray
HELD = 4 * MOST  # texts of names and IPv6 addresses in memory
_FURTHER = np.dtype([("code", "u8"), ("at", "i8"), ("length", "i8")])  # of those in a file


@dataclass(slots=True)
class Members:
    """Rows of one batch.  `ends`: host, port, peer, its port (hosts in the codes of a `Names`);
    `key`: a number for whom remedies are meant; stamps in ns, NEVER where unknown; `telling`: as
    in `tally`; `named`: of which verdicts remedies name hosts."""

    verdict: Array  # index of the row's Verdict
    ends: tuple[Array, Array, Array, Array]
    key: Array
    begin: Array
    tie: Array
    first_ns: Array
    last_ns: Array
    telling: Array
    product: Array  # u4, index into `products`
    products: Sequence[str | None]
    named: Array
    packets: Array | None = None

    def only(self, at: Array) -> Members:
        """Some of the rows."""
        host, port, peer, peer_p = (end[at] for end in self.ends)
        some = {
            name: getattr(self, name)[at]
            for name in ("verdict", "key", "begin", "tie", "first_ns", "last_ns", "telling",
                         "product")
        }  # fmt: skip
        packets = None if self.packets is None else self.packets[at]
        ends = (host, port, peer, peer_p)
        return replace(self, **some, ends=ends, packets=packets)


class Period:
    """From the first stamp to the last, ns; NEVER while none is known."""

    def __init__(self) -> None:
        self.first_ns = self.last_ns = NEVER

    def cover(self, first_ns: Array, last_ns: Array) -> None:
        """Extend it by rows, at least one."""
        known = first_ns[first_ns != NEVER]
        self.extend(int(known.min()) if len(known) else NEVER, int(last_ns.max()))

    def extend(self, first_ns: int, last_ns: int) -> None:
        """Extend it by a period."""
        if first_ns != NEVER:
            self.first_ns = first_ns if self.first_ns == NEVER else min(self.first_ns, first_ns)
        self.last_ns = max(self.last_ns, last_ns)


class Names:
    """One code for every host, whatever the book of a part says: of what is no IPv4 address a hash.
    The texts of such hosts are held up to a ceiling; further ones wait on disk."""

    def __init__(self) -> None:
        self._known: tuple[Book | None, Array] = (None, np.empty(0, "u8"))
        self._texts: dict[int, str] = {}
        self._further = Spill(_FURTHER)
        self._file = Appended()
        self._end = 0  # of the file

    def known(self, book: Book) -> Array:
        """Codes (u8), which hold for all parts, of the hosts of a book."""
        old, known = self._known
        if old is not book or len(known) < len(book.hosts):
            first = len(known) if old is book else 0
            known = np.concatenate([known[:first], self._codes(book.hosts[first:])])
            self._known = (book, known)
        return known

    def code(self, text: str) -> int:
        """Of a host as text."""
        number = ipv4(text)
        return V4 + number if number >= 0 else int(self._codes([text])[0])

    def coded(self, hosts: pl.Series) -> pl.Series:
        """Hosts in codes, null where there is none."""
        texts = hosts.drop_nulls().unique().to_list()
        numbers = np.array([ipv4(text) for text in texts], np.int64)
        codes = np.array(numbers + V4, np.uint64)
        others = numbers < 0
        codes[others] = self._codes(list(compress(texts, others.tolist())))
        return hosts.replace_strict(texts, codes, default=None, return_dtype=pl.UInt64)

    def _codes(self, texts: list[str]) -> Array:
        """Of hosts that are no IPv4 addresses."""
        hashes = text_hash(pl.Series(texts, dtype=pl.String))
        codes: Array = hashes >> np.uint64(2) | np.uint64(1 << 62)
        numbers = codes.tolist()
        fresh = [code not in self._texts for code in numbers]
        some = dict(zip(compress(numbers, fresh), compress(texts, fresh), strict=True))
        if len(self._texts) + len(some) <= HELD:
            self._texts.update(some)
        else:
            self._write(some)
        return codes

    def _write(self, texts: dict[int, str]) -> None:
        data = [text.encode() for text in texts.values()]
        rows = self._further.room(len(data))
        rows["code"], rows["length"] = list(texts), list(map(len, data))
        rows["at"] = self._end + np.cumsum(rows["length"]) - rows["length"]
        self._end = self._file.add([b"".join(data)])

    def texts(self, codes: Array) -> pl.Series:
        """Hosts as text, null where the code is 0."""
        from finis.wire.dialects._packed import host_texts

        out, book = np.array(codes), Book()
        named = out >= NAMED
        if named.any():
            few, where = np.unique(out[named], return_inverse=True)
            texts = self._found(few)
            out[named] = np.array(book.named(texts[code] for code in few.tolist()), "u8")[where]
        return host_texts("host", out, book)

    def _found(self, codes: Array) -> dict[int, str]:
        """The texts of hosts that are no IPv4 addresses, by code."""
        out = {code: text for code in codes.tolist() if (text := self._texts.get(code)) is not None}
        for rows in self._further if len(out) < len(codes) else ():
            for code, at, length in rows[np.isin(rows["code"], codes)].tolist():
                if code not in out:
                    with self._file.at(at) as file:
                        out[code] = file.read(length).decode()
        return out

    def leading(self, codes: Array, counts: Array, most: int) -> tuple[Array, Array]:
        """Those with the highest counts and their counts, ties in order of text."""
        if len(codes) > most:
            least = np.partition(counts, len(counts) - most)[len(counts) - most]
            tied = codes[counts == least]
            named = tied >= NAMED  # few; of addresses the texts need not be made
            numbers = tied[~named]
            first = np.argsort(_text_order(numbers), kind="stable")[:most]
            keep = np.isin(codes, np.concatenate([numbers[first], tied[named]]))
            keep |= counts > least
            codes, counts = codes[keep], counts[keep]
        frame = pl.DataFrame([self.texts(codes), pl.Series("n", counts)])
        order = frame.select(pl.arg_sort_by("n", "host", descending=[True, False])).to_series()
        at = order.head(most).to_numpy()
        return codes[at], counts[at]


_OCTETS = np.argsort(np.argsort([str(n) for n in range(256)])).astype("u4")


def _text_order(hosts: Array) -> Array:
    """Numbers (u4) in whose order the dotted texts of IPv4 addresses are: a dot sorts before every
    digit, as does the end."""
    out = np.zeros(len(hosts), "u4")
    for by in (24, 16, 8, 0):
        out = out << np.uint32(8) | _OCTETS[(hosts >> np.uint64(by)) & np.uint64(255)]
    return out


@dataclass(frozen=True, slots=True)
class Some:
    """Rows on their own, of which a frame may be made later."""

    key: Array
    begin: Array
    tie: Array
    part: LogPart  # with these rows only

    def only(self, at: Array, table: str) -> Some:
        rows = getattr(self.part, table)[at]
        return Some(self.key[at], self.begin[at], self.tie[at], replace(self.part, **{table: rows}))


class _Whom:
    """How often everybody was met whom a remedy could name, and where first."""

    def __init__(self, table: str) -> None:
        self.table = table
        self.met = firsts()
        self.rows: list[Some] = []  # those that were the earliest of their key when they came
        self.held = 0

    def keep(self, rows: Some) -> None:
        self.rows.append(rows)
        self.held += len(rows.key)
        if self.held > 4 * MOST:
            self._forget()

    def _forget(self) -> None:
        keys, counts = self.met.items()
        if len(keys) > MOST:
            most = np.sort(np.argsort(-counts, kind="stable")[:MOST])
            keys = keys[most]
            self.met.keep(keys)
        self.rows = self.earliest(keys)
        self.held = sum(len(rows.key) for rows in self.rows)

    def earliest(self, keys: Array) -> list[Some]:
        """The earliest row of each of these."""
        begins, tie, key = self._every()
        order = np.lexsort((tie, begins))
        _, first = np.unique(key[order], return_index=True)
        chosen = np.zeros(len(key), bool)
        chosen[order[first]] = True
        chosen &= np.isin(key, keys)
        out, begin = [], 0
        for one in self.rows:
            at = np.flatnonzero(chosen[begin : begin + len(one.key)])
            begin += len(one.key)
            if len(at):
                out.append(one.only(at, self.table))
        return out

    def most_frequent(self, less: int) -> list[tuple[Some, Array]]:
        """Those who were met most often, or at most by `less` less: the first row of each, and how
        often it was."""
        keys, counts = self.met.items()
        if not self.rows or not len(keys):
            return []
        least = counts.max() - less
        if not less:  # of equals the first
            keys = self._first_of(keys[counts == least])
            counts = np.full(len(keys), least)
        top, counts = keys[counts >= least], counts[counts >= least]
        order = np.argsort(top)
        top, counts = top[order], counts[order]
        return [(one, counts[np.searchsorted(top, one.key)]) for one in self.earliest(top)]

    def _first_of(self, keys: Array) -> Array:
        begin, tie, key = self._every()
        may = np.flatnonzero(np.isin(key, keys))
        return key[may[np.lexsort((tie[may], begin[may]))[:1]]]

    def _every(self) -> list[Array]:
        return [np.concatenate([getattr(one, n) for one in self.rows])
                for n in ("begin", "tie", "key")]  # fmt: skip


class _Group:
    """The members of one cause at one level of harm."""

    def __init__(self, table: str) -> None:
        self.hosts: Counting = counter(MOST)
        self.whom = _Whom(table)
        self.period = Period()
        self.products: set[str] = set()
        self.packets = 0
        self.opener: dict[str, int | None] = {}  # host, port of all who opened; None: several
        self.held: list[Held] = []


def _apart(
    of: list[tuple[_Group, Array]], make: Callable[[Array], Any]
) -> Iterator[tuple[tuple[_Group, Array], Any]]:
    """What `make` gives for all these rows at once, apart again."""
    of = [(group, at) for group, at in of if len(at)]
    if not of:
        return
    every = make(np.concatenate([at for _, at in of]))
    begin = 0
    for group, at in of:
        yield (group, at), every[begin : begin + len(at)]
        begin += len(at)


class Coded:
    """The verdicts of one table, row by row as numbers."""

    def __init__(self, table: str, limit: int, names: Names) -> None:
        self.table, self.limit, self.names = table, limit, names
        self.counts: list[int] = []  # rows by verdict
        self.groups: dict[tuple[str, str], _Group] = {}
        self.total = 0
        self._summed, self._rivals = fast(summed), fast(rivals)

    def add(
        self,
        rows: Members,
        verdicts: Sequence[Verdict],
        tell: Callable[[Array], Sequence[Row]],
        alone: Callable[[Array], LogPart],
    ) -> None:
        """Take a batch.  `tell`: what stands behind some rows; `alone`: a part of these only."""
        self.total += len(rows.verdict)
        chosen: list[tuple[_Group, Array]] = []
        for key, at in self._by_group(rows, verdicts):
            group = self.groups.setdefault(key, _Group(self.table))
            self._count(group, rows, at)
            if rows.named[rows.verdict[at[0]]]:
                self._meet(group, rows, at, alone)
            chosen.append((group, self._foremost(group, rows, at)))
        for (group, at), told in _apart(chosen, tell):
            self._hold(group, rows, at, told)

    def _meet(
        self, group: _Group, rows: Members, at: Array, alone: Callable[[Array], LogPart]
    ) -> None:
        first = at[group.whom.met.add(rows.key[at], rows.begin[at], rows.tie[at])]
        if len(first):
            group.whom.keep(Some(rows.key[first], rows.begin[first], rows.tie[first], alone(first)))

    def _by_group(
        self, rows: Members, verdicts: Sequence[Verdict]
    ) -> Iterator[tuple[tuple[str, str], Array]]:
        """Cause and harm, and the rows of it; counts them by verdict."""
        counts = np.bincount(rows.verdict, minlength=len(verdicts))
        self.counts += [0] * (len(verdicts) - len(self.counts))
        of_group: dict[tuple[str, str], list[int]] = {}
        for at in np.flatnonzero(counts).tolist():
            self.counts[at] += int(counts[at])
            of_group.setdefault(verdicts[at].group, []).append(at)
        number = np.zeros(len(verdicts), np.uint16)
        for n, kinds in enumerate(of_group.values()):
            number[kinds] = n
        numbers = number[rows.verdict]
        for n, key in enumerate(of_group):
            yield key, np.flatnonzero(numbers == n)

    def _count(self, group: _Group, rows: Members, at: Array) -> None:
        host, port, peer, _ = rows.ends
        group.hosts.add_some(host, at)
        group.hosts.add_some(peer, at)
        met = np.zeros(len(rows.products), np.uint8)
        first_ns, last_ns, packets, one_host, one_port = self._summed(rows, at, met)
        group.period.extend(first_ns, last_ns)
        group.products.update(
            product
            for code in np.flatnonzero(met).tolist()
            if (product := rows.products[code]) is not None
        )
        group.packets += packets
        for name, values, alike in (("orig_h", host, one_host), ("orig_p", port, one_port)):
            first = int(values[at[0]])
            if not alike or group.opener.setdefault(name, first) != first:
                group.opener[name] = None

    def _foremost(self, group: _Group, rows: Members, at: Array) -> Array:
        """Members that may become examples."""
        if len({one.pair for one in group.held}) >= self.limit:
            worst = first_of_pairs(group.held, self.limit)[-1].rank
            at = self._rivals(at, rows.telling, rows.begin, -worst[0], worst[1])
        if not len(at):
            return at
        telling, begin, tie = rows.telling[at], rows.begin[at], rows.tie[at]
        top = np.flatnonzero(telling == telling.max())
        order = top[np.lexsort((tie[top], begin[top]))]
        pairs = self._pairs(rows, at, order[:LOOKED_AT])
        if len(pairs) < self.limit and len(at) > min(len(order), LOOKED_AT):
            order = np.lexsort((tie, begin, -telling))
            pairs = self._pairs(rows, at, order)
        chosen: Array = np.unique(np.concatenate([at[order[: self.limit]], at[pairs]]))
        return chosen

    def _pairs(self, rows: Members, at: Array, order: Array) -> Array:
        """The first of every pair of hosts, up to the limit."""
        host, _, peer, _ = rows.ends
        _, first = np.unique(mix(host[at[order]], peer[at[order]]), return_index=True)
        chosen: Array = order[np.sort(first)[: self.limit]]
        return chosen

    def _hold(self, group: _Group, rows: Members, at: Array, told: Sequence[Row]) -> None:
        host, _, peer, _ = rows.ends
        for row, story in zip(at.tolist(), told, strict=True):
            rank = (-int(rows.telling[row]), int(rows.begin[row]), int(rows.tie[row]))
            pair = (int(host[row]), int(peer[row]))
            group.held.append(Held(rank, pair, int(rows.tie[row]), story))
        group.held = kept(group.held, self.limit)

    def give(
        self,
        table: Table,
        verdicts: Sequence[Verdict],
        tell: Callable[[Sequence[Row]], Sequence[Story | Refusal]],
        whom: Callable[[LogPart], pl.DataFrame],
    ) -> None:
        """Hand all of it over.  `tell`: what stands behind the rows that were chosen; `whom`: the
        columns that remedies are filled from."""
        for mine in self.groups.values():
            mine.held = kept(mine.held, self.limit)[: self.limit]
        chosen = [one for mine in self.groups.values() for one in mine.held]
        told = tell([one.told for one in chosen if isinstance(one.told, Row)])
        hosts = self.names.texts(np.array([one.pair for one in chosen], "u8").reshape(-1)).to_list()
        for at, (one, story) in enumerate(zip(chosen, told, strict=True)):
            one.told, one.pair = story, (hosts[2 * at], hosts[2 * at + 1])
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
            beside = table.whom_most(key)
            group = table.group(key)
            group.packets += found.packets
            group.products |= found.products
            group.cover(_moment(found.period.first_ns), _moment(found.period.last_ns))
            group.held = kept(group.held + found.held, table.limit)
            named = {"cause": pl.lit(key[0]), "harm": pl.lit(key[1])}
            # Whoever is not among the first here may be so with what others have counted.
            codes, counts = self.names.leading(
                *found.hosts.items()[:2], TOP_HOSTS if beside is None else MOST
            )
            table.hosts.add(
                pl.DataFrame([self.names.texts(codes), pl.Series("n", counts)])
                .select(**named, host="host", n="n")
            )  # fmt: skip
            for row, times in found.whom.most_frequent(beside or 0):
                place = {"begin": pl.Series(row.begin), "tie": pl.Series(row.tie.astype("u8"))}
                table.met(
                    whom(row.part).with_columns(n=pl.Series(times, dtype=pl.Int64), **place,
                                                **named),
                    shared={name for name, one in found.opener.items() if one is not None},
                )  # fmt: skip


def _moment(ns: int) -> datetime | None:
    if ns == NEVER:
        return None
    value = pl.Series([ns], dtype=pl.Datetime("ns", "UTC"))[0]
    return value if isinstance(value, datetime) else None
