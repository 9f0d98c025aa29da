"""Columns of a part's packed connections, and what is kept of them for patterns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import polars as pl

from finis.compiled import kernel
from finis.correlation.columns import null_unless
from finis.correlation.keys import mix
from finis.diagnosis.coded import Names, Period
from finis.diagnosis.counting import NEVER, slots
from finis.diagnosis.kinds import ConnectionKinds, Numbers, Verdict, connection_keys
from finis.diagnosis.patterns._api import READS
from finis.diagnosis.patterns.pat102_firewall_timer import TIMERS
from finis.diagnosis.patterns.pat205_ended_at_once import MIN_CONNECTIONS, ended_by
from finis.diagnosis.patterns.pat301_port_scan import GIVEN_UP, RESETS
from finis.diagnosis.spill import Chunk, Columnar, Made, Spill, scanned
from finis.records import dataclass
from finis.tables import CONNECTIONS, STORY_FACTS, polars_schema
from finis.tracking.columns import completed
from finis.tracking.parts import BY, CONNECTION, LogPart
from finis.wire.dialects._packed import BIT, NAMED, coded

Array = np.ndarray
NS = 1_000_000_000
# A connection that a host ended, as patterns need it, and one that a timer removed or that came to
# nothing.  Hosts in the codes of a `Names`, ports with NO_PORT; `by`: index into parts.BY; `how`,
# `verdict`, `device`, `file`: numbers of `Kept`; stamps in ns, NEVER where unknown.
SIDED = np.dtype(
    [("orig_h", "u8"), ("resp_h", "u8"), ("first_ns", "i8"), ("last_ns", "i8"), ("number", "i8"),
     ("line", "i8"), ("orig_p", "u4"), ("resp_p", "u4"), ("file", "u4"), ("by", "u4")]
)  # fmt: skip
KEPT = np.dtype(
    [(name, SIDED[name]) for name in SIDED.names or ()]
    + [("bytes", "i8"), ("duration_s", "f8"), ("has", "u4"), ("how", "u4"), ("verdict", "u4"),
       ("device", "u4")]
)  # fmt: skip
NO_PORT = np.uint32(1 << 16)
NO_SIDE = 255
NO_HOW = np.uint32(0xFFFFFFFF)
SLOT_BITS = 23  # of the counts of connections by host and second
_SCHEMA = polars_schema(CONNECTIONS) | polars_schema(STORY_FACTS)


@dataclass(slots=True)
class Columns:
    """Connections of a part, orig first: arrays of one length."""

    orig_h: Array  # u8, in the codes of a `Names`, as resp_h
    orig_p: Array  # u4, NO_PORT where unknown, as resp_p
    resp_h: Array
    resp_p: Array
    first_ns: Array  # i8, NEVER where unknown, as last_ns
    last_ns: Array
    begin: Array  # i8, ns: what they are put in order by
    number: Array  # i8
    device: Array  # u4
    how: Array  # u4, index into the part's `hows`, NO_HOW without an end
    by: Array  # u1, index into parts.BY, NO_SIDE without an end
    nothing: Array  # u1: it carried no data
    after: Array  # u1: denials followed its end
    line: Array  # i8, of its last line, as `origin` (u4, code of the part's book)
    origin: Array
    kind: Array  # u8: `kinds.connection_keys`
    target: Array  # u8, a hash of host and port of resp
    second: Array  # u8, a hash of the host that ended it and the second; 0 where unknown

    @classmethod
    def room(cls, count: int) -> Columns:
        """For so many connections."""
        return cls(*(np.empty(count, _KINDS[one.name]) for one in fields(cls)))

    def first(self, count: int) -> Columns:
        """The first so many; nothing is copied."""
        return Columns(*(getattr(self, one.name)[:count] for one in fields(Columns)))


_KINDS = {one.name: "i8" for one in fields(Columns)}
_KINDS |= dict.fromkeys(("orig_h", "resp_h", "kind", "target", "second"), "u8")
_KINDS |= dict.fromkeys(("orig_p", "resp_p", "device", "how", "origin"), "u4")
_KINDS |= dict.fromkeys(("by", "nothing", "after"), "u1")


class Reader:
    """Reads the columns of one part after another into the same memory."""

    def __init__(self, names: Names, kinds: ConnectionKinds) -> None:
        self.names, self.kinds = names, kinds
        self._room = Columns.room(0)
        fast = kernels()
        self._fill = fill if fast is None else fast.fill

    def columns(self, part: LogPart) -> Columns:
        """Of the connections of a part, until the next one is read."""
        count = len(part.connections)
        if len(self._room.kind) < count:
            self._room = Columns.room(count)
        out = self._room.first(count)
        rows = np.ascontiguousarray(part.connections).view(np.uint8)
        self._fill(rows, self.names.known(part.book), *self.kinds.codes(part), out)
        return out


def kernels() -> Any:
    """What is compiled of this module and `refused`, if it is."""
    return kernel("finis.diagnosis._logrows")


def translated(hosts: Array, named: Array) -> Array:
    """Hosts in the codes that `named` gives for those of a book; 0 where it gives none."""
    out = np.array(hosts)
    names = out >= NAMED
    codes = np.append(named, np.uint64(0))
    out[names] = codes[np.minimum(out[names] - np.uint64(NAMED), len(named)).astype(int)]
    return out


def fill(rows: Array, named: Array, reasons: Array, hows: Array, out: Columns) -> None:
    """Fill `out` from packed connections (u1).  `named`: codes of the hosts of the book by its
    own; `reasons`, `hows`: `kinds.ConnectionKinds.codes`."""
    told = rows.view(CONNECTION)
    start, end, ended = told["start"], told["end"], told["ended"] == 1
    event = start["event"]
    turned = start["orig"] == 1
    for side, one, other in (("orig", "a", "b"), ("resp", "b", "a")):
        host = np.where(turned, event[f"{other}_h"], event[f"{one}_h"])
        ports = {
            letter: np.where(event["has"] & BIT[f"{letter}_p"] != 0, event[f"{letter}_p"], NO_PORT)
            for letter in "ab"
        }
        getattr(out, f"{side}_h")[:] = translated(host, named)
        getattr(out, f"{side}_p")[:] = np.where(turned, ports[other], ports[one])
    has = np.where(ended, end["has"], 0)
    lasts = has & BIT["line"] != 0
    first = np.where(event["has"] & BIT["ts"] != 0, event["ts"], NEVER)
    last = np.where(has & BIT["ts"] != 0, end["ts"], NEVER)
    out.first_ns[:], out.last_ns[:], out.begin[:] = first, last, begin_of(first, last)
    out.number[:], out.device[:] = start["row"], start["device"]
    out.how[:], out.by[:] = np.where(ended, end["how"], NO_HOW), np.where(ended, end["by"], NO_SIDE)
    out.nothing[:] = (has & BIT["bytes"] != 0) & (end["bytes"] == 0)
    out.after[:] = told["denials_after"] > 0
    out.line[:] = np.where(lasts, end["line"], event["line"])
    out.origin[:] = np.where(lasts, end["origin"], event["origin"])
    out.kind[:] = connection_keys(told, reasons, hows)
    out.target[:] = mix(out.resp_h, out.resp_p)
    ender = _hash_of(np.where(out.by == 0, out.orig_h, out.resp_h), last)
    out.second[:] = np.where((out.by < 2) & (last != NEVER), ender, 0)


def mapped_openers(rows: Array, named: Array, opener: Array) -> tuple[Array, Array]:
    """Of packed connections whose opener is translated: to which host, and the device.  `named`:
    codes of the hosts of the book by its own; `opener`: the opener's codes."""
    start = rows["start"]
    event = start["event"]
    host = np.where(start["orig"] == 1, event["b_mapped_h"], event["a_mapped_h"])
    if not host.any():
        return host[:0], start["device"][:0]
    host = translated(host, named)
    at = np.flatnonzero((host != 0) & (host != opener))
    return host[at], start["device"][at]


class Kept:
    """Connections that patterns look at: those a timer removed or that came to nothing, and, on
    disk, whom each one was ended by."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.hows, self.devices, self.files = Numbers(), Numbers(), Numbers()
        self.some, self.ended = Columnar.of(KEPT), Columnar.of(SIDED)
        self.seconds = slots(SLOT_BITS)
        self.often = Spill(np.dtype("u8"))  # of what may have come MIN_CONNECTIONS times
        self.period = Period()
        self.joined = pl.DataFrame(schema=_ALL)  # what captures show
        self._joined_ends = np.empty((2, 0), np.uint64)  # second and ender of those with both

    def join(self, rows: pl.DataFrame) -> None:
        """Take the connections that captures show, which bear numbers of their own."""
        self.joined = rows.select(pl.col(name).cast(kind) for name, kind in _ALL.items())
        first, last = (rows[name].cast(pl.Int64).fill_null(NEVER).to_numpy()
                       for name in ("first_ts", "last_ts"))  # fmt: skip
        if len(rows):
            self.period.cover(first, last)
        ends = ended_by(self.joined.lazy()).select("host", pl.col("ended_ts").cast(pl.Int64))
        host, ended_ns = (column.to_numpy() for column in ends.collect())
        self._joined_ends = np.stack([_hash_of(host, ended_ns), host])
        self._met(self._joined_ends[0])

    @property
    def any_opened(self) -> bool:
        """Does any host open a connection that captures show?"""
        return bool(self.joined["orig_h"].is_not_null().any())

    def add(self, part: LogPart, rows: Columns, verdict: Array, shown: Array | None) -> Array:
        """Take a part; `shown`: which of it are asked for, None for all.  Gives the hosts that
        opened those which came to nothing or which a timer removed."""
        hows = [*part.hows, None]  # of its own: following goes on, and may append to it
        timed = np.array([name in _TELLING for name in hows])
        reset = np.array([name in RESETS for name in hows])
        how = np.minimum(rows.how, len(hows) - 1)
        telling = timed[how] | (reset[how] & (rows.nothing != 0))
        sided = rows.second != 0
        if shown is not None:
            telling &= shown
            sided &= shown
        told = np.flatnonzero(telling)
        sides = self._sided(part, rows)
        self._add_telling(part, rows, sides, verdict, told)
        at = np.flatnonzero(sided)
        self._met(rows.second[at])
        self.ended.add_some(sides, at)
        every = shown is None
        first, last = (ns if every else ns[shown] for ns in (rows.first_ns, rows.last_ns))
        if len(first):
            self.period.cover(first, last)
        opened: Array = rows.orig_h[told]
        return opened

    def _met(self, second: Array) -> None:
        """Count connections by the host that ended each and the second."""
        self.seconds.add(second)
        if self.seconds.most >= MIN_CONNECTIONS:
            self.often.add(second[self.seconds.get(second) >= MIN_CONNECTIONS])

    def _sided(self, part: LogPart, rows: Columns) -> dict[str, Array]:
        """The columns SIDED of all connections of a part."""
        files = self.files.all([file for _, file in part.book.origins]).astype("u4")
        same = [name for name in SIDED.names or () if name != "file"]
        return {name: getattr(rows, name) for name in same} | {"file": files[rows.origin]}

    def _add_telling(
        self, part: LogPart, rows: Columns, sides: dict[str, Array], verdict: Array, at: Array
    ) -> None:
        end = part.connections["end"]
        out = {name: column[at] for name, column in sides.items()}
        out |= {name: end[name][at] for name in ("bytes", "duration_s", "has")}
        out["how"] = self.hows.all(part.hows)[rows.how[at]]
        out["verdict"], out["device"] = verdict[at], self.devices.all(part.devices)[rows.device[at]]
        self.some.add(out)

    # --- read again ------------------------------------------------------------------------

    def frame(self, verdicts: Sequence[Verdict]) -> pl.LazyFrame:
        """The columns READS, PLACED of the connections that patterns choose rows from; hosts in
        codes."""

        def columns(rows: Chunk) -> Made:
            return {**self._sides(rows), **self._ends(rows, verdicts)}

        return self._all(scanned(self.some.__iter__, columns, _KEPT, self.some.rows))

    def ended_often(self) -> pl.LazyFrame:
        """The same of all connections that hosts ended which ended MIN_CONNECTIONS within a
        second."""
        busy = self._busy()

        def chunks() -> Iterator[Chunk]:
            for chunk in self.ended if len(busy) else ():
                yield chunk.only(np.isin(_ender(chunk), busy))

        rows = self.ended.rows if len(busy) else 0
        return self._all(scanned(chunks, self._sides, _SIDED, rows))

    def _busy(self) -> Array:
        """The hosts that did."""
        often = np.unique(np.concatenate([np.empty(0, "u8"), *self.often]))
        found = [self._joined_ends[:, np.isin(self._joined_ends[0], often)]]
        for chunk in self.ended if len(often) else ():
            second = _second(chunk)
            at = np.isin(second, often)
            found.append(np.stack([second[at], _ender(chunk)[at]]))
        second, ender = np.concatenate(found, axis=1)
        _, first, counts = np.unique(second, return_index=True, return_counts=True)
        return np.unique(ender[first[counts >= MIN_CONNECTIONS]])

    def find(self, numbers: Sequence[int], verdicts: Sequence[Verdict]) -> pl.DataFrame:
        """The same of connections by number, in order of time."""
        left = set(numbers)
        found: list[pl.DataFrame] = []
        for rows in (self.frame(verdicts), self._every_ended()):
            if left or not found:  # most are found among the first, which are few
                found.append(rows.filter(pl.col("row").is_in(list(left))).collect())
                left -= set(found[-1]["row"])
        return pl.concat(found).unique("row", keep="first").sort("begin", "tie")

    def _every_ended(self) -> pl.LazyFrame:
        return self._all(scanned(self.ended.__iter__, self._sides, _SIDED, self.ended.rows))

    def _all(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """With the columns of packets, and the rows that these show."""
        told = completed(rows, _ALL).select(list(_ALL))
        return told if self.joined.is_empty() else pl.concat([told, self.joined.lazy()])

    def _sides(self, rows: Chunk) -> Made:
        """The columns _SIDED."""
        return {
            "row": lambda: pl.Series(rows["number"]),
            "begin": lambda: pl.Series(begin_of(rows["first_ns"], rows["last_ns"])),
            "tie": lambda: pl.Series(rows["number"].astype(np.uint64)),
            "orig_h": lambda: host(rows["orig_h"]),
            "orig_p": lambda: number(rows["orig_p"], rows["orig_p"] != NO_PORT),
            "resp_h": lambda: host(rows["resp_h"]),
            "resp_p": lambda: number(rows["resp_p"], rows["resp_p"] != NO_PORT),
            "first_ts": lambda: when(rows["first_ns"]),
            "last_ts": lambda: when(rows["last_ns"]),
            "teardown_ts": lambda: when(rows["last_ns"]),
            "teardown_by": lambda: said(np.minimum(rows["by"], len(BY)), BY),
            "proof_file": lambda: said(rows["file"], list(self.files.of)),
            "proof_number": lambda: pl.Series(rows["line"]),
            "proof_is_line": lambda: pl.Series(np.ones(len(rows), bool)),
        }

    def _ends(self, rows: Chunk, verdicts: Sequence[Verdict]) -> Made:
        """The columns of _KEPT that are not in _SIDED."""

        def known(name: str) -> Array:
            has: Array = rows["has"] & BIT[name] != 0
            return has

        return {
            "teardown": lambda: said(rows["how"], list(self.hows.of)),
            "log_bytes": lambda: number(rows["bytes"], known("bytes")),
            "log_duration_s": lambda: number(rows["duration_s"], known("duration_s"), np.float64),
            "device": lambda: said(rows["device"], list(self.devices.of)),
            "cause": lambda: said(rows["verdict"], [one.cause for one in verdicts]),
            "harm": lambda: said(rows["verdict"], [one.harm for one in verdicts]),
        }


_TELLING = {*TIMERS, *GIVEN_UP}


def host(codes: Array) -> pl.Series:
    """Hosts in codes, null where unknown."""
    return number(codes, codes != 0, np.uint64)


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


def _ender(rows: Chunk) -> Array:
    """The host that ended each."""
    return np.where(rows["by"] == 0, rows["orig_h"], rows["resp_h"])


def _second(rows: Chunk) -> Array:
    """`Columns.second` of SIDED rows."""
    return _hash_of(_ender(rows), rows["last_ns"])


def _hash_of(ender: Array, last_ns: Array) -> Array:
    return mix(ender, (last_ns // NS).view(np.uint64)) | np.uint64(1)


_PLACES = {"begin": pl.Int64(), "tie": pl.UInt64(), "proof_file": pl.String(),
           "proof_number": pl.Int64(), "proof_is_line": pl.Boolean()}  # fmt: skip
_HOSTS = dict.fromkeys(("orig_h", "resp_h"), pl.UInt64())
_ALL: dict[str, Any] = {name: _SCHEMA[name] for name in READS["connections"]} | _PLACES | _HOSTS
_SIDED = {name: _ALL[name] for name in (
    "row", "orig_h", "orig_p", "resp_h", "resp_p", "first_ts", "last_ts", "teardown_ts",
    "teardown_by", *_PLACES)}  # fmt: skip
_KEPT = _SIDED | {name: _ALL[name] for name in (
    "teardown", "log_bytes", "log_duration_s", "device", "cause", "harm")}  # fmt: skip
