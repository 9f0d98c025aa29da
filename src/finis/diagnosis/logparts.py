"""What only logs show, judged a part at a time in packed rows.

Connections are judged when nothing to come can change them.  Denials wait (on disk, if they are
many) until the whole log has told what it knows of their hosts; then they are judged, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
import polars as pl

from finis.correlation import logalone
from finis.correlation.keys import mix
from finis.correlation.stories import Clock, Proof
from finis.diagnosis.coded import NEVER, Coded, Members, Names
from finis.diagnosis.counting import counter
from finis.diagnosis.cutting import Cut
from finis.diagnosis.kinds import ConnectionKinds, DenialKinds, Kinds, Verdict, shown
from finis.diagnosis.logrows import Kept, columns, number, said, when
from finis.diagnosis.partrows import (
    Row,
    judged,
    judged_denials,
    of_connection,
    of_denial,
    refusals,
    stories,
)
from finis.diagnosis.patterns._api import READS
from finis.diagnosis.patterns._whole import Whole
from finis.diagnosis.population import NO_PORT, Counted, Ends
from finis.diagnosis.spill import Waiting
from finis.diagnosis.tally import Tally, addressed, whom_columns
from finis.tables import DENIAL_FACTS, DENIALS, polars_schema
from finis.tracking.packed import SEEN
from finis.tracking.parts import LogPart, word_column
from finis.wire.dialects._packed import BIT

Array = np.ndarray
HOSTS_MOST = 1 << 21  # half of the hosts whose connections are counted; further ones are not


class LogJudge:
    """Judges the parts of logs.  `limit`: examples of a finding; `cut`: what is asked for.  Cut
    after judging: a verdict may rest on lines outside."""

    def __init__(self, limit: int, cut: Cut) -> None:
        self.cut = cut
        self.names = Names()
        self.kinds, self.denial_kinds = ConnectionKinds(), DenialKinds()
        self.connections = Coded("connections", limit, self.names)
        self.denials = Coded("denials", limit, self.names)
        self.openers = counter(HOSTS_MOST, forget=False)  # marked: carried no data
        self.asked = counter(HOSTS_MOST, forget=False) if cut else self.openers  # of the cut
        self.targets = counter(HOSTS_MOST, forget=True)  # host and port that were asked
        self.kept = Kept(self.names)
        self.waiting = Waiting()
        self.refused: list[pl.DataFrame] = []  # denials as patterns read them
        self.devices: dict[str, int] = {}  # the first connection of each

    def add(self, part: LogPart) -> None:
        """Take a part; its memory may be used again."""
        verdict = np.empty(0, np.uint32)
        if len(part.connections):
            verdict = self._connections(part)
        if len(part.denials):
            self.waiting.add(part, verdict)

    def _connections(self, part: LogPart) -> Array:
        rows = columns(part, self.names)
        verdict = self.kinds.judged(self.kinds.keys(part), lambda at: judged(part, at).connections)
        verdicts = self.kinds.verdicts
        resp_p = np.where(rows.start_has & BIT["b_p"] != 0, rows.resp_p, NO_PORT)
        target = mix(rows.resp_h, resp_p)
        after = part.connections["denials_after"] > 0
        members = Members(
            verdict=verdict,
            ends=(rows.orig_h, rows.orig_p, rows.resp_h, rows.resp_p),
            key=np.where(_named(self.kinds, "connections")[verdict], target, np.uint64(0)),
            begin=rows.begin,
            tie=rows.number,
            first_ns=rows.first_ns,
            last_ns=rows.last_ns,
            telling=2 + after + _sure(self.kinds)[verdict],
            product=rows.device,
            products=rows.products,
        )

        def tell(at: Array) -> list[Row]:
            return [of_connection(part, n) for n in at.tolist()]

        def whom(at: Array) -> pl.DataFrame:
            frame = part.connection_frame(at).with_columns(has_log=pl.lit(True))
            return frame.select(whom_columns("connections"))

        nothing = (rows.end_has & BIT["bytes"] != 0) & (part.connections["end"]["bytes"] == 0)
        self.openers.add(rows.orig_h, nothing)
        shown = self.cut.connections(part, rows)
        _add(self.connections, members, shown, verdicts, tell, whom)
        if self.cut:
            self.asked.add(rows.orig_h[shown])
        self.targets.add(target[shown])
        self.kept.add(part, rows, verdict, shown)
        for code in np.flatnonzero(np.bincount(rows.device)).tolist():
            least = int(rows.number[rows.device == code].min())
            name = part.devices[code]
            self.devices[name] = min(least, self.devices.get(name, least))
        return verdict

    # --- at the end ------------------------------------------------------------------------

    def finish(self, tally: Tally, logged: dict[str, bool]) -> None:
        """Judge the denials and hand everything over.  `logged`: whose connections are logged, by
        device."""
        counted = Counted((part for part, _ in self.waiting), self.names, self.openers, logged)
        begin = 0
        for part, verdict in self.waiting:
            self._refusals(part, verdict, counted, begin)
            begin += len(part.denials)
        self.connections.give(tally.connections, self.kinds.verdicts, stories)
        self.denials.give(tally.denials, self.denial_kinds.verdicts, refusals)

    def clocks(self) -> list[Clock]:
        """The clocks of the firewalls, which nothing compares."""
        return logalone.clocks_of(
            pl.DataFrame({"device": sorted(self.devices, key=self.devices.__getitem__)})
        )

    def _refusals(self, part: LogPart, verdict: Array, counted: Counted, begin: int) -> None:
        whole = counted.of(part, begin)
        ends = counted.ends.cut(slice(begin, begin + len(part.denials)))
        causes = [one.cause for one in self.kinds.verdicts]
        kinds = self.denial_kinds

        cause = kinds.causes.all(causes)[verdict]
        found = kinds.judged(
            kinds.keys(part, whole, cause), lambda at: judged_denials(part, at, whole).denials
        )
        rows = part.denials["refusal"]
        known, over = part.denials["at"] >= 0, ~np.isnan(rows["lag_s"])
        key = mix(ends.src, ends.src_p, ends.dst, ends.dst_p)
        stamp = np.where(rows["event"]["has"] & BIT["ts"] != 0, rows["event"]["ts"], NEVER)
        hits = np.where(rows["event"]["has"] & BIT["hit_count"] != 0, rows["event"]["hit_count"], 1)
        members = Members(
            verdict=found,
            ends=(ends.src, ends.src_p, ends.dst, ends.dst_p),
            key=np.where(_named(kinds, "denials")[found], key, np.uint64(0)),
            begin=rows["row"],
            tie=np.zeros(len(rows), np.int64),
            first_ns=stamp,
            last_ns=stamp,
            telling=2 * known + (known & over) + _sure(kinds)[found],
            product=rows["device"],
            products=[part.products.get(name) for name in part.devices],
            packets=hits,
        )

        def tell(at: Array) -> list[Row]:
            return [of_denial(part, n, whole) for n in at.tolist()]

        def whom(at: Array) -> pl.DataFrame:
            return part.denial_frame(at).select(whom_columns("denials"))

        shown = self.cut.denials(part)
        _add(self.denials, members, shown, kinds.verdicts, tell, whom)
        read = _read_by_patterns(part, ends, found, kinds.verdicts, self.names)
        self.refused.append(read.filter(pl.Series(shown)) if self.cut else read)

    # --- what patterns read ----------------------------------------------------------------

    @cached_property
    def whole(self) -> _Counts:
        """What is known of all connections."""
        return _Counts(self)

    def prove(self, row: int) -> tuple[Proof, ...]:
        """Where a connection stands that serves as an example."""
        file, line = self.whole.places[row]
        return () if file is None else (Proof(file, line, "line"),)

    def denial_frame(self) -> pl.DataFrame:
        """All denials, as patterns read them."""
        frames = [frame for frame in self.refused if frame.height]
        return pl.concat(frames) if frames else pl.DataFrame(schema=_PATTERN_DENIALS)


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
        return self.judge.connections.total > 0

    def opened(self, hosts: pl.Series) -> pl.Series:
        found = pl.Series(self.judge.asked.get(self.judge.names.of(hosts))[0])
        # Who was not counted may have opened any number.
        return found.replace({0: None}) if self.judge.asked.full else found

    def asked(self, targets: pl.DataFrame) -> pl.Series:
        ports = targets["resp_p"].fill_null(int(NO_PORT)).cast(pl.UInt64).to_numpy()
        keys = mix(self.judge.names.of(targets["resp_h"]), ports)
        return pl.Series(self.judge.targets.get(keys)[0])

    def ended(self, least: int) -> pl.LazyFrame:
        return self.judge.kept.ended_by(least, self.judge.kinds.verdicts)

    def rows(self, numbers: Sequence[int]) -> pl.DataFrame:
        found = self.judge.kept.find(numbers, self.judge.kinds.verdicts)
        for row, file, line in found.select("row", "proof_file", "proof_number").iter_rows():
            self.places[row] = (file, line)
        return found


def _add(
    to: Coded,
    rows: Members,
    shown: Array,
    verdicts: Sequence[Verdict],
    tell: Callable[[Array], Sequence[Row]],
    whom: Callable[[Array], pl.DataFrame],
) -> None:
    """Have the rows counted that are asked for."""
    if shown.all():
        to.add(rows, verdicts, tell, whom)
    elif shown.any():
        at = np.flatnonzero(shown)
        to.add(rows.only(at), verdicts, lambda some: tell(at[some]), lambda some: whom(at[some]))


def _sure(kinds: Kinds) -> Array:
    return np.array([one.sure for one in kinds.verdicts] or [0])


def _named(kinds: Kinds, table: str) -> Array:
    """Which verdicts have remedies that name hosts."""
    placed = set(addressed(table))
    return np.array([one.cause in placed for one in kinds.verdicts] or [False])


# --- rows as frames ------------------------------------------------------------------------------


_PATTERN_DENIALS = {
    name: kind
    for name, kind in (polars_schema(DENIALS) | polars_schema(DENIAL_FACTS)).items()
    if name in READS["denials"]
}


def _read_by_patterns(
    part: LogPart, ends: Ends, found: Array, verdicts: Sequence[Verdict], names: Names
) -> pl.DataFrame:
    """The columns of denials that patterns read."""
    rows = part.denials["refusal"]
    event = rows["event"]
    words = np.ascontiguousarray(event["words"])
    at, over = part.denials["at"], ~np.isnan(rows["lag_s"])
    known = at >= 0
    ended = known & over
    how = np.full(len(rows), len(part.hows), np.uint32)
    if ended.any():
        how[ended] = part.connections["end"]["how"][at[ended]]

    kinds = shown(part)
    return pl.DataFrame({
        "row": np.ascontiguousarray(rows["row"]),
        "ts": when(np.where(event["has"] & BIT["ts"] != 0, event["ts"], NEVER)),
        "device": said(rows["device"], part.devices),
        "file": said(event["origin"], [file for _, file in part.book.origins]),
        "line": number(event["line"], event["has"] & BIT["line"] != 0),
        "unit": pl.repeat("line", len(rows), eager=True),
        "kind": said(words, [kind for kind, _ in kinds]),
        "msg_id": said(words, word_column(part.book, "msg_id")),
        "proto": said(words, [proto for _, proto in kinds]),
        "src_h": names.texts(ends.src),
        "src_p": number(ends.src_p, ends.src_p < NO_PORT),
        "dst_h": names.texts(ends.dst),
        "dst_p": number(ends.dst_p, ends.dst_p < NO_PORT),
        "flags": said(words, word_column(part.book, "flags")),
        "lag_s": pl.Series(np.ascontiguousarray(rows["lag_s"])).fill_nan(None),
        "seen_before": said(rows["seen"], SEEN),
        "duplicate_of": pl.repeat(None, len(rows), dtype=pl.Int64, eager=True),
        "teardown": said(how, part.hows),
        "failover_s": pl.Series(np.ascontiguousarray(rows["failover_s"])).fill_nan(None),
        "cause": said(found, [one.cause for one in verdicts]),
        "harm": said(found, [one.harm for one in verdicts]),
        "story": number(np.maximum(at, 0), known),
        "pending_syn": rows["pending"] == 1,
    }).select(list(_PATTERN_DENIALS))  # fmt: skip
