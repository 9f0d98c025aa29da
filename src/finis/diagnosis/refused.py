"""Denials of a log that wait for its end: in few bytes what is reckoned with, and on disk the rows
themselves, with the connections they belong to, for the few that are told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl

from finis.correlation.keys import mix
from finis.diagnosis.coded import Names
from finis.diagnosis.counting import NEVER, NO_CODE, codes, counter, slots
from finis.diagnosis.kinds import ByWord, DenialKinds, Numbers, Verdict, denial_keys, shown
from finis.diagnosis.logrows import NO_PORT, host, kernels, number, translated, when
from finis.diagnosis.patterns._api import READS
from finis.diagnosis.spill import Chunk, Columnar, Made, Spill, scanned
from finis.diagnosis.waiting import Waiting
from finis.records import dataclass, replace
from finis.tables import DENIAL_FACTS, DENIALS, polars_schema
from finis.tracking.copied import picked
from finis.tracking.packed import SEEN
from finis.tracking.parts import CONNECTION, DENIAL, LogPart
from finis.wire.dialects import _packed
from finis.wire.dialects._packed import BIT

Array = np.ndarray
# `kind`: `kinds.denial_keys`; `tuple`: a hash, not 0, of who was refused by whom; hosts in the
# codes of a `Names`, ports with NO_PORT; `ts`: ns, NEVER where unknown; `said`: number of its
# words.
REFUSED = np.dtype(
    [("kind", "u8"), ("tuple", "u8"), ("src", "u8"), ("dst", "u8"), ("ts", "i8"), ("row", "i8"),
     ("line", "i8"), ("hits", "i8"), ("lag_s", "f8"), ("failover_s", "f8"), ("src_p", "u4"),
     ("dst_p", "u4"), ("said", "u4"), ("device", "u2"), ("known", "u1"), ("over", "u1")]
)  # fmt: skip
_MSG_ID, _FLAGS = (_packed.WORDS.index(name) for name in ("msg_id", "flags"))
SLOT_BITS = 22
MOST_HOSTS = 1 << 12  # of which one may make up half
SAID_MOST = 1 << 16  # combinations of words told apart by patterns
_SCHEMA = polars_schema(DENIALS) | polars_schema(DENIAL_FACTS)
_WORDS = ("device", "file", "kind", "msg_id", "proto", "flags", "seen_before", "pending_syn",
          "teardown")  # fmt: skip


class Refusals:
    """All denials of a log but copies, part by part."""

    def __init__(self, names: Names, kinds: DenialKinds) -> None:
        self.names, self.kinds = names, kinds
        self.rows = Columnar.of(REFUSED)
        self.targets = Spill(np.dtype("u8"))  # `_target` of every row
        self.waiting = Waiting()
        # How often hosts, and hosts with ports, were refused at most; and who was most often.
        self.met = {columns: slots(SLOT_BITS) for columns in _SLOTS}
        self.most = {column: counter(MOST_HOSTS) for column in ("src_h", "dst_h")}
        kernel = kernels()
        self._fill = fill if kernel is None else kernel.fill_denials
        self._words = Words()
        self._judged = Judged()

    def add(self, part: LogPart, verdict: Array, causes: Sequence[str]) -> None:
        """Keep the denials of a part, whose memory may be used again.  `verdict`: of its
        connections, as index into `causes`."""
        at = np.flatnonzero(part.denials["refusal"]["copy_row"] < 0)
        self.waiting.add(part, at)
        if len(at) < len(part.denials):
            part = replace(part, denials=picked(part.denials, at))
        rows = self._packed(part, self.kinds.causes.all(causes)[verdict])
        self.rows.add(rows)
        self.targets.add(_target(rows))
        for columns, met in self.met.items():
            met.add(slot_keys(*(rows[_SLOTS[columns][n]] for n in range(len(columns)))))

    def _packed(self, part: LogPart, causes: Array) -> Array:
        words, hows = self.kinds.codes(part)
        named = self.names.known(part.book)
        codes = Codes(named, words, hows, causes, *self._words.codes(part))
        out, said = np.empty(len(part.denials), REFUSED), np.empty(len(part.denials), "u8")
        connections = np.ascontiguousarray(part.connections).view("u1")
        self._fill(part.denials.view("u1"), connections, codes, out.view("u1"), said)
        out["said"] = self._words.numbers(part, said, out["over"] != 0)
        return out

    # --- read again ------------------------------------------------------------------------

    def parts(self) -> Iterator[tuple[int, Chunk, LogPart]]:
        """The parts as they came: its number, its denials (REFUSED), its codes without the book."""
        chunks = self.rows.chunks(np.diff(self.waiting.ends).tolist())
        for at, (chunk, told) in enumerate(zip(chunks, self.waiting.codes, strict=True)):
            yield at, chunk, told

    # --- for patterns ----------------------------------------------------------------------

    def tell(self, rows: Chunk, found: Array, verdicts: Sequence[Verdict], shown: Array) -> None:
        """Have patterns read those of the next rows, in the order of `parts`, that are `shown`;
        `found`: index into `verdicts`."""
        self._judged.add(rows, found, verdicts, shown)
        for column, counts in self.most.items():
            counts.add(rows[_COLUMNS[column]][shown])

    def lazy(self) -> pl.LazyFrame:
        """The columns READS of the rows that were told; hosts in codes."""
        return self._judged.lazy(self.rows, self._words.told)


def _target(rows: Array) -> Array:
    """A hash of the source and whom it tried to reach, 0 where no source is known."""
    target = mix(rows["src"], rows["dst"], rows["dst_p"]) | np.uint64(1)
    return np.where(rows["src"] != 0, target, np.uint64(0))


def slot_keys(host: Array, port: Array | None = None) -> Array:
    """What slots count a host by, 0 where it is unknown."""
    key = mix(host) if port is None else mix(host, port)
    return np.where(host != 0, key | np.uint64(1 << 63), np.uint64(0))


_COLUMNS = {"src_h": "src", "src_p": "src_p", "dst_h": "dst", "dst_p": "dst_p"}
_SLOTS: dict[tuple[str, ...], tuple[str, ...]] = {
    columns: tuple(_COLUMNS[column] for column in columns)
    for columns in (("src_h",), ("src_h", "src_p"), ("dst_h", "dst_p"))
}


class Words:
    """A number for all that a denial says in words; SAID_MOST of them, further ones say nothing."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = [(None,) * len(_WORDS)]
        self._known = codes()
        self._files, self._hows, self._words, self._devices = (Numbers() for _ in range(4))
        self._protos = Numbers()
        self.protocols = ByWord(lambda told: self._protos(shown(told)[1]))
        self._numbers = ByWord(lambda told: self._words(self._told(told)))

    def _told(self, words: _packed.Words) -> tuple[Any, ...]:
        """Kind, message, protocol and flags."""
        kind, proto = shown(words)
        told = (kind, words[_MSG_ID], proto, words[_FLAGS])
        known = told in self._words.of or len(self._words.of) < SAID_MOST
        return told if known else (None,) * 4

    def codes(self, part: LogPart) -> tuple[Array, ...]:
        """`Codes` from `protocols` on."""
        files = self._files.all([file for _, file in part.book.origins])
        ends = self._hows.all([*part.hows, None])
        return (self.protocols.codes(part.book), self._devices.all(part.devices), files,
                self._numbers.codes(part.book), ends)  # fmt: skip

    def numbers(self, part: LogPart, keys: Array, over: Array) -> Array:
        """Of the denials of a part (u4), whose `said` these are."""
        found, fresh = self._known.find(keys)
        if not len(fresh):
            return found
        for at in fresh.tolist():
            number = len(self.told) if len(self.told) <= SAID_MOST else 0
            self._known.put(int(keys[at]), number)
            if number:
                self.told.append(self._row(part, at, bool(over[at])))
        return self._known.find(keys)[0]

    def _row(self, part: LogPart, at: int, over: bool) -> tuple[Any, ...]:
        refusal, of = part.denials["refusal"][at], int(part.denials["at"][at])
        end = None
        if over and part.connections["ended"][of] == 1:
            end = part.hows[part.connections["end"]["how"][of]]
        event = refusal["event"]
        return (
            part.devices[refusal["device"]], part.book.origins[event["origin"]][1],
            *self._told(part.book.words[event["words"]]), SEEN[refusal["seen"]],
            bool(refusal["pending"] == 1), end,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Codes:
    """Numbers (u8) that are the same in all parts, by the codes of one part."""

    named: Array  # hosts
    words: Array  # `DenialKinds.codes`, as hows
    hows: Array
    causes: Array  # of the connections
    protocols: Array  # `Words.codes`, as what follows
    devices: Array
    files: Array
    told: Array
    ends: Array  # the hows, and none


def fill(denials: Array, connections: Array, codes: Codes, out: Array, said: Array) -> None:
    """Fill `out` (REFUSED but `said`) and `said` (a hash of the words of each) from packed denials
    and the connections they belong to.  Rows as bytes (u1)."""
    refused, of, to = denials.view(DENIAL), connections.view(CONNECTION), out.view(REFUSED)
    rows = refused["refusal"]
    event, at = rows["event"], refused["at"]
    has = event["has"]
    to["kind"] = denial_keys(refused, of, codes.words, codes.hows, codes.causes)
    for end, side in zip("ab", ("src", "dst"), strict=True):
        to[side] = translated(event[f"{end}_h"], codes.named)
        to[f"{side}_p"] = np.where(has & BIT[f"{end}_p"] != 0, event[f"{end}_p"], NO_PORT)
    to["ts"] = np.where(has & BIT["ts"] != 0, event["ts"], NEVER)
    to["line"] = np.where(has & BIT["line"] != 0, event["line"], NEVER)
    to["hits"] = np.where(has & BIT["hit_count"] != 0, event["hit_count"], 1)
    for name in ("row", "lag_s", "failover_s", "device"):
        to[name] = rows[name]
    to["known"] = at >= 0
    to["over"] = to["known"] & ~np.isnan(to["lag_s"])
    to["said"] = 0
    known = rows["log_row"].view(np.uint64)
    ends = (to["src"], to["src_p"], to["dst"], to["dst_p"])
    protocols = codes.protocols[event["words"]]
    to["tuple"] = mix(*ends, known, to["device"], protocols) | np.uint64(1)
    how = np.full(len(rows), len(codes.ends) - 1)
    over = to["over"] != 0
    if over.any():
        of = of[at[over]]
        how[over] = np.where(of["ended"] == 1, of["end"]["how"], len(codes.ends) - 1)
    said[:] = mix(
        codes.devices[rows["device"]], codes.files[event["origin"]], codes.told[event["words"]],
        codes.ends[how], rows["seen"], rows["pending"],
    )  # fmt: skip


class Judged:
    """What patterns read: numbers by row, and words by a code of the row, which few have."""

    def __init__(self) -> None:
        self.codes = Spill(np.dtype("u4"))  # of every row, NO_CODE where it is not shown
        self.shown = 0
        self.meant: list[tuple[int, str, str]] = []  # by code: number of the words, cause, harm
        self._codes = codes()

    def add(self, rows: Chunk, found: Array, verdicts: Sequence[Verdict], shown: Array) -> None:
        keys = rows["said"].astype("u8") << np.uint64(32) | found
        code, fresh = self._codes.find(keys)
        for at in fresh.tolist():
            self._codes.put(int(keys[at]), len(self.meant))
            verdict = verdicts[found[at]]
            self.meant.append((int(rows["said"][at]), verdict.cause, verdict.harm))
        if len(fresh):
            code, _ = self._codes.find(keys)
        self.codes.add(np.where(shown, code, NO_CODE).astype("u4"))
        self.shown += int(shown.sum())

    def lazy(self, rows: Columnar, told: Sequence[tuple[Any, ...]]) -> pl.LazyFrame:
        """The columns READS of packed rows; `told`: what numbers of words say."""
        every = Columnar({**rows.columns, "code": self.codes})

        def chunks() -> Iterator[Chunk]:
            return (some.only(some["code"] != NO_CODE) for some in every)

        words = self._meant(told)
        return scanned(chunks, _columns, _PACKED, self.shown).join(words, on="code").select(
            READS["denials"]
        )  # fmt: skip

    def _meant(self, told: Sequence[tuple[Any, ...]]) -> pl.LazyFrame:
        """What the codes of rows say."""
        columns = zip(*(told[said] for said, _, _ in self.meant), strict=True)
        words: dict[str, Any] = dict.fromkeys(_WORDS, ())
        words |= dict(zip(_WORDS, columns, strict=False))
        return pl.LazyFrame(
            {
                "code": range(len(self.meant)),
                **words,
                "cause": [cause for _, cause, _ in self.meant],
                "harm": [harm for _, _, harm in self.meant],
                "unit": ["line"] * len(self.meant),
                "duplicate_of": [None] * len(self.meant),
            },
            schema={"code": pl.UInt32()}
            | {n: _SCHEMA[n] for n in (*_WORDS, "cause", "harm", "unit", "duplicate_of")},
        )


_PACKED: dict[str, Any] = {
    name: _SCHEMA[name] for name in ("row", "ts", "line", "src_p", "dst_p", "lag_s", "failover_s")
} | {"src_h": pl.UInt64(), "dst_h": pl.UInt64(), "code": pl.UInt32()}


def _columns(rows: Chunk) -> Made:
    """The columns _PACKED."""

    def port(name: str) -> pl.Series:
        return number(rows[name], rows[name] != NO_PORT)

    def real(name: str) -> pl.Series:
        return pl.Series(rows[name]).fill_nan(None)

    return {
        "row": lambda: pl.Series(rows["row"]),
        "ts": lambda: when(rows["ts"]),
        "line": lambda: number(rows["line"], rows["line"] != NEVER),
        "src_h": lambda: host(rows["src"]),
        "src_p": lambda: port("src_p"),
        "dst_h": lambda: host(rows["dst"]),
        "dst_p": lambda: port("dst_p"),
        "lag_s": lambda: real("lag_s"),
        "failover_s": lambda: real("failover_s"),
        "code": lambda: pl.Series(rows["code"]),
    }
