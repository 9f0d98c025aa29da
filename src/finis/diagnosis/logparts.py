"""What only logs show, judged a part at a time in packed rows.

Connections are judged when nothing to come can change them.  Denials wait (on disk, if they are
many) until the whole log has told what it knows of their hosts; then they are judged, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import polars as pl

from finis.correlation import logalone
from finis.correlation.captured import Captured
from finis.correlation.keys import mix
from finis.correlation.stories import Clock, Proof
from finis.diagnosis.coded import Coded, Members, Names
from finis.diagnosis.counting import NEVER
from finis.diagnosis.cutting import Cut, without
from finis.diagnosis.engine import Judged
from finis.diagnosis.kinds import (
    ConnectionKinds,
    DenialKinds,
    Kinds,
    Population,
    Verdict,
    with_whole,
)
from finis.diagnosis.listed import Listing
from finis.diagnosis.listeddenials import ListedDenials
from finis.diagnosis.logrows import NO_PORT, Columns, Kept, Reader, mapped_openers
from finis.diagnosis.partrows import (
    Row,
    apart,
    judged,
    judged_refusals,
    of_connection,
    refusals,
    stories,
)
from finis.diagnosis.patterns._whole import Whole
from finis.diagnosis.population import MANY, Counted, of_device
from finis.diagnosis.refused import Refusals, slot_keys
from finis.diagnosis.shared import Correlate, Shared
from finis.diagnosis.spill import CHUNK, Chunk
from finis.diagnosis.tally import Tally, addressed, whom_columns
from finis.diagnosis.times import Times
from finis.records import dataclass, field
from finis.tracking.copied import picked
from finis.tracking.devices import NOT_LOGGED, Logs
from finis.tracking.parts import LogPart

Array = np.ndarray
AT_ONCE = 1 << 19  # denials judged together, or twice as many if there are no more
SHARE = 1 << 21  # denials whose hosts are told apart at one time


@dataclass(frozen=True, slots=True)
class _Joined:
    """Verdicts of denials that captures may show, too: their numbers, in order, and indices into
    `DenialKinds.verdicts`."""

    rows: Array = field(default_factory=lambda: np.empty(0, np.int64))
    verdicts: Array = field(default_factory=lambda: np.empty(0, np.uint32))

    @classmethod
    def of(cls, judged: Judged, kinds: DenialKinds) -> _Joined:
        rows = judged.stories.denials.select("row", "cause", "harm", "confidence").sort("row")
        codes = [kinds.code(*row[1:]) for row in rows.iter_rows()]
        return cls(rows["row"].to_numpy(), np.array(codes, np.uint32))

    def enter(self, rows: Array, verdicts: Array) -> Array | None:
        """Put them in their places; which these are (bool), None for none."""
        if not len(self.rows):
            return None
        place = np.minimum(np.searchsorted(self.rows, rows), len(self.rows) - 1)
        mine: Array = self.rows[place] == rows
        verdicts[mine] = self.verdicts[place[mine]]
        return mine


@dataclass(frozen=True, slots=True)
class _Unjudged:
    """Denials of the part of that number, and what the whole log tells of each."""

    number: int
    rows: Chunk
    codes: LogPart
    whole: Population


class LogJudge:
    """Judges the parts of logs.  `limit`: examples of a finding; `cut`: what is asked for.  Cut
    after judging: a verdict may rest on lines outside.  `first`: how many connections are listed,
    and all denials if there are any; `only_denials`: these are listed and nothing is told.
    `captured`: what captures show, which is judged apart (`join`); of the log it says how often
    hosts were met, no more."""

    def __init__(
        self, limit: int, cut: Cut, first: int = 0, *, only_denials: bool = False,
        captured: Captured | None = None,
    ) -> None:  # fmt: skip
        self.cut, self.only_denials = cut, only_denials
        self.shared = None if captured is None else Shared(captured)
        self.names = Names()
        self.kinds, self.denial_kinds = ConnectionKinds(), DenialKinds()
        self.connections = Coded("connections", limit, self.names)
        self.denials = Coded("denials", limit, self.names)
        self.openers = Times()  # marked: carried no data
        self.mapped = Times()  # what openers are translated to, by device
        self.asked = Times() if cut or captured else self.openers  # of what is told of
        self.targets = Times()  # host and port that were asked, a hash
        self.reader = Reader(self.names, self.kinds)
        self.kept = Kept(self.names)
        self.refused = Refusals(self.names, self.denial_kinds)
        self.devices: dict[str, int] = {}  # the first connection of each
        self.joined = _Joined()
        self.listing = Listing(cut, first, self.kinds) if first else None
        self.listed: ListedDenials | None = None
        if first or only_denials:
            self.listed = ListedDenials(self.refused.waiting, self.denial_kinds.verdicts)

    def add(self, part: LogPart) -> Array | None:
        """Take a part; its memory may be used again.  Gives which connections (bool) are judged
        with what captures show of them; None for none."""
        verdict = np.empty(0, np.uint32)
        apart = None if self.shared is None else self.shared.take(part)[0]
        if len(part.connections):
            verdict = self._connections(part, apart)
        if len(part.denials):
            if self.listed is not None:
                self.listed.copies.add(part, self.cut.refusals(part) if self.cut else None)
            self.refused.add(part, verdict, [one.cause for one in self.kinds.verdicts])
        return apart

    def _connections(self, part: LogPart, apart: Array | None) -> Array:
        """The verdicts of connections.  `apart`: which of them are not told of."""
        rows = self.reader.columns(part)
        verdict = self.kinds.judged(rows.kind, lambda at: judged(part, at).connections)
        self.openers.add(rows.orig_h, rows.nothing)
        named = self.names.known(part.book)
        self.mapped.add(of_device(*mapped_openers(part.connections, named, rows.orig_h)))
        if not self.only_denials:
            shown = self.cut.connections(part, rows) if self.cut else None
            self._tell_connections(part, rows, verdict, without(shown, apart))
        self._met_devices(part, rows)
        return verdict

    def _tell_connections(
        self, part: LogPart, rows: Columns, verdict: Array, shown: Array | None
    ) -> None:
        verdicts = self.kinds.verdicts
        members = Members(
            verdict=verdict,
            ends=(rows.orig_h, rows.orig_p, rows.resp_h, rows.resp_p),
            key=rows.target,
            begin=rows.begin,
            tie=rows.number,
            first_ns=rows.first_ns,
            last_ns=rows.last_ns,
            telling=2 + rows.after + _sure(self.kinds)[verdict],
            product=rows.device,
            products=[part.products.get(name) for name in part.devices],
            named=_named(self.kinds, "connections"),
        )

        def tell(at: Array) -> list[Row]:
            return [of_connection(part, n) for n in at.tolist()]

        def alone(at: Array) -> LogPart:
            return replace(part.bare(), connections=picked(part.connections, at))

        _add(self.connections, members, shown, verdicts, tell, alone)
        if self.listing is not None:
            self.listing.add_first(part, rows, shown)
        if self.asked is not self.openers:
            self.asked.add(rows.orig_h if shown is None else rows.orig_h[shown])
        self.targets.add(rows.target if shown is None else rows.target[shown])
        failed = self.kept.add(part, rows, verdict, shown)
        self.refused.met[("src_h",)].add(slot_keys(failed))  # a host's failures are counted as one

    def _met_devices(self, part: LogPart, rows: Columns) -> None:
        for code in np.flatnonzero(np.bincount(rows.device)).tolist():
            least = int(rows.number[rows.device == code].min())
            name = part.devices[code]
            self.devices[name] = min(least, self.devices.get(name, least))

    # --- at the end ------------------------------------------------------------------------

    def join(self, logged: dict[str, Logs], correlate: Correlate) -> Judged:
        """Have judged what captures show, and what the log tells of it.  Comes before `finish`,
        which takes from it what is known of the denials."""
        assert self.shared is not None
        wanted = self.shared.denials()
        rows, found = [np.empty(0, np.int64)], [Population.of_none()]
        for one in self._unjudged(logged) if len(wanted) else ():
            at = np.flatnonzero(np.isin(one.rows["row"], wanted))
            rows.append(one.rows["row"][at])
            found.append(one.whole.only(at))
        told = np.concatenate(rows), Population.joined(found)
        judged = self.shared.joined(correlate, self._devices_met(), *told)
        self.joined = _Joined.of(judged, self.denial_kinds)
        shown = _coded(judged, self.names)
        self.kept.join(shown)
        hosts = shown["orig_h"].fill_null(0).to_numpy()
        self.asked.add(hosts)
        self.refused.met[("src_h",)].add(slot_keys(hosts))
        self.targets.add(_targets(shown))
        return judged

    @cached_property
    def _counted(self) -> Counted:
        return Counted(self.refused.rows, self.refused.targets, self.openers, self.mapped)

    def _unjudged(self, logged: dict[str, Logs]) -> Iterator[_Unjudged]:
        begin = 0
        for number, some, codes in self.refused.parts():
            known = np.array(
                [logged.get(name, NOT_LOGGED) for name in codes.devices] or [NOT_LOGGED]
            )
            whole = self._counted.of(some, begin, *known[some["device"]].T)
            yield _Unjudged(number, some, codes, whole)
            begin += len(some)

    def finish(self, logged: dict[str, Logs]) -> None:
        """Judge the denials.  `logged`: what the log tells of connections, by device."""
        every = self.refused.rows.rows
        most = every if every <= 2 * AT_ONCE else AT_ONCE
        waiting, rows = [], 0
        for one in self._unjudged(logged):
            waiting.append(one)
            rows += len(one.rows)
            if rows > most:
                self._refusals(waiting)
                waiting, rows = [], 0
        self._refusals(waiting)
        if self.listed is not None:
            self.listed.finish()

    @property
    def many(self) -> bool:
        """Do patterns read so many rows that they are worth threads, and not so many that memory
        holds what only one of them reads?"""
        return CHUNK < self._read_by_patterns <= MANY

    @property
    def large(self) -> bool:
        """Do they read more than that?"""
        return self._read_by_patterns > MANY

    @property
    def _read_by_patterns(self) -> int:
        return self.refused.rows.rows + self.kept.some.rows

    def give_connections(self, tally: Tally) -> None:
        """Hand over what was added up."""
        self.connections.give(tally.connections, self.kinds.verdicts, stories, _connection_whom)

    def give_denials(self, tally: Tally) -> None:
        """The same of denials, which have been judged."""
        self.denials.give(tally.denials, self.denial_kinds.verdicts, refusals, _denial_whom)

    def clocks(self) -> list[Clock]:
        """The clocks of the firewalls, which nothing compares."""
        return logalone.clocks_of(pl.DataFrame({"device": self._devices_met()}))

    def _devices_met(self) -> list[str]:
        """In order of the first connection of each."""
        return sorted(self.devices, key=self.devices.__getitem__)

    def _refusals(self, waiting: list[_Unjudged]) -> None:
        """Judge denials of some parts: what is met first in any of them all at once."""
        if not waiting:
            return
        kinds = np.concatenate([with_whole(one.rows["kind"], one.whole) for one in waiting])
        ends = np.cumsum([len(one.rows) for one in waiting])

        def judge(at: Array) -> pl.DataFrame:
            mine = np.split(at, np.searchsorted(at, ends[:-1]))
            begins = [0, *ends[:-1].tolist()]
            rows = [
                row
                for one, some, begin in zip(waiting, mine, begins, strict=True)
                for row in (self._apart(one, some - begin) if len(some) else ())
            ]
            return judged_refusals(rows)

        found = self.denial_kinds.judged(kinds, judge)
        for one, verdicts in zip(waiting, np.split(found, ends[:-1]), strict=True):
            apart = self.joined.enter(one.rows["row"], verdicts)
            shown = self.cut.denials(one.rows, self.names) if self.cut else None
            if self.listed is not None:
                self.listed.add(one.number, one.rows["row"], verdicts, shown)
            if not self.only_denials:
                self._tell_denials(one, verdicts, shown, apart)

    def _apart(self, one: _Unjudged, at: Array) -> list[Row]:
        return apart(self.refused.waiting.some(one.number, at), one.whole.only(at))

    def _tell_denials(
        self, one: _Unjudged, found: Array, shown: Array | None, apart: Array | None
    ) -> None:
        """`shown`: which are asked for, None for all; `apart`: which others tell of."""
        kinds, rows = self.denial_kinds, one.rows
        src, src_p, dst, dst_p = (rows[name] for name in ("src", "src_p", "dst", "dst_p"))
        members = Members(
            verdict=found,
            ends=(src, src_p, dst, dst_p),
            key=mix(src, src_p, dst, dst_p),
            begin=rows["row"],
            tie=np.zeros(len(rows), np.int64),
            first_ns=rows["ts"],
            last_ns=rows["ts"],
            telling=2 * rows["known"] + rows["over"] + _sure(kinds)[found],
            product=rows["device"].astype("u4"),
            products=[one.codes.products.get(name) for name in one.codes.devices],
            named=_named(kinds, "denials"),
            packets=rows["hits"],
        )

        def alone(at: Array) -> LogPart:
            return self.refused.waiting.some(one.number, at)

        tell = partial(self._apart, one)
        _add(self.denials, members, without(shown, apart), kinds.verdicts, tell, alone)
        every = np.ones(len(rows), bool)
        self.refused.tell(rows, found, kinds.verdicts, every if shown is None else shown)

    # --- what patterns read ----------------------------------------------------------------

    @cached_property
    def whole(self) -> _Counts:
        """What is known of all connections."""
        return _Counts(self)

    def prove(self, row: int) -> tuple[Proof, ...]:
        """Where a connection stands that serves as an example."""
        file, line = self.whole.places[row]
        return () if file is None else (Proof(file, line, "line"),)


class _Counts(Whole):
    """`Whole` from what was counted."""

    def __init__(self, judge: LogJudge) -> None:
        super().__init__(judge.kept.frame(judge.kinds.verdicts))
        self.judge = judge
        self.places: dict[int, tuple[str | None, int]] = {}  # of the rows that were asked for

    def span_ns(self) -> list[int]:
        period = self.judge.kept.period
        return [ns for ns in (period.first_ns, period.last_ns) if ns != NEVER]

    def any_opened(self) -> bool:
        return self.judge.connections.total > 0 or self.judge.kept.any_opened

    def opened(self, hosts: pl.Series) -> pl.Series:
        codes = _codes(hosts)
        known = self.judge.asked.about([codes])
        found = pl.Series(known.get(codes)[0])
        # Who was not counted may have opened any number.
        return found.replace({0: None}) if known.full else found

    def asked(self, targets: pl.DataFrame) -> pl.Series:
        codes = _targets(targets)
        return pl.Series(self.judge.targets.about([codes]).get(codes)[0])

    def ended_often(self) -> pl.LazyFrame:
        return self.judge.kept.ended_often()

    def named(self, frame: pl.DataFrame, *columns: str) -> pl.DataFrame:
        names = self.judge.names
        return frame.with_columns(
            names.texts(_codes(frame[name])).alias(name)
            for name in columns
            if frame[name].dtype == pl.UInt64
        )

    def leading(self, counted: pl.DataFrame, column: str, most: int) -> pl.DataFrame:
        if counted[column].dtype != pl.UInt64:
            return super().leading(counted, column, most)
        codes, counts = self.judge.names.leading(
            _codes(counted[column]), counted["n"].cast(pl.Int64).to_numpy(), most
        )
        return pl.DataFrame({column: codes, "n": counts})

    def most_often(self, rows: pl.LazyFrame, column: str, most: int) -> pl.DataFrame:
        shares = [super(_Counts, self).most_often(share, column, most)
                  for share in self._shares(rows, column)]  # fmt: skip
        return shares[0] if len(shares) == 1 else self.leading(pl.concat(shares), column, most)

    def differing(self, rows: pl.LazyFrame, column: str) -> int:
        return sum(super(_Counts, self).differing(share, column)
                   for share in self._shares(rows, column))  # fmt: skip

    def _shares(self, rows: pl.LazyFrame, column: str) -> list[pl.LazyFrame]:
        """The rows in shares of which none has very many hosts in this column."""
        refused = self.judge.refused
        if column not in refused.most or not refused.most[column].full:
            return [rows]
        shares = 1 + refused.rows.rows // SHARE
        return [rows.filter(pl.col(column).hash() % shares == n) for n in range(shares)]

    def likely(self, rows: pl.LazyFrame, columns: Sequence[str], least: int) -> pl.LazyFrame:
        met = self.judge.refused.met[tuple(columns)]
        if met.most < least:
            return rows.filter(pl.lit(False))

        def may(values: Sequence[pl.Series]) -> pl.Series:
            host, *ports = values
            port = [p.fill_null(int(NO_PORT)).cast(pl.UInt64).to_numpy() for p in ports]
            return pl.Series(met.get(slot_keys(_codes(host), *port)) >= least)

        # A column, since a filter would be handed on to whoever reads the rows; elementwise, since
        # all rows would be gathered before they are asked.
        asked = pl.map_batches(list(columns), may, return_dtype=pl.Boolean, is_elementwise=True)
        return rows.with_columns(may=asked).filter("may").drop("may")

    def foremost(self, rows: pl.LazyFrame, column: str) -> tuple[Any, int] | None:
        codes, counts, _ = self.judge.refused.most[column].items()
        often = codes[4 * counts >= counts.sum()]  # at most four; half of all is at least that
        return super().foremost(rows.filter(pl.col(column).is_in(often)), column)

    def rows(self, numbers: Sequence[int]) -> pl.DataFrame:
        found = self.judge.kept.find(numbers, self.judge.kinds.verdicts)
        placed = found.filter(pl.col("row") >= 0)
        for row, file, line in placed.select("row", "proof_file", "proof_number").iter_rows():
            self.places[row] = (file, line)
        return found


def _coded(judged: Judged, names: Names) -> pl.DataFrame:
    """The connections that captures show as patterns read them: hosts in codes, and numbers below
    0, which no row of a log has."""
    rows = judged.stories.with_places(judged.connections)
    return rows.with_columns(
        *(names.coded(rows[name]) for name in ("orig_h", "resp_h")), row=-1 - pl.col("row")
    )


def _targets(rows: pl.DataFrame) -> Array:
    """`Columns.target` of the columns `resp_h`, `resp_p`."""
    ports = rows["resp_p"].fill_null(int(NO_PORT)).cast(pl.UInt64).to_numpy()
    return mix(_codes(rows["resp_h"]), ports)


def _codes(hosts: pl.Series) -> Array:
    """Codes of hosts, 0 for null."""
    return hosts.cast(pl.UInt64).fill_null(0).to_numpy()


def _add(
    to: Coded,
    rows: Members,
    shown: Array | None,
    verdicts: Sequence[Verdict],
    tell: Callable[[Array], Sequence[Row]],
    alone: Callable[[Array], LogPart],
) -> None:
    """Have the rows counted that are asked for."""
    if shown is None:
        to.add(rows, verdicts, tell, alone)
    elif shown.any():
        at = np.flatnonzero(shown)
        to.add(rows.only(at), verdicts, lambda some: tell(at[some]), lambda some: alone(at[some]))


def _connection_whom(part: LogPart) -> pl.DataFrame:
    frame = part.connection_frame().with_columns(has_log=pl.lit(True))
    return frame.select(whom_columns("connections"))


def _denial_whom(part: LogPart) -> pl.DataFrame:
    return part.denial_frame().select(whom_columns("denials"))


def _sure(kinds: Kinds) -> Array:
    return np.array([one.sure for one in kinds.verdicts] or [0])


def _named(kinds: Kinds, table: str) -> Array:
    """Which verdicts have remedies that name hosts."""
    placed = set(addressed(table))
    return np.array([one.cause in placed for one in kinds.verdicts] or [False])
