"""Parquet files, and events straight from packed rows, in groups that are encoded side
by side while the rows of the next are put together."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import IO, TYPE_CHECKING, Any

from finis.report import pages
from finis.report._bits import Coded, spread
from finis.report.formats import GROUP_ROWS
from finis.report.pages import BOOLEAN, BYTES, DOUBLE, INT64, Array, Column, Struct
from finis.tables import EVENTS
from finis.version import VERSION
from finis.wire.dialects._packed import BIT, HOSTS, ORIGIN, WORDS, Book, Packed

if TYPE_CHECKING:
    from finis.tables import Column as Described
    from finis.wire.dialects._api import Events

ALIVE = 2  # groups that are encoded or wait for it
_TYPES = {"text": BYTES, "i8": INT64, "ts": INT64, "f8": DOUBLE, "bool": BOOLEAN}
Encode = Callable[[], tuple[int, dict[str, Column]]]  # how many rows, their columns by name


class Writer:
    """A file of one table.  Groups are encoded and written while the rows of the next are put
    together."""

    def __init__(self, target: IO[bytes], name: str, columns: tuple[Described, ...]) -> None:
        self.target = target
        self.name, self.columns = name, columns
        self.types = {column.name: _TYPES[column.type] for column in columns}
        self.groups: list[bytes] = []
        self.rows = 0
        self.offset = 0
        self.waiting: deque[Future[None]] = deque()
        self.empty: dict[tuple[int, int], Column] = {}  # columns of nulls: type, rows
        self._put(b"PAR1")

    def _put(self, data: bytes) -> None:
        self.target.write(data)
        self.offset += len(data)

    def group(self, encode: Encode, pool: ThreadPoolExecutor) -> None:
        """One row group; a column that nobody makes is null."""
        if len(self.waiting) == ALIVE:
            self.waiting.popleft().result()
        before = self.waiting[-1] if self.waiting else None
        self.waiting.append(pool.submit(self._next, encode, before))

    def _next(self, encode: Encode, before: Future[None] | None) -> None:
        """Write a group after the one before it."""
        count, made = encode()
        if before is not None:
            before.result()
        chunks, plain_size, start = [], 0, self.offset
        for name, kind in self.types.items():
            column = (made[name] if name in made else self._nothing(kind, count)).named(name)
            chunks.append(column.chunk(self.offset))
            plain_size += column.plain_size
            for page in column.pages:
                self._put(page)
        group = Struct().list(1, 12, chunks).i64(2, plain_size).i64(3, count)
        self.groups.append(group.i64(5, start).end())
        self.rows += count

    def _nothing(self, kind: int, count: int) -> Column:
        if (kind, count) not in self.empty:
            self.empty[kind, count] = pages.nothing(kind, count)
        return self.empty[kind, count]

    def end(self) -> None:
        """What still waits, and the footer."""
        while self.waiting:
            self.waiting.popleft().result()
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

_SPREAD = (*BIT, *HOSTS, "has", "words", "origin")


def _events(parts: list[Array], book: Book) -> tuple[int, dict[str, Column]]:
    """The columns of rows that share a book; these are let go, so that their memory is used
    again."""
    of = spread(parts, _SPREAD)
    parts.clear()
    words, origins = Coded(of["words"]), Coded(of["origin"])
    out = {name: pages.numbers(of[name], of["has"], bit) for name, bit in BIT.items()}
    for name in HOSTS:
        out[name] = pages.hosts(of[name], book)
    for at, name in enumerate(ORIGIN):
        out[name] = pages.said(BYTES, origins, _part(book.origins, at))
    for at, name in enumerate(WORDS):
        kind = INT64 if name == "severity" else BYTES
        out[name] = pages.said(kind, words, _part(book.words, at))
    return len(words), out


def _part(told: Sequence[tuple[Any, ...]], at: int) -> Callable[[int], Any]:
    return lambda code: told[code][at]


def write_events(batches: Iterable[Events], target: IO[bytes]) -> None:
    """tables.EVENTS as one Parquet file, in row groups of some GROUP_ROWS rows.  Memory holds
    three of them.  Following takes one core, reading and writing the other."""
    writer = Writer(target, "events", EVENTS)
    parts: list[Array] = []
    book = Book()
    with ThreadPoolExecutor(1, "writing") as pool:
        for events in batches:
            part = events if isinstance(events, Packed) else Packed.of(events)
            if parts and (part.book is not book or _rows(parts) + len(part) > GROUP_ROWS):
                writer.group(partial(_events, parts, book), pool)
                parts = []
            book = part.book
            if len(part):
                parts.append(part.rows)
        if parts:
            writer.group(partial(_events, parts, book), pool)
        writer.end()


def _rows(parts: list[Array]) -> int:
    return sum(map(len, parts))
