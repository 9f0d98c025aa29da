"""Connections that only logs show, listed: what the table says of each in packed rows, in order.

Rows are made as connections leave the tracker, whose codes hold for a while only, and wait on disk
for their place in time.  Text is made when they are written, or not at all: the ids of words and
hosts are all that Parquet needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from finis.compiled import kernel
from finis.correlation import keys, naming
from finis.correlation.captured import Captured
from finis.correlation.evidence import near_key
from finis.correlation.logalone import clocks_of
from finis.correlation.stories import PLACE, Clock
from finis.diagnosis.coded import Names
from finis.diagnosis.counting import NEVER
from finis.diagnosis.cutting import Cut, without
from finis.diagnosis.engine import Judged, catalogue
from finis.diagnosis.kinds import ByWord, ConnectionKinds
from finis.diagnosis.logrows import Columns, Reader, number, said
from finis.diagnosis.partrows import judged
from finis.diagnosis.runs import Runs, in_order
from finis.diagnosis.shared import Correlate, Shared
from finis.diagnosis.spill import CHUNK, Appended
from finis.records import dataclass, replace
from finis.tables import CONNECTIONS, polars_schema
from finis.terms import Confidence, word
from finis.tracking.copied import picked
from finis.tracking.parts import CONNECTION, LogPart
from finis.wire.dialects import _packed
from finis.wire.dialects._packed import NAMED, Book

Array = np.ndarray
# `begin`: ns, as the table is sorted by; `name`: 64 bits whose lower ones the id spells; `reason`,
# hosts beyond NAMED: numbers of `Texts`; `device`: index into `Listing.devices`; `verdict`: into
# `Listing.verdicts`; `has`: bits as BIT; `again`: 0, or which one of its part with this id it is.
LISTED = np.dtype(
    [("begin", "i8"), ("row", "i8"), ("name", "u8"), ("first_ns", "i8"), ("last_ns", "i8"),
     ("duration_s", "f8"), ("number", "i8"), ("bytes", "i8"), ("orig_h", "u8"), ("resp_h", "u8"),
     ("orig_mapped_h", "u8"), ("resp_mapped_h", "u8"), ("reason", "u8"), ("orig_p", "u2"),
     ("resp_p", "u2"), ("orig_mapped_p", "u2"), ("resp_mapped_p", "u2"), ("device", "u4"),
     ("verdict", "u4"), ("has", "u4"), ("again", "u4")]
)  # fmt: skip
BIT = {
    name: 1 << at
    for at, name in enumerate((
        "first_ns", "last_ns", "duration_s", "number", "bytes", "orig_p", "resp_p",
        "orig_mapped_p", "resp_mapped_p", "guessed",
    ))
}  # fmt: skip
# Columns of the table that are numbers of a row, and those that are its hosts.
NUMBERS = {
    "first_ts": "first_ns", "last_ts": "last_ns", "duration": "duration_s", "fw_conn_id": "number",
    "log_bytes": "bytes",
    **{name: name for name in ("orig_p", "resp_p", "orig_mapped_p", "resp_mapped_p")},
}  # fmt: skip
HOSTS = ("orig_h", "resp_h", "orig_mapped_h", "resp_mapped_h")
ORIENTATIONS = ("log", "guessed")
SCHEMA = polars_schema(CONNECTIONS)
_REASON = _packed.WORDS.index("reason")


class Texts:
    """Numbers for texts, from 1; those beyond `most` wait on disk, once for each time they are
    asked for."""

    def __init__(self, most: int = 1 << 20) -> None:
        self.most = most
        self._numbers: dict[str, int] = {}
        self._texts = [""]
        self._file = Appended()
        self._bytes = 0

    def number(self, text: str | None) -> int:
        """0 for none."""
        if text is None:
            return 0
        at = self._numbers.get(text)
        if at is not None:
            return at
        if len(self._texts) <= self.most:
            at = self._numbers[text] = len(self._texts)
            self._texts.append(text)
            return at
        data = text.encode("utf-8", "replace")
        number = self.most + 1 + self._bytes
        self._bytes = self._file.add([len(data).to_bytes(8, "little"), data])
        return number

    def text(self, at: int) -> str | None:
        """The text of a number."""
        if at <= self.most:
            return self._texts[at] if at else None
        with self._file.at(at - self.most - 1) as file:
            return file.read(int.from_bytes(file.read(8), "little")).decode()


@dataclass(frozen=True, slots=True)
class Laid:
    """Texts one after another (u1), where each begins and the last ends (i8)."""

    data: Array
    at: Array

    @classmethod
    def out(cls, texts: Sequence[str]) -> Laid:
        parts = [text.encode("utf-8", "replace") for text in texts]
        at = np.cumsum([0, *map(len, parts)], dtype=np.int64)
        return cls(np.frombuffer(b"".join(parts) + b"\0", np.uint8), at)

    @property
    def longest(self) -> int:
        return int(np.diff(self.at).max(initial=0))


@dataclass(frozen=True, slots=True)
class Codes:
    """What the codes of a part mean.  Of its hosts: their text, number, halves as `keys` has them
    and whether they are an address (u1); arrays hold one more than there are."""

    hosts: Laid
    numbers: Array
    hi: Array
    lo: Array
    known: Array
    device_texts: Laid
    devices: Array  # numbers of devices, and of reasons by word
    reasons: Array

    @property
    def longest(self) -> int:
        """Bytes of the longest text that an id is made of, but for dotted addresses."""
        return self.device_texts.longest + 2 * self.hosts.longest


class Listing:
    """Connections of logs that are read a part at a time: all of them, or the first `most` (None:
    all) in the order of the table.  `kinds`: of another reader of the same parts; `captured`: what
    captures show, which is not listed but joined to these."""

    def __init__(
        self, cut: Cut, most: int | None = None, kinds: ConnectionKinds | None = None,
        captured: Captured | None = None,
    ) -> None:  # fmt: skip
        self.cut, self.most = cut, most
        self.shared = None if captured is None else Shared(captured)
        self.kinds = kinds or ConnectionKinds()
        self.texts = Texts()
        self.devices: list[str] = []
        self._devices: dict[str, int] = {}
        self._runs = Runs(LISTED)
        self.first = np.empty(0, LISTED)
        self._reader = Reader(Names(), self.kinds)
        self._reasons = ByWord(lambda told: self.texts.number(told[_REASON]))
        self._hosts: tuple[Book | None, Codes | None] = (None, None)
        found = kernel("finis.diagnosis._listed")
        self._fill = fill if found is None else found.fill

    def add(self, part: LogPart) -> None:
        """Take a part; its memory may be used again."""
        apart = None if self.shared is None else self.shared.take(part)[0]
        if not len(part.connections):
            return
        columns = self._reader.columns(part)
        shown = without(self.cut.connections(part, columns) if self.cut else None, apart)
        rows = self._apart(part, columns.kind)
        self._runs.add(rows if shown is None else rows[np.isin(rows["row"], columns.number[shown])])

    def join(self, correlate: Correlate) -> Judged:
        """Have judged what captures show; no verdict of a connection rests on what the whole log
        tells of its denials."""
        assert self.shared is not None
        return self.shared.joined(correlate, self.devices)

    def rows(self, part: LogPart) -> Array:
        """The connections of a part (LISTED), in order; none of them is kept."""
        return self._apart(part, self._reader.columns(part).kind)

    def _apart(self, part: LogPart, kind: Array) -> Array:
        rows = self._rows(part, kind)
        tell_apart(rows)
        return rows

    def add_first(self, part: LogPart, columns: Columns, shown: Array | None) -> None:
        """Take what may be among the first `most`; `shown`: which of it are asked for, None for
        all."""
        assert self.most is not None
        at = np.arange(len(columns.kind)) if shown is None else np.flatnonzero(shown)
        begin, number = columns.begin[at], columns.number[at]
        if len(self.first) == self.most:
            last = self.first[-1]
            may = (begin < last["begin"]) | ((begin == last["begin"]) & (number < last["row"]))
            at = at[may]
        elif len(at) > self.most:
            at = at[np.lexsort((number, begin))[: self.most]]
        if not len(at):
            return
        some = replace(part, connections=picked(part.connections, at))
        rows = np.concatenate([self.first, self._rows(some, columns.kind[at])])
        self.first = in_order(rows)[: self.most]

    def _rows(self, part: LogPart, kind: Array) -> Array:
        """The connections of a part, which are of these kinds, in order."""
        rows = np.empty(len(part.connections), LISTED)
        connections = np.ascontiguousarray(part.connections).view(np.uint8)
        self._fill(connections, self._codes(part), rows.view(np.uint8))
        rows["verdict"] = self.kinds.judged(kind, lambda at: judged(part, at).connections)
        return in_order(rows)

    def _codes(self, part: LogPart) -> Codes:
        book, known = self._hosts
        reasons = self._reasons.codes(part.book)
        if book is not part.book or known is None or len(known.hosts.at) - 1 < len(part.book.hosts):
            texts = list(part.book.hosts)
            hi, lo, good = keys.parse(pl.Series([*texts, None], dtype=pl.String))
            numbers = np.array([*map(self.texts.number, texts), 0], np.uint64)
            numbers[:-1] += np.uint64(NAMED)
            known = Codes(Laid.out(texts), numbers, hi, lo, good.astype(np.uint8),
                          Laid.out([]), numbers, reasons)  # fmt: skip
            self._hosts = (part.book, known)
        devices = np.array([self._device(name) for name in part.devices] or [0], np.uint64)
        return Codes(known.hosts, known.numbers, known.hi, known.lo, known.known,
                     Laid.out(part.devices), devices, reasons)  # fmt: skip

    def _device(self, name: str) -> int:
        if name not in self._devices:
            self._devices[name] = len(self.devices)
            self.devices.append(name)
        return self._devices[name]

    @property
    def count(self) -> int:
        return self._runs.rows

    def clocks(self) -> list[Clock]:
        """The clocks of the firewalls, which nothing compares."""
        return clocks_of(pl.DataFrame({"device": self.devices}, schema={"device": pl.String()}))

    def chunks(self, size: int = CHUNK) -> Iterator[Array]:
        """All rows (LISTED) in the order of the table, `size` at a time but for the last."""
        return self._runs.chunks(size)

    def blocks(self, size: int) -> Iterator[Array]:
        """The same, some `size` at a time."""
        return self._runs.blocks(size)

    def frames(self, beside: pl.DataFrame | None = None) -> Iterator[pl.DataFrame]:
        """tables.CONNECTIONS in order, a chunk at a time; at least one, perhaps empty.  `beside`:
        further ones with their PLACE, in order."""
        left = pl.DataFrame(schema=SCHEMA) if beside is None else beside
        for rows in self.chunks():
            frame = self.frame(rows)
            if len(left):
                begin, tie = int(rows["begin"][-1]), int(rows["row"][-1])
                same = (pl.col("begin") == begin) & (pl.col("tie") < tie)
                before = left.filter((pl.col("begin") < begin) | same)
                left = left[len(before) :]
                frame = _between(frame.with_columns(_places(rows)), before)
            yield frame
        if len(left) or not self.count:
            yield left.select(list(SCHEMA))

    def head(self, beside: pl.DataFrame | None = None) -> pl.DataFrame:
        """tables.CONNECTIONS of the first `most`, and all of those `beside`."""
        rows = self.first.copy()
        tell_apart(rows)
        frame = self.frame(rows)
        return frame if beside is None else _between(frame.with_columns(_places(rows)), beside)

    def frame(self, rows: Array) -> pl.DataFrame:
        """tables.CONNECTIONS of some rows."""
        known = {
            "conn_id": ids(rows),
            "orientation": said(rows["has"] & BIT["guessed"] != 0, ORIENTATIONS),
            "device": said(rows["device"], self.devices),
            "teardown_reason": self._reason(rows),
        }
        for name, source in NUMBERS.items():
            values = np.ascontiguousarray(rows[source])
            kind = np.float64 if source == "duration_s" else np.int64
            known[name] = number(values, rows["has"] & BIT[source] != 0, kind).cast(SCHEMA[name])
        for name in HOSTS:
            hosts, book = self.named(rows[name])
            known[name] = _packed.host_texts(name, hosts, book)
        for name, words in self.verdicts().items():
            known[name] = said(rows["verdict"], words)
        absent = pl.Series("", [None]).new_from_index(0, len(rows))
        return pl.DataFrame(
            [known.get(name, absent).cast(kind).alias(name) for name, kind in SCHEMA.items()]
        )

    def verdicts(self) -> dict[str, list[str]]:
        """What the columns of verdicts say, by the number of one."""
        causes, every = catalogue(), self.kinds.verdicts
        return {
            "cause": [one.cause for one in every],
            "cause_name": [causes[one.cause].name for one in every],
            "contributing": [",".join(one.contributing) for one in every],
            "confidence": [word(Confidence(one.sure)) for one in every],
            "harm": [one.harm for one in every],
        }

    def named(self, hosts: Array) -> tuple[Array, Book]:
        """Hosts in the codes of a book of their own."""
        book = Book()
        out = np.array(hosts)
        others = out >= NAMED
        if others.any():
            few, where = np.unique(out[others], return_inverse=True)
            texts = [self.texts.text(int(code) - NAMED) or "" for code in few]
            out[others] = np.array([book.host(text) for text in texts], np.uint64)[where]
        return out, book

    def _reason(self, rows: Array) -> pl.Series:
        few, where = np.unique(rows["reason"], return_inverse=True)
        return said(where, [self.texts.text(int(code)) for code in few])


def _places(rows: Array) -> list[pl.Series]:
    return [pl.Series("begin", rows["begin"].copy()), pl.Series("tie", rows["row"].astype("u8"))]


def _between(frame: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    """Two frames of tables.CONNECTIONS with places as one in order."""
    every = pl.concat([frame.select(*SCHEMA, *PLACE), others.select(*SCHEMA, *PLACE)])
    return every.sort(PLACE, maintain_order=True).select(list(SCHEMA))


def ids(rows: Array) -> pl.Series:
    """The ids of LISTED rows."""
    letters = naming.spelt(rows["name"])
    again = rows["again"] != 0
    if not again.any():
        return letters
    numbers = pl.Series(np.ascontiguousarray(rows["again"])).cast(pl.String)
    frame = pl.DataFrame([letters.alias("id"), numbers.alias("n"), pl.Series("some", again)])
    return frame.select(pl.when("some").then(pl.concat_str("id", "n")).otherwise("id")).to_series()


def tell_apart(rows: Array) -> None:
    """Number the rows that share an id, from the second on."""
    names = rows["name"] & naming.USED
    ordered = np.sort(names)
    if not (ordered[1:] == ordered[:-1]).any():
        return
    order = np.argsort(names, kind="stable")
    fresh = np.ones(len(rows), bool)
    fresh[1:] = names[order][1:] != names[order][:-1]
    at = np.arange(len(rows))
    nth = at - np.maximum.accumulate(np.where(fresh, at, 0)) + 1
    rows["again"][order] = np.where(fresh, 0, nth)


def fill(rows: Array, codes: Codes, out: Array) -> None:
    """Fill `out` (LISTED but `verdict` and `again`) from packed connections.  Rows as bytes."""
    told, to = rows.view(CONNECTION), out.view(LISTED)
    start, end, ended = told["start"], told["end"], told["ended"] == 1
    event, turned = start["event"], start["orig"] == 1
    bit = _packed.BIT
    has = {name: event["has"] & mask != 0 for name, mask in bit.items()}
    has_end = {name: ended & (end["has"] & mask != 0) for name, mask in bit.items()}
    sources = {
        "first_ns": (has["ts"], event["ts"]), "last_ns": (has_end["ts"], end["ts"]),
        "duration_s": (has_end["duration_s"], end["duration_s"]),
        "number": (has["conn_id"], event["conn_id"]), "bytes": (has_end["bytes"], end["bytes"]),
    }  # fmt: skip
    code = {}
    for side, one, other in (("orig", "a", "b"), ("resp", "b", "a")):
        for part in ("", "_mapped"):
            ends = [f"{letter}{part}" for letter in (one, other)]
            mine, theirs = (event[f"{name}_h"] for name in ends)
            code[f"{side}{part}_h"] = np.where(turned, theirs, mine)
            known, port = ([source[f"{name}_p"] for name in ends] for source in (has, event))
            sources[f"{side}{part}_p"] = (
                np.where(turned, known[1], known[0]), np.where(turned, port[1], port[0])
            )  # fmt: skip
    to["has"] = np.where(start["guessed"] != 0, BIT["guessed"], 0)
    for name, (known, values) in sources.items():
        to[name] = np.where(known, values, 0)
        to["has"] |= np.where(known, BIT[name], 0).astype(np.uint32)
    for name, hosts in code.items():
        to[name] = np.where(hosts >= NAMED, codes.numbers[_place(hosts, codes)], hosts)
    to["device"] = codes.devices[start["device"]]
    known = ended & (end["words"] < len(codes.reasons))
    to["reason"] = np.where(known, codes.reasons[np.where(known, end["words"], 0)], 0)
    timed = to["has"] & (BIT["first_ns"] | BIT["last_ns"]) != 0
    when = np.where(has["ts"], to["first_ns"], np.where(has_end["ts"], to["last_ns"], NEVER))
    to["begin"], to["row"] = np.where(timed, when, 0), start["row"]
    to["name"] = _names(to, code, start["device"], when, codes)
    to["verdict"] = to["again"] = 0


def _place(hosts: Array, codes: Codes) -> Array:
    """The place of named hosts in `Codes`; the one beyond the end for all else."""
    last = len(codes.numbers) - 1
    place = np.where(hosts >= NAMED, hosts - np.uint64(NAMED), last)
    out: Array = np.minimum(place, last).astype(int)
    return out


def _names(to: Array, code: dict[str, Array], device: Array, when: Array, codes: Codes) -> Array:
    """`naming.of_log` of the rows `to`."""
    frame = pl.DataFrame({
        "device": [_text(codes.device_texts, at) for at in device.tolist()],
        "fw_conn_id": to["number"].copy(),
        **{n: [_host(codes, host) for host in hosts.tolist()] for n, hosts in code.items()},
        **{n: number(to[n].copy(), to["has"] & BIT[n] != 0) for n in NUMBERS if n in BIT},
    }, schema_overrides=dict.fromkeys(("device", *HOSTS), pl.String()))  # fmt: skip
    names: Array = naming.of_log(frame, when, near_key(frame))
    return names


def _text(texts: Laid, at: int) -> str:
    return texts.data[texts.at[at] : texts.at[at + 1]].tobytes().decode()


def _host(codes: Codes, host: int) -> str | None:
    if host >= NAMED:
        at = host - NAMED
        return _text(codes.hosts, at) if at < len(codes.hosts.at) - 1 else None
    return _packed._dotted(host & 0xFFFFFFFF) if host else None
