"""Columns of a part's packed connections, and what is kept of them for patterns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from finis.correlation.columns import null_unless
from finis.correlation.keys import mix
from finis.diagnosis.coded import NEVER, Names, Period
from finis.diagnosis.kinds import Numbers, Verdict
from finis.diagnosis.patterns._api import READS
from finis.diagnosis.patterns.pat102_firewall_timer import TIMERS
from finis.diagnosis.patterns.pat301_port_scan import GIVEN_UP, RESETS
from finis.diagnosis.spill import Spill
from finis.tables import CONNECTIONS, STORY_FACTS, polars_schema
from finis.tracking.parts import BY, LogPart
from finis.wire.dialects._packed import BIT, coded

if TYPE_CHECKING:
    from collections.abc import Iterator

Array = np.ndarray
NS = 1_000_000_000
# A connection as patterns need it.  `host`, `peer` …: orig and resp; `by`: index into parts.BY;
# `how`, `verdict`, `device`, `file`: numbers of `Kept`; stamps in ns, NEVER where unknown.
KEPT = np.dtype(
    [("orig_h", "u8"), ("resp_h", "u8"), ("first_ns", "i8"), ("last_ns", "i8"), ("row", "i8"),
     ("line", "i8"), ("bytes", "i8"), ("duration_s", "f8"), ("orig_p", "u2"), ("resp_p", "u2"),
     ("has", "u2"), ("by", "u2"), ("how", "u4"), ("verdict", "u4"), ("device", "u4"),
     ("file", "u4")]
)  # fmt: skip
_ORIG_P, _RESP_P, _BYTES, _DURATION = 1, 2, 4, 8  # bits of `has`
_SCHEMA = polars_schema(CONNECTIONS) | polars_schema(STORY_FACTS)


@dataclass(frozen=True, slots=True)
class Columns:
    """Connections of a part, orig first; hosts in the codes of a `Names`."""

    orig_h: Array
    orig_p: Array
    resp_h: Array
    resp_p: Array
    first_ns: Array
    last_ns: Array
    begin: Array
    number: Array
    device: Array
    products: Sequence[str | None]
    start_has: Array  # with orig as a
    end_has: Array  # 0 without an end


def columns(part: LogPart, names: Names) -> Columns:
    """The columns of `part.connections`."""
    rows = part.connections
    start = np.ascontiguousarray(rows["start"])
    event = start["event"]
    turned = start["orig"] == 1
    a_h, b_h = (names.codes(event[f"{end}_h"], part.book) for end in "ab")
    a_p, b_p, has = event["a_p"], event["b_p"], event["has"]
    if turned.any():
        a_h, b_h = np.where(turned, b_h, a_h), np.where(turned, a_h, b_h)
        a_p, b_p = np.where(turned, b_p, a_p), np.where(turned, a_p, b_p)
        swapped = (has & BIT["a_p"]) * 2 | (has & BIT["b_p"]) // 2
        has = np.where(turned, has & ~np.uint32(BIT["a_p"] | BIT["b_p"]) | swapped, has)
    end_has = np.where(rows["ended"] == 1, rows["end"]["has"], 0)
    first = np.where(has & BIT["ts"] != 0, event["ts"], NEVER)
    last = np.where(end_has & BIT["ts"] != 0, rows["end"]["ts"], NEVER)
    return Columns(
        a_h, a_p, b_h, b_p, first, last, begin_of(first, last), start["row"], start["device"],
        [part.products.get(name) for name in part.devices], has, end_has,
    )  # fmt: skip


class Kept:
    """Connections that patterns look at: those a timer removed or that came to nothing, and, on
    disk, whom each one was ended by."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.hows, self.devices, self.files = Numbers(), Numbers(), Numbers()
        self.some, self.ended = Spill(KEPT), Spill(KEPT)
        self.period = Period()

    def add(self, part: LogPart, rows: Columns, verdict: Array, shown: Array) -> None:
        """Take a part; `shown`: which of it are asked for."""
        end = part.connections["end"]
        over = part.connections["ended"] == 1
        hows = self.hows.all(part.hows)
        how = np.where(over, hows[np.minimum(end["how"], len(hows) - 1)], NO_HOW).astype("u4")
        nothing = (rows.end_has & BIT["bytes"] != 0) & (end["bytes"] == 0)
        code = np.minimum(end["how"], max(len(part.hows), 1) - 1)
        telling = over & _among(part, {*TIMERS, *GIVEN_UP})[code]
        telling |= over & nothing & _among(part, set(RESETS))[code]
        telling &= shown
        sided = over & shown & (end["by"] < 2)
        either = np.flatnonzero(telling | sided)
        kept = self._packed(part, rows, verdict, how, either)
        self.some.add(kept[telling[either]])
        self.ended.add(kept[sided[either]])
        if shown.any():
            self.period.cover(rows.first_ns[shown], rows.last_ns[shown])

    def _packed(self, part: LogPart, rows: Columns, verdict: Array, how: Array, at: Array) -> Array:
        out = np.empty(len(at), KEPT)
        end, start = part.connections["end"][at], part.connections["start"][at]
        for name in ("orig_h", "orig_p", "resp_h", "resp_p", "first_ns", "last_ns"):
            out[name] = getattr(rows, name)[at]
        out["row"], out["bytes"], out["duration_s"] = start["row"], end["bytes"], end["duration_s"]
        out["by"], out["how"], out["verdict"] = end["by"], how[at], verdict[at]
        out["device"] = self.devices.all(part.devices)[start["device"]]
        files = self.files.all([file for _, file in part.book.origins])
        lasts = end["has"] & BIT["line"] != 0
        out["file"] = files[np.where(lasts, end["origin"], start["event"]["origin"])]
        out["line"] = np.where(lasts, end["line"], start["event"]["line"])
        a, b = rows.start_has[at] & BIT["a_p"] != 0, rows.start_has[at] & BIT["b_p"] != 0
        e = end["has"]
        out["has"] = (
            a * _ORIG_P + b * _RESP_P + (e & BIT["bytes"] != 0) * _BYTES
            + (e & BIT["duration_s"] != 0) * _DURATION
        )  # fmt: skip
        return out

    # --- read again ------------------------------------------------------------------------

    def frame(self, verdicts: Sequence[Verdict]) -> pl.LazyFrame:
        """The columns READS, PLACED of the connections that patterns choose rows from."""
        parts = [self._frame(chunk, verdicts) for chunk in self.some]
        return _completed(parts)

    def ended_by(self, least: int, verdicts: Sequence[Verdict]) -> pl.LazyFrame:
        """The same of all connections that hosts ended which ended so many within a second."""
        hosts = self._busy(least)
        parts = []
        for chunk in self.ended if len(hosts) else ():
            mine = np.isin(_ender(chunk), hosts)
            parts.append(self._frame(chunk[mine], verdicts))
        return _completed(parts)

    def find(self, numbers: Sequence[int], verdicts: Sequence[Verdict]) -> pl.DataFrame:
        """The same of connections by number, in order of time."""
        parts = [
            self._frame(chunk[np.isin(chunk["row"], numbers)], verdicts)
            for chunks in (self.some, self.ended)
            for chunk in chunks
        ]
        every = _completed(parts).unique("row").sort("begin", "tie")
        return every.collect()

    def _busy(self, least: int) -> Array:
        """Hosts that may have ended so many connections within a second: all that did are among
        them."""
        size = 1 << max(10, int(4 * self.ended.rows).bit_length())
        counts = np.zeros(size, np.uint32)
        for slots, _ in self._slots(size):
            np.add.at(counts, slots, 1)
        hosts = [
            np.unique(who[counts[slots] >= least]) for slots, who in self._slots(size)
        ]  # fmt: skip
        return np.unique(np.concatenate([np.empty(0, "u8"), *hosts]))

    def _slots(self, size: int) -> Iterator[tuple[Array, Array]]:
        for chunk in self.ended:
            who = _ender(chunk)
            when = np.where(chunk["last_ns"] != NEVER, chunk["last_ns"], 0) // NS
            slots = mix(who, when.view(np.uint64)) & np.uint64(size - 1)
            yield slots.astype(np.int64), who

    def _frame(self, rows: Array, verdicts: Sequence[Verdict]) -> pl.DataFrame:
        def coded(name: str, texts: Sequence[Any]) -> pl.Series:
            return said(np.minimum(rows[name], len(texts)), texts)

        has = rows["has"]
        first = np.ascontiguousarray(rows["first_ns"])
        last = np.ascontiguousarray(rows["last_ns"])
        return pl.DataFrame({
            "row": np.ascontiguousarray(rows["row"]),
            "begin": begin_of(first, last),
            "tie": rows["row"].astype(np.uint64),
            "orig_h": self.names.texts(rows["orig_h"]),
            "orig_p": number(rows["orig_p"], has & _ORIG_P != 0),
            "resp_h": self.names.texts(rows["resp_h"]),
            "resp_p": number(rows["resp_p"], has & _RESP_P != 0),
            "first_ts": when(first),
            "last_ts": when(last),
            "teardown_ts": when(last),
            "teardown": coded("how", list(self.hows.of)),
            "teardown_by": coded("by", BY),
            "log_bytes": number(rows["bytes"], has & _BYTES != 0),
            "log_duration_s": number(rows["duration_s"], has & _DURATION != 0, np.float64),
            "device": coded("device", list(self.devices.of)),
            "cause": coded("verdict", [one.cause for one in verdicts]),
            "harm": coded("verdict", [one.harm for one in verdicts]),
            "proof_file": coded("file", list(self.files.of)),
            "proof_number": np.ascontiguousarray(rows["line"]),
            "proof_is_line": np.ones(len(rows), bool),
        })  # fmt: skip


NO_HOW = 0xFFFFFFFF


def when(ns: Array) -> pl.Series:
    """Stamps, null where NEVER."""
    return number(ns, ns != NEVER).cast(pl.Datetime("ns", "UTC"))


def number(values: Array, known: Array, kind: Any = np.int64) -> pl.Series:
    """Numbers, null where unknown."""
    return null_unless(known, pl.Series(values.astype(kind)))


def said(codes: Array, texts: Sequence[Any]) -> pl.Series:
    """Texts by code; the code one beyond the last is null."""
    return coded("", codes.astype("u4"), [*texts, None], pl.String())


def begin_of(first_ns: Array, last_ns: Array) -> Array:
    """What connections are put in order by: the first stamp that is known."""
    return np.where(first_ns != NEVER, first_ns, np.where(last_ns != NEVER, last_ns, 0))


def _among(part: LogPart, names: set[str]) -> Array:
    """Which of the ends of a part are among these."""
    return np.array([name in names for name in part.hows] or [False])


def _ender(rows: Array) -> Array:
    """The host that ended each."""
    return np.where(rows["by"] == 0, rows["orig_h"], rows["resp_h"])


def _completed(parts: list[pl.DataFrame]) -> pl.LazyFrame:
    """With the columns of packets, which a log does not show."""
    names = (*READS["connections"], "begin", "tie", "proof_file", "proof_number", "proof_is_line")
    places = {"begin": pl.Int64(), "tie": pl.UInt64(), "proof_file": pl.String(),
              "proof_number": pl.Int64(), "proof_is_line": pl.Boolean()}  # fmt: skip
    schema = {name: places.get(name) or _SCHEMA[name] for name in names}
    if not parts:
        return pl.LazyFrame(schema=schema)
    every = pl.concat(parts).lazy()
    have = parts[0].columns
    absent = [pl.lit(None, kind).alias(n) for n, kind in schema.items() if n not in have]
    return every.with_columns(absent).select(list(names))
