"""Verdicts of one batch after another, added up to findings: counts, periods, hosts and the most
telling examples.  What is kept grows with the causes met, not with the rows; the outcome does not
depend on how the rows were cut into batches.
"""

from __future__ import annotations

import sys
from collections import Counter
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import polars as pl

from finis import words
from finis.correlation.stories import PLACE, Proof
from finis.diagnosis import beside
from finis.diagnosis.engine import Judged, catalogue, engine
from finis.diagnosis.findings import (
    EXAMPLES,
    PLACEHOLDER,
    TOP_HOSTS,
    Example,
    Finding,
    originals,
    remedies,
)
from finis.diagnosis.numbered import Numbered, numbered
from finis.records import dataclass, field, replace
from finis.terms import Confidence, Harm, word

if TYPE_CHECKING:
    from finis.correlation.stories import Refusal, Story
    from finis.diagnosis.cause import Cause
    from finis.diagnosis.partrows import Row

LOOKED_AT = 64  # rows of a group that are looked at first for examples
MOST = 1 << 16  # hosts, and servers, counted exactly per batch of counts; then the rarest go

# The two ends of a row, and what makes it telling as an example: seen in captures and log, at
# several points, with what followed; a denial with the connection and packet it belongs to.
_ENDS = {
    "connections": ("orig_h", "orig_p", "resp_h", "resp_p"),
    "denials": ("src_h", "src_p", "dst_h", "dst_p"),
}
# By whom a remedy is meant, and the columns its placeholders are filled from (missing.Where).
_WHOM = {
    "connections": (
        ("resp_h", "resp_p"),
        ("orig_h", "orig_p", "orig_if", "resp_if", "orig_mapped_h", "resp_mapped_h",
         "resp_mapped_p", "has_log", "device"),
    ),
    "denials": (_ENDS["denials"], ("interface", "from_side")),
}  # fmt: skip
_FRAME = {"connections": "table", "denials": "denials"}  # of Stories
_GROUP = ("cause", "harm")
_BEYOND = {"orig_h": chr(sys.maxunicode), "orig_p": 1 << 32}  # greater than any


def _telling(table: str) -> pl.Expr:
    sure = _level(pl.col("confidence"))
    if table == "connections":
        return (
            pl.col("has_packets").fill_null(False).cast(pl.Int8) * 2
            + pl.col("has_log").fill_null(False).cast(pl.Int8) * 2
            + pl.min_horizontal(pl.col("n_points").fill_null(0), 2)
            + (pl.col("denials_after").fill_null(0) > 0).cast(pl.Int8)
            + sure
        )
    return (
        pl.col("story").is_not_null().cast(pl.Int8) * 2
        + pl.col("segment_frame").is_not_null().cast(pl.Int8) * 2
        + pl.col("teardown_file").is_not_null().cast(pl.Int8)
        + sure
    )


def _level(column: pl.Expr) -> pl.Expr:
    """The code of a confidence's word."""
    return column.replace_strict(
        {word(level): int(level) for level in Confidence},
        default=int(Confidence.POSSIBLE),
        return_dtype=pl.UInt8,
    )


@dataclass(slots=True, eq=False)
class Held:
    """A member that may become an example, with all that its words need."""

    rank: tuple[int, int, int]  # the most telling first, then the earliest
    pair: tuple[Any, Any]
    row: int
    told: Story | Refusal | Row | None = None  # a Row is told when it is chosen


@dataclass(slots=True)
class _Group:
    """The members of one cause at one level of harm."""

    members: int = 0
    packets: int = 0
    least: int = int(Confidence.CERTAIN)
    first: datetime | None = None
    last: datetime | None = None
    products: set[str] = field(default_factory=set)  # makes of firewall
    held: list[Held] = field(default_factory=list)

    def add(self, row: dict[str, Any]) -> None:
        self.members += row["members"]
        self.packets += row["packets"]
        self.least = min(self.least, row["least"])
        self.products.update(row["products"])
        self.cover(row["first"], row["last"])

    @property
    def product(self) -> str | None:
        """The make of firewall of all members, if it is known and a single one."""
        return one_of(self.products)

    def cover(self, first: datetime | None, last: datetime | None) -> None:
        """Extend the period."""
        starts = [ts for ts in (self.first, first) if ts is not None]
        ends = [ts for ts in (self.last, last) if ts is not None]
        self.first, self.last = min(starts, default=None), max(ends, default=None)


def first_of_pairs(held: list[Held], limit: int) -> list[Held]:
    """The most telling members of different pairs of hosts."""
    best: dict[Any, Held] = {}
    for one in sorted(held, key=lambda one: one.rank):
        best.setdefault(one.pair, one)
    return list(best.values())[:limit]


def kept(held: list[Held], limit: int) -> list[Held]:
    """Those that may still be chosen: the best of `limit` pairs of hosts, and as many of any as
    would fill up if there are fewer pairs."""
    first = first_of_pairs(held, limit)
    others = [one for one in sorted(held, key=lambda one: one.rank) if one not in first]
    return first + others[:limit]


class _Counted:
    """How often each key came in each group; beyond MOST keys the rarest are forgotten."""

    def __init__(self, keys: list[str]) -> None:
        self.keys = keys
        self.parts: list[pl.DataFrame] = []
        self.rows = 0

    def add(self, part: pl.DataFrame) -> None:
        """Take counts `n` by key; of other columns the earliest row's values are kept, batches
        being told apart by `begin` and `tie` where there are such columns."""
        self.parts.append(part)
        self.rows += part.height
        if self.rows > 2 * MOST:
            self.parts = [self.merged().sort("n", descending=True).head(MOST)]
            self.rows = self.parts[0].height

    def merged(self) -> pl.DataFrame:
        if len(self.parts) == 1:
            return self.parts[0]
        every = pl.concat(self.parts)
        if "begin" in every.columns:
            every = every.sort(PLACE)
        rest = [name for name in every.columns if name not in (*self.keys, "n")]
        return every.group_by(self.keys, maintain_order=True).agg(
            pl.col("n").sum(), *(pl.col(name).first() for name in rest)
        )


class Table:
    """All findings of connections, or of denials."""

    def __init__(self, table: str, limit: int) -> None:
        self.table, self.limit = table, limit
        self.total = 0  # that count
        self.rows = 0  # all, to number them
        self.groups: dict[tuple[str, str], _Group] = {}
        self.beside: Counter[str] = Counter()  # connections that a cause contributes to
        self.hosts = _Counted([*_GROUP, "host"])
        self.whom = _Counted([*_GROUP, *_WHOM[table][0]])
        self.graver: Table | None = None  # causes named beside verdicts that are less grave
        self.clients = pl.DataFrame()  # per group the least and greatest of who opened it

    def add(self, judged: Judged, frame: pl.DataFrame) -> None:
        before, self.total = self.rows, self.total + frame.height
        self.rows += getattr(judged.stories, _FRAME[self.table]).height
        if not frame.height:
            return
        if self.table == "connections":
            self._add_graver(judged, frame, before)
            if (rows := numbered(judged, frame)) is not None:
                self._add_numbered(judged, frame, rows, before)
                return
            self._contributing(frame)
        self._add_rows(judged, frame, before)

    def _add_graver(self, judged: Judged, frame: pl.DataFrame, before: int) -> None:
        """What is named beside verdicts and is graver than they are."""
        graver = beside.graver(judged, frame)
        if graver.height:
            if self.graver is None:
                self.graver = Table(self.table, self.limit)
            self.graver._add_rows(judged, graver, before)

    def _add_rows(self, judged: Judged, frame: pl.DataFrame, before: int) -> None:
        for row in self._stats(frame).iter_rows(named=True):
            self.group((row["cause"], row["harm"])).add(row)
        for end in _ENDS[self.table][::2]:
            named = frame.select(*_GROUP, host=end).drop_nulls("host")
            self.hosts.add(named.group_by(*_GROUP, "host").len("n").cast({"n": pl.Int64}))
        self._whom(judged, frame, before)
        self._hold(judged, self._candidates(frame), before)

    def _add_numbered(
        self, judged: Judged, frame: pl.DataFrame, rows: Numbered, before: int
    ) -> None:
        """The same where the rows are numbers."""
        for row in rows.stats():
            self.group((row["cause"], row["harm"])).add(row)
        for end in _ENDS[self.table][::2]:
            self.hosts.add(rows.hosts(end))
        self.beside.update(rows.contributing())
        causes = {*addressed(self.table)}
        first, n = rows.servers(causes)
        keys, fields = _WHOM[self.table]
        part = frame[first]
        begin, tie = _places(judged, self.table, part, before)
        self.whom.add(part.select(*_GROUP, *keys, pl.Series("n", n), *fields, begin, tie))
        known = rows.clients(causes)
        self.clients = pl.concat([self.clients, known]) if len(self.clients) else known
        chosen = frame[rows.foremost(self.limit, LOOKED_AT)]
        self._hold(judged, self._narrow(chosen), before)

    def group(self, key: tuple[str, str]) -> _Group:
        """The members of a cause at a level of harm."""
        return self.groups.setdefault(key, _Group())

    def whom_most(self, key: tuple[str, str]) -> int | None:
        """How often whoever the remedies of one group would name was met, of those who were met
        most often; None if the group has nobody yet."""
        if key not in self.groups or not self.groups[key].held:
            return None
        parts = [one.filter(cause=key[0], harm=key[1])["n"].max() for one in self.whom.parts]
        return sum(int(n) for n in parts if isinstance(n, int))

    def met(self, whom: pl.DataFrame, *, shared: set[str]) -> None:
        """Take counts `n` of those whom the remedies of one group would name, with the fields of
        the earliest of each.  `shared`: columns of who opened it that are the same in all."""
        keys, fields = _WHOM[self.table]
        self.whom.add(whom.select(*_GROUP, *keys, "n", *fields, *PLACE))
        if self.table == "connections":
            span = []
            for name, beyond in _BEYOND.items():
                one = pl.col(name).first()
                other = one if name in shared else pl.lit(beyond)
                span += [one.alias(f"{name}_min"), other.alias(f"{name}_max")]
            self.clients = pl.concat([self.clients, whom.head(1).select(*_GROUP, *span)])

    def _stats(self, frame: pl.DataFrame) -> pl.DataFrame:
        connections = self.table == "connections"
        start, end = ("first_ts", "last_ts") if connections else ("ts", "ts")
        packets = pl.lit(0) if connections else pl.col("count").fill_null(1).sum()
        return frame.group_by(_GROUP).agg(
            pl.len().alias("members"),
            packets.alias("packets"),
            pl.col(start).min().alias("first"),
            pl.col(end).max().alias("last"),
            _level(pl.col("confidence")).min().alias("least"),
            pl.col("product").drop_nulls().unique().alias("products"),
        )

    def _contributing(self, frame: pl.DataFrame) -> None:
        counted = (
            frame.lazy()
            .filter(pl.col("contributing").fill_null("") != "")
            .select(pl.col("contributing").str.split(",").alias("id"))
            .explode("id")
            .group_by("id")
            .len()
            .collect(engine=engine(frame.height))
        )
        self.beside.update(dict(counted.iter_rows()))

    def _whom(self, judged: Judged, frame: pl.DataFrame, before: int) -> None:
        """Count the servers that remedies would name."""
        placed = addressed(self.table)
        keys, fields = _WHOM[self.table]
        begin, tie = _places(judged, self.table, frame, before)
        part = (
            frame.lazy()
            .select(*_GROUP, *keys, *fields)
            .with_columns(begin, tie)
            .filter(pl.col("cause").is_in(placed))
            .group_by(*_GROUP, *keys, maintain_order=True)
            .agg(pl.len().cast(pl.Int64).alias("n"), pl.all().first())
            .collect(engine=engine(frame.height))
        )
        self.whom.add(part)
        if self.table == "connections":
            span = [
                bound(name).alias(f"{name}_{which}")
                for name in ("orig_h", "orig_p")
                for which, bound in (("min", pl.min), ("max", pl.max))
            ]
            known = frame.filter(pl.col("cause").is_in(placed)).group_by(_GROUP).agg(span)
            self.clients = pl.concat([self.clients, known]) if len(self.clients) else known

    def _narrow(self, frame: pl.DataFrame) -> pl.DataFrame:
        return frame.select(
            *_GROUP, "row", *_ENDS[self.table], "confidence", telling=_telling(self.table),
            at=pl.int_range(pl.len()),
        )  # fmt: skip

    def _candidates(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Members that may become examples."""
        host, _, peer, _ = _ENDS[self.table]
        ranked = self._foremost(self._narrow(frame)).sort(
            [*_GROUP, "telling", "at"], descending=[False, False, True, False]
        )
        pairs = ranked.unique([*_GROUP, host, peer], keep="first", maintain_order=True)
        best = pairs.group_by(_GROUP, maintain_order=True).head(self.limit)
        most = ranked.group_by(_GROUP, maintain_order=True).head(self.limit)
        return pl.concat([best, most.select(best.columns)]).unique("at", maintain_order=True)

    def _hold(self, judged: Judged, candidates: pl.DataFrame, before: int) -> None:
        """Keep the best of the candidates, with the stories behind them."""
        host, _, peer, _ = _ENDS[self.table]
        fresh: dict[tuple[str, str], list[Held]] = {}
        begin, tie = (part.to_list() for part in _places(judged, self.table, candidates, before))
        for row, when, which in zip(candidates.iter_rows(named=True), begin, tie, strict=True):
            rank = (-row["telling"], when, which)
            held = Held(rank, (row[host], row[peer]), row["row"])
            fresh.setdefault((row["cause"], row["harm"]), []).append(held)
        for key, group_fresh in fresh.items():
            group = self.groups[key]
            group.held = kept(group.held + group_fresh, self.limit)
            for held in group.held:
                if held.told is None:
                    held.told = _told(judged, self.table, held.row)
                    held.row += before if self.table == "connections" else 0

    def _foremost(self, narrow: pl.DataFrame) -> pl.DataFrame:
        """Rows among which the most telling are.  Of most groups the first few are enough: they
        show pairs of hosts to choose from, and no later row tells more."""
        if narrow.height <= LOOKED_AT:
            return narrow
        host, _, peer, _ = _ENDS[self.table]
        most = pl.col("telling") == pl.col("telling").max().over(_GROUP)
        first = narrow.filter(most).group_by(_GROUP, maintain_order=True).head(LOOKED_AT)
        pairs = first.group_by(_GROUP).agg(pl.struct(host, peer).n_unique().alias("pairs"))
        poor = pairs.filter(pl.col("pairs") < self.limit)
        others = narrow.join(poor, on=_GROUP, how="semi")
        enough = first.join(poor, on=_GROUP, how="anti")
        return pl.concat([enough.select(narrow.columns), others])

    def findings(self) -> list[Finding]:
        """Of every cause at each level of harm; of those named only beside others, what is graver
        than the verdicts."""
        also = [] if self.graver is None else self.graver.findings()
        return [
            *self._findings(),
            *(
                replace(one, connections=0, contributing=one.connections, of_connections=self.total)
                for one in also
                if (one.id, word(one.harm)) not in self.groups
            ),
        ]

    def _findings(self) -> list[Finding]:
        if not self.groups:
            return []
        known = catalogue()
        hosts = self._top_hosts()
        whom = self._most_frequent()
        out = []
        for (name, harm), group in sorted(self.groups.items()):
            cause = known[name]
            connections = self.table == "connections"
            out.append(
                Finding(
                    cause=cause,
                    harm=_harm(harm),
                    confidence=Confidence(group.least),
                    connections=group.members if connections else 0,
                    denials=0 if connections else group.members,
                    of_connections=self.total if connections else 0,
                    of_denials=0 if connections else self.total,
                    contributing=self.beside.get(name, 0),
                    packets=group.packets,
                    first_ts=group.first,
                    last_ts=group.last,
                    hosts=hosts.get((name, harm), ()),
                    examples=tuple(
                        _example(cause, self.table, held)
                        for held in kept(group.held, self.limit)[: self.limit]
                    ),
                    remedy=remedies(cause, whom.get((name, harm), {}) | {"product": group.product})
                    if cause.remedy
                    else {},
                    product=group.product,
                )
            )
        return out

    def _top_hosts(self) -> dict[tuple[str, str], tuple[tuple[str, int], ...]]:
        merged = self.hosts.merged()
        merged = merged.group_by(*_GROUP, "host").agg(pl.col("n").sum())  # both ends of one batch
        top = (
            merged.sort("n", "host", descending=[True, False])
            .group_by(_GROUP, maintain_order=True)
            .head(TOP_HOSTS)
        )
        out: dict[tuple[str, str], tuple[tuple[str, int], ...]] = {}
        for row in top.select(*_GROUP, "host", "n").iter_rows():
            out[row[:2]] = (*out.get(row[:2], ()), row[2:])
        return out

    def _most_frequent(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Per group the row whose hosts remedies name: of the most frequent server the earliest; a
        client is named only if all members have it."""
        if not self.whom.parts:
            return {}
        most = (
            self.whom.merged()
            .sort("n", *PLACE, descending=[True, False, False])
            .group_by(_GROUP, maintain_order=True)
            .first()
        )
        rows = {(row["cause"], row["harm"]): row for row in most.iter_rows(named=True)}
        if self.table == "connections" and len(self.clients):
            spans = self.clients.group_by(_GROUP).agg(
                pl.col("^.*_min$").min(), pl.col("^.*_max$").max()
            )
            for span in spans.iter_rows(named=True):
                for name in ("orig_h", "orig_p"):
                    if span[f"{name}_min"] != span[f"{name}_max"]:
                        rows[span["cause"], span["harm"]][name] = None
        return rows


class Tally:
    """Everything judged so far."""

    def __init__(self, limit: int = EXAMPLES) -> None:
        self.connections = Table("connections", limit)
        self.denials = Table("denials", limit)

    def add(self, judged: Judged) -> None:
        """Take a batch.  Copies (`duplicate_of`) are not counted.  Nothing of the batch's memory
        is kept."""
        self.connections.add(judged, judged.connections)
        self.denials.add(judged, originals(judged.denials))

    @property
    def product(self) -> str | None:
        """The make of firewall of all rows, if it is known and a single one."""
        groups = (*self.connections.groups.values(), *self.denials.groups.values())
        return one_of({product for group in groups for product in group.products})

    def findings(self) -> list[Finding]:
        """Every cause that is primary somewhere: the harmful first, then the most frequent."""
        found = [*self.connections.findings(), *self.denials.findings()]
        return sorted(found, key=lambda f: (-f.harm, -(f.connections + f.denials), f.id))


def findings(judged: Judged, limit: int = EXAMPLES) -> list[Finding]:
    """The findings of one batch that is all there is; at most `limit` examples each."""
    tally = Tally(limit)
    tally.add(judged)
    return tally.findings()


def one_of(names: set[str]) -> str | None:
    """The only one there is."""
    return min(names) if len(names) == 1 else None


def whom_columns(table: str) -> tuple[str, ...]:
    """Whom a remedy may be for, and the columns its placeholders are filled from."""
    keys, fields = _WHOM[table]
    return (*keys, *fields)


@cache
def addressed(table: str) -> list[str]:
    """Causes whose remedies name hosts."""
    return [
        cause.id
        for cause in catalogue().values()
        if cause.table == table and any(PLACEHOLDER.search(t) for t in cause.remedy.values())
    ]


def _places(
    judged: Judged, table: str, frame: pl.DataFrame, before: int
) -> tuple[pl.Series, pl.Series]:
    """`begin` and `tie` of rows: an order that batches do not change."""
    row = frame["row"].cast(pl.Int64)
    placed = judged.stories.placed
    if table == "connections" and placed is not None:
        begin, tie = placed["begin"].gather(row), placed["tie"].gather(row)
    else:
        number = row + before if table == "connections" else row  # denials have one of their own
        begin, tie = number, pl.zeros(len(row), pl.UInt64, eager=True)
    return begin.alias("begin"), tie.alias("tie")


def _harm(text: str) -> Harm:
    return {word(level): level for level in Harm}[text]


# --- examples ----------------------------------------------------------------------------------


def _told(judged: Judged, table: str, row: int) -> Story | Refusal:
    """What stands behind a row, on its own: the batch's memory may be used again."""
    if table == "connections":
        return _own(judged.stories.story(row))
    refusal = judged.stories.refusal(row)
    return refusal if refusal.story is None else replace(refusal, story=_own(refusal.story))


def _own(story: Story) -> Story:
    seen = [replace(s, record=s.record.copy(), tail=s.tail.copy()) for s in story.seen]
    return replace(story, seen=seen)


def _example(cause: type[Cause], table: str, held: Held) -> Example:
    told: Any = held.told
    row = told.row
    connections = table == "connections"
    host, port, peer, peer_p = _ENDS[table]
    story = told if connections else told.story
    # What is no TCP may have no ports at all.
    bare = not connections and row[port] is None and row[peer_p] is None
    one, other = (
        row[end] or "?" if bare else words.endpoint(row[end], row[number])
        for end, number in ((host, port), (peer, peer_p))
    )
    return Example(
        subject=f"{one} → {other}",
        ts=row["last_ts" if connections else "ts"],
        conn_id=None if story is None else story.conn_id,
        row=held.row,
        at=_place(told) if connections else _place_of_denial(told),
        confidence=Confidence[row["confidence"].upper()],
        claims=tuple(cause.claims(told)),
        alternatives=tuple(cause.alternatives(told)),
        commands=tuple(cause.missing(told)),
        story=told if connections else None,
    )


def _place(story: Story) -> tuple[Proof, ...]:
    """Where the end of a connection stands: its Teardown, and its last segment at every point."""
    last = tuple(seen.proof(seen.tail[-1]) for seen in story.seen if len(seen.tail))
    log = story.teardown or story.built
    return (*(() if log is None else (log,)), *last)


def _place_of_denial(refusal: Refusal) -> tuple[Proof, ...]:
    row = refusal.row
    if row.get("segment_file") is None or row.get("segment_frame") is None:
        return (refusal.proof,)
    return (refusal.proof, Proof(row["segment_file"], row["segment_frame"], "frame"))
