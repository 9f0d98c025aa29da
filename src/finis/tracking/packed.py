"""Rows of connections and denials in packed form, and the frames made of them.

The kernel writes events as they came (`_packed.EVENT`) and beside them what tracking found; the
columns of the tables are read from both in bulk, when they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import compress
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from finis.tracking.columns import completed
from finis.tracking.output import (
    AT_END,
    AT_START,
    LOG,
    NOW,
    REFUSED,
    STILL_OPEN,
    came_in_by,
    refusal_kind,
)
from finis.wire.dialects import _packed
from finis.wire.dialects._packed import BIT, EVENT, HOSTS, NAMED, Book

if TYPE_CHECKING:
    from finis.tracking.parts import LogPart

Array = np.ndarray

NONE = 0xFFFFFFFF  # no code
START = np.dtype(
    [("event", EVENT), ("row", "i8"), ("device", "u4"), ("orig", "u1"), ("guessed", "u1"),
     ("spare", "u2")]
)  # fmt: skip
END = np.dtype(
    [("row", "i8"), ("ts", "i8"), ("line", "i8"), ("bytes", "i8"), ("duration_s", "f8"),
     ("has", "u4"), ("words", "u4"), ("origin", "u4"), ("how", "u2"), ("by", "u2")]
)  # fmt: skip
REFUSAL = np.dtype(
    [("event", EVENT), ("row", "i8"), ("copy_row", "i8"), ("log_row", "i8"), ("permit_line", "i8"),
     ("lag_s", "f8"), ("failover_s", "f8"), ("reach_s", "f8"), ("device", "u4"), ("why", "u4"),
     ("permit_words", "u4"), ("permit_origin", "u4"), ("seen", "u1"), ("side", "u1"),
     ("pending", "u1"), ("icmp", "u1"), ("spare", "u4")]
)  # fmt: skip
# Rows of parts.  `start`: its Built (or what a Teardown tells of it); `end`: its Teardown, void
# unless `ended`.  `first_lag_s`: lag of the first denial after its end, NaN for none.
# `removed_ts`: ns, of a firewall that keeps entries, void unless `removed`.  `implied`: the reason
# follows from a state.
CONNECTION = np.dtype(
    [("start", START), ("end", END), ("removed_ts", "i8"), ("first_lag_s", "f8"),
     ("denials_after", "u4"), ("data_denied", "u4"), ("acks_denied", "u4"), ("ended", "u1"),
     ("removed", "u1"), ("implied", "u1"), ("spare", "u1")]
)  # fmt: skip
# `at`: index of its connection in the part, -1 for none; `syn_after_s`: NaN for none.
DENIAL = np.dtype([("refusal", REFUSAL), ("syn_after_s", "f8"), ("at", "i8")])
SEEN = ("unknown", "yes", "no")
SIDES = ("orig", "resp", None)
BY = ("orig", "resp", "device", "unknown")
Chunk = tuple[Book, list[str | None]]  # a book and the `whys` of the same rows
_AT = {name: i for i, name in enumerate(_packed.WORDS)}


def one_book(
    connections: Array, denials: Array, where: list[Array], books: Sequence[Chunk | None],
    current: int,
) -> Chunk:  # fmt: skip
    """The book of these rows and their `whys`.  `where`: index in `books` of every Built, Teardown
    and denial; where there are several, the rows are put into the codes of a new book."""
    used = sorted({int(code) for codes in where for code in np.unique(codes)})
    if len(used) <= 1:
        known = books[used[0] if used else current]
        assert known is not None
        return known
    new = Book()
    whys: dict[str | None, int] = {None: 0}
    refusals = denials["refusal"]
    events = connections["start"]["event"], refusals["event"]
    hosts = [np.stack([rows[name] for name in HOSTS]) for rows in events]
    for at in used:
        old = books[at]
        assert old is not None
        to = _Recoder(*old, new, whys)
        built, torn, refused = (codes == at for codes in where)
        for rows, those, chosen in zip(events, hosts, (built, refused), strict=True):
            to.words(rows, chosen, "words", "origin")
            to.hosts(those, chosen)
        to.words(connections["end"], torn & (connections["ended"] == 1), "words", "origin")
        permitted = refused & (refusals["permit_words"] != NONE)
        to.words(refusals, permitted, "permit_words", "permit_origin")
        _recode(refusals, "why", refused, to.why)
    for rows, those in zip(events, hosts, strict=True):
        for name, words in zip(HOSTS, those, strict=True):
            rows[name] = words
    return new, list(whys)


class _Recoder:
    """Codes of a book that is given up to those of another, for rows that still have them."""

    def __init__(
        self, old: Book, old_whys: list[str | None], new: Book, whys: dict[str | None, int]
    ) -> None:
        self.old, self.old_whys, self.new, self.whys = old, old_whys, new, whys

    def words(self, rows: Array, chosen: Array, words: str, origin: str) -> None:
        _recode(rows, words, chosen, lambda code: self.new.word(self.old.words[code]))
        _recode(rows, origin, chosen, lambda code: self.new.origin(*self.old.origins[code]))

    def hosts(self, words: Array, chosen: Array) -> None:
        """`words`: a row of each of HOSTS."""
        named = (words >= NAMED) & chosen
        codes = words[named] - np.uint64(NAMED)
        used = np.zeros(len(self.old.hosts), bool)
        used[codes] = True
        to = np.zeros(len(used), np.uint64)
        to[used] = self.new.named(compress(self.old.hosts, used.tolist()))
        words[named] = to[codes]

    def why(self, code: int) -> int:
        return self.whys.setdefault(self.old_whys[code], len(self.whys))


def _recode(rows: Array, name: str, chosen: Array, new: Callable[[int], int]) -> None:
    """Replace the codes of some rows."""
    codes, where = np.unique(rows[name][chosen], return_inverse=True)
    rows[name][chosen] = np.array([new(code) for code in codes.tolist()], rows[name].dtype)[where]


class _Reader:
    """Columns of packed rows."""

    def __init__(self, rows: Array, book: Book) -> None:
        self.rows = rows
        self.book = book
        used, where = np.unique(rows["words"], return_inverse=True)
        self.told = [book.words[code] for code in used.tolist()]
        self.words = where.astype("u4")

    def said(self, name: str, column: str, kind: pl.DataType) -> pl.Series:
        """A column of words."""
        at = _AT[column]
        return _packed.coded(name, self.words, [told[at] for told in self.told], kind)

    def worked_out(self, name: str, of: Callable[..., Any], kind: pl.DataType) -> pl.Series:
        """A column that follows from the words."""
        return _packed.coded(name, self.words, [of(told) for told in self.told], kind)

    def number(self, name: str, column: str, kind: pl.DataType) -> pl.Series:
        return _packed.numbers(self.rows, column, kind).alias(name)

    def host(self, name: str, column: str) -> pl.Series:
        return _packed.host_texts(name, self.rows[column], self.book)

    def file(self, name: str) -> pl.Series:
        return _files(name, np.ascontiguousarray(self.rows["origin"]), self.book)


def _files(name: str, origins: Array, book: Book) -> pl.Series:
    files = [file for _, file in book.origins]
    return _packed.coded(name, origins, files, pl.String())


def _swapped(rows: Array) -> Array:
    """The events with orig first, as endpoint a."""
    out: Array = rows["event"].copy()
    turned = rows["orig"] == 1
    for one, other in (("a_h", "b_h"), ("a_mapped_h", "b_mapped_h"), ("a_p", "b_p"),
                       ("a_mapped_p", "b_mapped_p")):  # fmt: skip
        out[one][turned], out[other][turned] = (
            rows["event"][other][turned], rows["event"][one][turned]
        )  # fmt: skip
    has = rows["event"]["has"]
    ports = sum(BIT[n] for n in ("a_p", "b_p", "a_mapped_p", "b_mapped_p"))
    a_bits, b_bits = BIT["a_p"] | BIT["a_mapped_p"], BIT["b_p"] | BIT["b_mapped_p"]
    other_way = (has & ~np.uint32(ports)) | (has & a_bits) << 1 | (has & b_bits) >> 1
    out["has"] = np.where(turned, other_way, has)
    return out


def connection_frame(rows: Array, part: LogPart) -> pl.DataFrame:
    """tables.LOG_CONNECTIONS of parts.CONNECTION rows."""
    ended, removed = rows["ended"] == 1, rows["removed"] == 1
    first = _start_columns(np.ascontiguousarray(rows["start"]), part.book, list(part.devices))
    numbers = np.arange(len(rows))
    ends = np.ascontiguousarray(rows["end"][ended])
    ends["row"] = numbers[ended]
    last = _end_columns(numbers, ends, part.book, list(part.hows))
    device = np.ascontiguousarray(rows["start"]["device"])
    products = [part.products.get(name) for name in part.devices]
    sure = np.where(ended, rows["implied"], 2).astype("u4")
    after = pl.Series(np.ascontiguousarray(rows["denials_after"]), dtype=pl.Int64)
    columns = {series.name: series for series in (*first, *last)} | {
        "removed_ts": _where(removed, rows["removed_ts"], LOG["removed_ts"]),
        "certainty": _packed.coded("c", sure, ["stated", "implied", None], pl.String()),
        "product": _packed.coded("p", device, products, pl.String()),
        "denials_after": after.set(pl.Series(~ended), None) if not ended.all() else after,
        "first_denial_lag_s": _real("f", rows["first_lag_s"]),
    }
    return pl.DataFrame([columns[name].alias(name) for name in LOG])


def _where(known: Array, values: Array, kind: pl.DataType) -> pl.Series:
    out = pl.Series(np.ascontiguousarray(values)).cast(kind)
    return pl.select(pl.when(pl.Series(known)).then(out)).to_series()


def denial_frame(rows: Array, part: LogPart) -> pl.DataFrame:
    """tables.DENIALS + tables.DENIAL_FACTS of parts.DENIAL rows of this part."""
    out = refused(np.ascontiguousarray(rows["refusal"]), part.book, part.devices, part.whys)
    products = [part.products.get(name) for name in part.devices]
    device = np.ascontiguousarray(rows["refusal"]["device"])
    out = out.with_columns(
        _real("syn_after_s", rows["syn_after_s"]),
        _packed.coded("product", device, products, pl.String()),
    )
    at = rows["at"]
    of = connection_frame(part.connections[np.maximum(at, 0)[at >= 0]], part)
    facts = of.select(pl.Series("at", np.flatnonzero(at >= 0)).cast(pl.Int64), **_OF_CONNECTION)
    out = out.with_columns(at=pl.int_range(pl.len())).join(
        facts, on="at", how="left", maintain_order="left"
    )
    ended = pl.col("lag_s").is_not_null()
    out = out.with_columns(pl.when(ended).then(pl.col(_AT_ITS_END)).name.keep())
    return completed(out, REFUSED).select(list(REFUSED))


# Facts of the connection before a denial; those of its end only where it had ended.
_OF_CONNECTION = {
    "conn_id": "fw_conn_id", "built_file": "built_file", "built_line": "built_line",
    "teardown_reason": "reason", "teardown": "teardown", "teardown_by": "teardown_by",
    "teardown_file": "teardown_file", "teardown_line": "teardown_line",
    "conn_duration_s": "duration_s", "conn_bytes": "bytes",
}  # fmt: skip
_AT_ITS_END = list(_OF_CONNECTION)[3:]


def _start_columns(rows: Array, book: Book, devices: list[str]) -> list[pl.Series]:
    event = _swapped(rows)
    read = _Reader(event, book)
    integer = pl.Int64()
    turned = pl.Series(rows["orig"] == 1)
    a_if, b_if = (read.said(n, n, pl.String()) for n in ("a_if", "b_if"))
    faced = pl.DataFrame([turned.alias("turned"), a_if, b_if]).select(
        orig=pl.when("turned").then("b_if").otherwise("a_if"),
        resp=pl.when("turned").then("a_if").otherwise("b_if"),
    )
    columns: dict[str, pl.Series] = {
        "row": pl.Series("row", np.ascontiguousarray(rows["row"])),
        "device": _packed.coded("d", np.ascontiguousarray(rows["device"]), devices, pl.String()),
        "fw_conn_id": read.number("n", "conn_id", integer),
        "orig_if": faced["orig"],
        "resp_if": faced["resp"],
        "orientation": _packed.coded("o", rows["guessed"], ["log", "guessed"], pl.String()),
        "user": read.said("u", "user", pl.String()),
        "built_ts": read.number("t", "ts", LOG["built_ts"]),
        "built_file": read.file("f"),
        "built_line": read.number("l", "line", integer),
        "state_bypass": read.worked_out(
            "s", lambda told: told[_AT["flags"]] == "state-bypass", pl.Boolean()
        ),
    }
    for side, end in (("orig", "a"), ("resp", "b")):
        for part in ("", "_mapped"):
            columns[f"{side}{part}_h"] = read.host("h", f"{end}{part}_h")
            columns[f"{side}{part}_p"] = read.number("p", f"{end}{part}_p", integer)
    return [columns[name].alias(name) for name in AT_START]


def _end_columns(rows: Array, ends: Array, book: Book, hows: list[str]) -> list[pl.Series]:
    """Columns of the Teardowns of these rows, null where there is none."""
    place = np.full(int(rows.max(initial=-1)) + 1, -1, np.int64)
    place[ends["row"]] = np.arange(len(ends))
    at = place[rows]
    absent = at < 0
    if not len(ends):
        ends = np.zeros(1, END)
        book = Book()
        book.word((None,) * len(_packed.WORDS))
        book.origin(None, None)
    chosen = ends[np.maximum(at, 0)]
    chosen["has"][absent] = 0
    how = chosen["how"].astype("u4")
    how[absent] = len(hows)
    by = np.where(absent, len(BY), chosen["by"]).astype("u4")
    read = _Reader(chosen, book)
    told = pl.DataFrame(
        [read.file("teardown_file"), read.said("reason", "reason", pl.String()),
         pl.Series("ended", ~absent)]
    ).select(pl.when("ended").then(pl.col("teardown_file", "reason")))  # fmt: skip
    columns = {
        "teardown_ts": read.number("t", "ts", LOG["teardown_ts"]),
        "teardown_file": told["teardown_file"],
        "teardown_line": read.number("l", "line", pl.Int64()),
        "duration_s": read.number("d", "duration_s", pl.Float64()),
        "bytes": read.number("b", "bytes", pl.Int64()),
        "reason": told["reason"],
        "teardown": _packed.coded("h", how, [*hows, STILL_OPEN], pl.String()),
        "teardown_by": _packed.coded("b", by, [*BY, None], pl.String()),
    }
    return [columns[name].alias(name) for name in AT_END]


def _real(name: str, values: Array) -> pl.Series:
    return pl.Series(name, np.ascontiguousarray(values), nan_to_null=True)


def _row(name: str, values: Array) -> pl.Series:
    """Row or line numbers; -1 is none."""
    out = pl.Series(name, np.ascontiguousarray(values))
    return out.set(out < 0, None) if (values < 0).any() else out


def refused(
    rows: Array, book: Book, devices: Sequence[str], whys: Sequence[str | None]
) -> pl.DataFrame:
    """The columns `output.NOW` of REFUSAL rows."""
    event: Array = rows["event"]
    read = _Reader(event, book)
    integer, text = pl.Int64(), pl.String()
    count = len(rows)

    def coded(column: str, texts: Any) -> pl.Series:
        return _packed.coded(column, np.ascontiguousarray(rows[column]), texts, text)

    def refusal(at: int) -> Callable[[Any], Any]:
        names = ("kind", "proto", "denial_kind")
        return lambda told: refusal_kind(*(told[_AT[name]] for name in names))[at]

    def interface(told: Any) -> Any:
        return came_in_by(*(told[_AT[name]] for name in ("kind", "a_if", "reason_by")))

    permitted = rows["permit_words"] != NONE
    words, origins = (np.where(permitted, rows[f"permit_{n}"], 0) for n in ("words", "origin"))
    acls = [told[_AT["acl"]] for told in book.words] or [None]
    files = [file for _, file in book.origins] or [None]
    permit = pl.DataFrame(
        [pl.Series("some", permitted), _packed.coded("acl", words.astype("u4"), acls, text),
         _packed.coded("file", origins.astype("u4"), files, text)]
    ).select(pl.when("some").then(pl.col("acl", "file")))  # fmt: skip
    nothing = pl.Series("x", [None], text).new_from_index(0, count)
    columns = {
        "row": pl.Series(np.ascontiguousarray(rows["row"])),
        "ts": read.number("ts", "ts", REFUSED["ts"]),
        "device": coded("device", devices),
        "file": read.file("file"),
        "line": read.number("line", "line", integer),
        "msg_id": read.said("m", "msg_id", text),
        "proto": read.worked_out("proto", refusal(1), text),
        "interface": read.worked_out("i", interface, text),
        "src_h": read.host("s", "a_h"),
        "src_p": read.number("p", "a_p", integer),
        "dst_h": read.host("d", "b_h"),
        "dst_p": read.number("p", "b_p", integer),
        "flags": read.said("f", "flags", text),
        "acl": read.said("a", "acl", text),
        "count": read.number("c", "hit_count", integer).fill_null(1),
        "lag_s": _real("lag_s", rows["lag_s"]),
        "seen_before": coded("seen", SEEN),
        "duplicate_of": _row("d", rows["copy_row"]),
        "unit": pl.Series("unit", ["line"], text).new_from_index(0, count),
        "kind": read.worked_out("k", refusal(0), text),
        "reason": read.said("w", "reason", text),
        "unknown_why": coded("why", whys),
        "from_side": coded("side", SIDES),
        "pending_syn": pl.Series(rows["pending"] == 1),
        "failover_s": _real("f", rows["failover_s"]),
        "log_row": _row("l", rows["log_row"]),
        "reach_s": _real("r", rows["reach_s"]),
        "permitted_by": permit["acl"],
        "permitted_file": permit["file"],
        "permitted_line": _row("l", rows["permit_line"]),
        "segment_file": nothing,
        "segment_frame": nothing.cast(integer),
    }
    return pl.DataFrame([columns[name].alias(name) for name in NOW])
