"""Parts of a log: connections that nothing to come can change, and denials that are complete.

A part holds packed rows in the codes of one book, so that judging needs no text; frames are made
of the rows that are told or printed.  A denial stands in the part of the connection it belongs to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from finis.tracking.packed import BY, END, REFUSAL, START
from finis.wire.dialects._packed import BIT, WORDS, Book, Recoder

if TYPE_CHECKING:
    import polars as pl

Array = np.ndarray

# `start`: its Built (or what a Teardown tells of it); `end`: its Teardown, void unless `ended`.
# `first_lag_s`: lag of the first denial after its end, NaN for none.  `removed_ts`: ns, of a
# firewall that keeps entries, void unless `removed`.  `implied`: the reason follows from a state.
CONNECTION = np.dtype(
    [("start", START), ("end", END), ("removed_ts", "i8"), ("first_lag_s", "f8"),
     ("denials_after", "u4"), ("data_denied", "u4"), ("acks_denied", "u4"), ("ended", "u1"),
     ("removed", "u1"), ("implied", "u1"), ("spare", "u1")]
)  # fmt: skip
# `at`: index of its connection in the part, -1 for none; `syn_after_s`: NaN for none.
DENIAL = np.dtype([("refusal", REFUSAL), ("syn_after_s", "f8"), ("at", "i8")])

# Flags of a segment in mid-connection as logs write them: nothing opens, closes or resets.
DATA = ("PSH ACK", "ACK PSH", "PSH ACK URG", "PSH URG ACK")
ACKS = ("ACK", "ACK URG", "URG ACK")


@dataclass(slots=True)
class LogPart:
    """`connections` (CONNECTION) and `denials` (DENIAL), each in the order they were completed;
    codes are of `book`, `devices`, `hows` (terms.Teardown in words) and `whys`."""

    connections: Array
    denials: Array
    book: Book
    devices: Sequence[str]
    hows: Sequence[str]
    whys: Sequence[str | None]
    products: dict[str, str | None] = field(default_factory=dict)  # make by device

    def connection_frame(self, at: Array | slice = slice(None)) -> pl.DataFrame:
        """tables.LOG_CONNECTIONS of some rows, in their order."""
        from finis.tracking import packed

        return packed.connection_frame(self.connections[at], self)

    def denial_frame(self, at: Array | slice = slice(None)) -> pl.DataFrame:
        """tables.DENIALS + tables.DENIAL_FACTS of some rows, in their order; what the whole log
        tells of them (`repeat`, `repeats`, `src_…`, `dst_…`) is null."""
        from finis.tracking import packed

        return packed.denial_frame(self.denials[at], self)


def gathered(out: Any) -> LogPart:
    """All that a log tells as one part, from the sheets of the follower."""
    from finis.tracking.packed import united

    starts, ends, denials, devices, hows, whys, lingered = out.sheets()
    first, book = united(starts, START)
    last, other = united(ends, END)
    refusals, third = united(denials, REFUSAL)
    book = book if len(first) else third
    for rows, old in ((last, other), (refusals, third)):
        if len(rows) and old is not book:
            Recoder(old, book).recode(
                rows["event"] if "event" in (rows.dtype.names or ()) else rows
            )
    first = first[np.argsort(first["row"], kind="stable")]
    rows = np.zeros(len(first), CONNECTION)
    rows["start"], rows["first_lag_s"] = first, np.nan
    place = np.full(int(first["row"].max(initial=-1)) + 1, -1, np.int64)
    place[first["row"]] = np.arange(len(first))
    rows["end"][place[last["row"]]] = last
    rows["ended"][place[last["row"]]] = 1
    for row, removed, certainty in lingered.cast({"removed_ts": int}).iter_rows():
        if removed is not None:
            rows["removed_ts"][place[row]] = removed
            rows["removed"][place[row]] = 1
        rows["implied"][place[row]] = certainty == "implied"
    many = np.zeros(len(refusals), DENIAL)
    many["refusal"], many["syn_after_s"], many["at"] = refusals, np.nan, -1
    refused = many["refusal"]
    firsts = np.where(refused["copy_row"] >= 0, refused["copy_row"], refused["row"])
    built = out.built.frame().group_by("row").agg(pl_min("syn_after_s"))
    late = {row: rest for row, *rest in out.torn.frame().iter_rows()}
    again = dict(built.iter_rows())
    for i, number in enumerate(firsts.tolist()):
        if number in again:
            many["syn_after_s"][i] = again[number]
        if number in late:
            late_row, side, lag_s = late[number]
            if not refused["lag_s"][i] <= lag_s:
                refused["log_row"][i], refused["lag_s"][i] = late_row, lag_s
                refused["side"][i] = ("orig", "resp").index(side)
                refused["seen"][i], refused["why"][i], refused["pending"][i] = 1, 0, 0
                refused["reach_s"][i] = np.nan
    known = refused["log_row"] >= 0
    many["at"][known] = place[refused["log_row"][known]]
    counts = known & ~np.isnan(refused["lag_s"]) & (refused["copy_row"] < 0)
    at, flags = many["at"][counts], word_column(book, "flags")
    said = np.array([1 if f in DATA else 2 if f in ACKS else 0 for f in flags] or [0])
    said = said[refused["event"]["words"][counts]]
    np.add.at(rows["denials_after"], at, 1)
    np.add.at(rows["data_denied"], at[said == 1], 1)
    np.add.at(rows["acks_denied"], at[said == 2], 1)
    np.fmin.at(rows["first_lag_s"], at, refused["lag_s"][counts])
    return LogPart(rows, many, book, list(devices), list(hows), list(whys))


def pl_min(name: str) -> Any:
    import polars as pl

    return pl.col(name).min()


def word_column(book: Book, name: str) -> list[Any]:
    """What every word of a book says in this column of tables.EVENTS."""
    at = WORDS.index(name)
    return [told[at] for told in book.words]


__all__ = ["ACKS", "BIT", "BY", "CONNECTION", "DATA", "DENIAL", "LogPart", "word_column"]
