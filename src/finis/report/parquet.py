"""Tables of logs as Parquet, written straight from packed rows, in groups whose columns are made
side by side while the rows of the next are put together."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import IO, TYPE_CHECKING

import numpy as np

from finis.diagnosis import listed
from finis.report import pages
from finis.report.formats import GROUP_ROWS
from finis.report.pages import BOOLEAN, BYTES, DOUBLE, INT64, Array, Column, Struct
from finis.tables import CONNECTIONS, EVENTS
from finis.version import VERSION
from finis.wire.dialects._packed import BIT, EVENT, HOSTS, ORIGIN, PORTS, WORDS, Book, Packed

if TYPE_CHECKING:
    from finis.diagnosis.listed import Listing
    from finis.tables import Column as Described
    from finis.wire.dialects._api import Events

WORKERS = 2
_TYPES = {"text": BYTES, "i8": INT64, "ts": INT64, "f8": DOUBLE, "bool": BOOLEAN}
Makers = Mapping[str, Callable[[], Column]]


class _Writer:
    """A file of one table.  A group is encoded while the rows of the next are put together."""

    def __init__(self, target: IO[bytes], name: str, columns: tuple[Described, ...]) -> None:
        self.target = target
        self.name, self.columns = name, columns
        self.types = {column.name: _TYPES[column.type] for column in columns}
        self.groups: list[bytes] = []
        self.rows = 0
        self.offset = 0
        self.waiting: tuple[int, dict[str, Future[Column]]] | None = None
        self.empty: dict[tuple[int, int], Column] = {}  # columns of nulls: type, rows
        self._put(b"PAR1")

    def _put(self, data: bytes) -> None:
        self.target.write(data)
        self.offset += len(data)

    def group(self, count: int, makers: Makers, pool: ThreadPoolExecutor) -> None:
        """One row group; what nobody makes is null.  Makers that are the same object make one
        column under several names."""
        self._finish()
        made: dict[int, Future[Column]] = {}
        futures = {}
        for name, make in makers.items():
            if id(make) not in made:
                made[id(make)] = pool.submit(make)
            futures[name] = made[id(make)]
        self.waiting = count, futures

    def _finish(self) -> None:
        """Write the group that is being encoded."""
        if self.waiting is None:
            return
        count, futures = self.waiting
        self.waiting = None
        chunks, plain_size, start = [], 0, self.offset
        for name, kind in self.types.items():
            made = futures[name].result() if name in futures else self._nothing(kind, count)
            chunks.append(made.named(name).chunk(self.offset))
            plain_size += made.plain_size
            for page in made.pages:
                self._put(page)
        group = Struct().list(1, 12, chunks).i64(2, plain_size).i64(3, count)
        self.groups.append(group.i64(5, start).end())
        self.rows += count

    def _nothing(self, kind: int, count: int) -> Column:
        if (kind, count) not in self.empty:
            self.empty[kind, count] = pages.nothing("", kind, count)
        return self.empty[kind, count]

    def end(self) -> None:
        """The footer."""
        self._finish()
        schema = [Struct().text(4, self.name).i32(5, len(self.columns)).end()]
        for column in self.columns:
            element = Struct().i32(1, self.types[column.name]).i32(3, 1).text(4, column.name)
            if column.type == "text":
                element.i32(6, 0).struct(10, Struct().struct(1, Struct()))
            elif column.type == "ts":
                nanoseconds = Struct().struct(3, Struct())
                element.struct(10, Struct().struct(8, Struct().true(1).struct(2, nanoseconds)))
            schema.append(element.end())
        footer = Struct().i32(1, 1).list(2, 12, schema).i64(3, self.rows)
        footer.list(4, 12, self.groups).text(6, f"finis {VERSION}")
        by_type = Struct().struct(1, Struct()).end()  # how the ends of a column compare
        data = footer.list(7, 12, [by_type] * len(self.columns)).end()
        self._put(data + struct.pack("<I", len(data)) + b"PAR1")


# --- events --------------------------------------------------------------------------------------


def _event_makers(rows: Array, book: Book) -> dict[str, Callable[[], Column]]:
    words, origins = (np.ascontiguousarray(rows[name]) for name in ("words", "origin"))
    used = np.flatnonzero(np.bincount(words, minlength=1)).tolist()

    def column(name: str) -> Column:
        if name in BIT:
            most = 1 << 16 if name in PORTS else pages.worth(len(rows))
            return pages.numbers(name, rows[name], (rows["has"] & BIT[name]) != 0, most)
        if name in HOSTS:
            return pages.hosts(name, rows[name], book)
        if name in ORIGIN:
            at, known = ORIGIN.index(name), np.flatnonzero(np.bincount(origins)).tolist()
            told = {code: book.origins[code][at] for code in known}
            return pages.said(name, BYTES, origins, told, len(book.origins))
        at = WORDS.index(name)
        told = {code: book.words[code][at] for code in used}
        kind = INT64 if name == "severity" else BYTES
        return pages.said(name, kind, words, told, len(book.words))

    return {one.name: partial(column, one.name) for one in EVENTS}


def write_events(batches: Iterable[Events], target: IO[bytes]) -> None:
    """tables.EVENTS as one Parquet file, in row groups of some GROUP_ROWS rows.  Memory holds two
    of them."""
    writer = _Writer(target, "events", EVENTS)
    room = np.empty(GROUP_ROWS, EVENT)
    have = 0
    book = Book()
    with ThreadPoolExecutor(WORKERS, "writing") as pool:
        for events in batches:
            part = events if isinstance(events, Packed) else Packed.of(events)
            if have and (part.book is not book or have + len(part) > len(room)):
                writer.group(have, _event_makers(room[:have], book), pool)
                room, have = np.empty(GROUP_ROWS, EVENT), 0
            book = part.book
            if len(part) > len(room):
                writer.group(len(part), _event_makers(part.rows.copy(), book), pool)
                continue
            room[have : have + len(part)] = part.rows
            have += len(part)
        if have:
            writer.group(have, _event_makers(room[:have], book), pool)
        writer.end()


# --- connections ---------------------------------------------------------------------------------


def _connection_makers(rows: Array, of: Listing) -> dict[str, Callable[[], Column]]:
    """Columns of LISTED rows; what was not translated is one column twice."""
    has, count = rows["has"], len(rows)
    made: dict[str, Callable[[], Column]] = {
        "conn_id": partial(_ids, rows),
        "device": partial(_said, rows["device"], of.devices),
        "teardown_reason": partial(pages.words, "", rows["reason"].copy(), of.texts.text),
        "orientation": partial(_said, has & listed.BIT["guessed"] != 0, listed.ORIENTATIONS),
    }

    def numbers(source: str) -> Column:
        most = 1 << 16 if source.endswith("_p") else pages.worth(count)
        return pages.numbers("", rows[source], (has & listed.BIT[source]) != 0, most)

    def hosts(name: str) -> Column:
        return pages.hosts("", *of.named(rows[name]))

    for name, source in listed.NUMBERS.items():
        made[name] = partial(numbers, source)
    for name in listed.HOSTS:
        made[name] = partial(hosts, name)
    for name, words in of.verdicts().items():
        made[name] = partial(_said, rows["verdict"], words)
    bits = listed.BIT
    for side in ("orig", "resp"):
        one, other = f"{side}_h", f"{side}_mapped_h"
        if np.array_equal(rows[one], rows[other]):
            made[other] = made[one]
        one, other = f"{side}_p", f"{side}_mapped_p"
        same = ((has & bits[one]) != 0) == ((has & bits[other]) != 0)
        if same.all() and np.array_equal(rows[one], rows[other]):
            made[other] = made[one]
    return made


def _ids(rows: Array) -> Column:
    from finis.diagnosis._listed import plain_ids

    column = Column("", BYTES, None, len(rows))
    return column.plain(plain_ids(rows["name"].copy(), rows["again"].copy()))


def _said(codes: Array, texts: Sequence[str]) -> Column:
    codes = codes.astype("u4")
    used = np.flatnonzero(np.bincount(codes, minlength=1)).tolist()
    return pages.said("", BYTES, codes, {code: texts[code] for code in used}, len(texts))


def write_connections(listing: Listing, target: IO[bytes]) -> None:
    """tables.CONNECTIONS of logs as one Parquet file, in row groups of GROUP_ROWS rows.  Memory
    holds two of them."""
    writer = _Writer(target, "connections", CONNECTIONS)
    with ThreadPoolExecutor(WORKERS, "writing") as pool:
        for rows in listing.chunks(GROUP_ROWS):
            writer.group(len(rows), _connection_makers(rows, listing), pool)
        writer.end()
