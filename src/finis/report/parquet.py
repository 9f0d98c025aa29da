"""Events as Parquet, written straight from packed rows.

What a line says in words is one code in its row: the dictionaries of all word columns follow from
the few codes that were used, so no text is made or compared for a row.  The format:
https://github.com/apache/parquet-format (data pages of version 1, every column optional).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import zstandard

from finis.report._bits import distinct, packed
from finis.report.formats import GROUP_ROWS, LEVEL
from finis.version import VERSION
from finis.wire.dialects._packed import (
    BIT,
    COLUMNS,
    EVENT,
    HOSTS,
    ORIGIN,
    PORTS,
    WORDS,
    Book,
    Packed,
)
from finis.wire.dialects._texts import plain

if TYPE_CHECKING:
    from finis.wire.dialects._api import Events

LONGEST_BOUND = 64  # bytes of a text in the statistics
MOST_DISTINCT = 1 << 13  # in a dictionary of numbers or addresses
WORKERS = 2
_INT64, _DOUBLE, _BYTES = 2, 5, 6  # Type
_PLAIN, _RLE, _DICTIONARY = 0, 3, 8  # Encoding
_ZSTD = 6
Array = np.ndarray


# --- Thrift's compact protocol: what of it the headers need --------------------------------------


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


class _Struct:
    """A structure; fields come in order of their numbers."""

    def __init__(self) -> None:
        self.bytes = b""
        self.last = 0

    def _field(self, number: int, kind: int, value: bytes) -> _Struct:
        self.bytes += bytes([(number - self.last) << 4 | kind]) + value
        self.last = number
        return self

    def i32(self, number: int, value: int) -> _Struct:
        return self._field(number, 5, _varint(value << 1))

    def i64(self, number: int, value: int) -> _Struct:
        return self._field(number, 6, _varint(value << 1))

    def true(self, number: int) -> _Struct:
        return self._field(number, 1, b"")

    def text(self, number: int, value: str) -> _Struct:
        return self._field(number, 8, _text(value))

    def binary(self, number: int, value: bytes) -> _Struct:
        return self._field(number, 8, _varint(len(value)) + value)

    def struct(self, number: int, value: _Struct) -> _Struct:
        return self._field(number, 12, value.end())

    def list(self, number: int, kind: int, values: Sequence[bytes]) -> _Struct:
        head = bytes([min(len(values), 15) << 4 | kind])
        if len(values) > 14:
            head += _varint(len(values))
        return self._field(number, 9, head + b"".join(values))

    def end(self) -> bytes:
        return self.bytes + b"\0"


def _text(value: str) -> bytes:
    data = value.encode()
    return _varint(len(data)) + data


# --- columns -------------------------------------------------------------------------------------


class _Column:
    """One column of a row group: its values as pages."""

    def __init__(self, name: str, kind: int, present: Array | None, count: int) -> None:
        self.name = name
        self.kind = kind
        self.count = count  # with nulls
        self.pages: list[bytes] = []
        self.plain_size = 0
        self.dictionary_size = 0
        self.nulls = 0 if present is None else count - int(np.count_nonzero(present))
        self.bounds: tuple[bytes, bytes] | None = None  # the least and the greatest value
        self.compressor = zstandard.ZstdCompressor(level=LEVEL)
        levels = packed(np.ones(count, "u4") if present is None else present, 1)
        self.levels = struct.pack("<I", len(levels)) + levels

    def dictionary(self, values: bytes, few: int, codes: Array) -> _Column:
        """Values as codes of a few distinct ones, these in plain encoding."""
        if not few:
            return self.plain(b"")
        self._page(2, values, 7, _Struct().i32(1, few).i32(2, _PLAIN))
        self.dictionary_size = len(self.pages[0])
        width = (few - 1).bit_length()
        return self._data(bytes([width]) + packed(codes, width), _DICTIONARY)

    def bounded(self, values: Sequence[Any] | Array) -> _Column:
        """Statistics, by which readers leave row groups out; `values`: each at least once."""
        if not len(values):
            return self
        if self.kind == _BYTES:
            texts = [_encoded(value) for value in values]
            ends = min(texts), max(texts)
            if max(map(len, ends)) <= LONGEST_BOUND:
                self.bounds = ends
            return self
        least, most = min(values), max(values)
        if self.kind == _DOUBLE:
            if least == least and most == most:  # the format wants zero as -0 below, +0 above
                self.bounds = struct.pack("<d", least or -0.0), struct.pack("<d", most or 0.0)
        else:
            self.bounds = struct.pack("<q", least), struct.pack("<q", most)
        return self

    def plain(self, values: bytes) -> _Column:
        return self._data(values, _PLAIN)

    def _data(self, values: bytes, encoding: int) -> _Column:
        header = _Struct().i32(1, self.count).i32(2, encoding).i32(3, _RLE).i32(4, _RLE)
        self._page(0, self.levels + values, 5, header)
        self.encoding = encoding
        return self

    def _page(self, kind: int, data: bytes, field: int, special: _Struct) -> None:
        body = self.compressor.compress(data)
        header = _Struct().i32(1, kind).i32(2, len(data)).i32(3, len(body)).struct(field, special)
        start = header.end()
        self.plain_size += len(start) + len(data)
        self.pages.append(start + body)

    def chunk(self, offset: int) -> bytes:
        """What the footer says of it."""
        size = sum(map(len, self.pages))
        meta = _Struct().i32(1, self.kind)
        meta.list(2, 5, [_varint(n << 1) for n in sorted({_RLE, _PLAIN, self.encoding})])
        meta.list(3, 8, [_text(self.name)]).i32(4, _ZSTD).i64(5, self.count)
        meta.i64(6, self.plain_size).i64(7, size).i64(9, offset + self.dictionary_size)
        if self.dictionary_size:
            meta.i64(11, offset)
        told = _Struct().i64(3, self.nulls)
        if self.bounds is not None:
            told.binary(5, self.bounds[1]).binary(6, self.bounds[0])
        meta.struct(12, told)
        return _Struct().i64(2, offset).struct(3, meta).end()


def _encoded(value: Any) -> bytes:
    return str(value).encode("utf-8", "replace")


def _plain_values(values: Sequence[Any], kind: int) -> bytes:
    if kind == _BYTES:
        texts = [_encoded(value) for value in values]
        return b"".join(struct.pack("<I", len(text)) + text for text in texts)
    return struct.pack(f"<{len(values)}q", *values)


def _coded(name: str, kind: int, codes: Array, told: dict[int, Any], most: int) -> _Column:
    """A column that follows from a code in each row; `told`: the code's value, `most`: codes."""
    unlike: dict[Any, int] = {}
    index = np.zeros(most, "u4")
    null = np.zeros(most, bool)
    for code, value in told.items():
        if value is None:
            null[code] = True
        else:
            index[code] = unlike.setdefault(value, len(unlike))
    present = ~null[codes] if null.any() else None
    column = _Column(name, kind, present, len(codes))
    if present is not None:
        codes = codes[present]
    values = list(unlike)
    column.bounded(values)
    return column.dictionary(_plain_values(values, kind), len(values), index[codes])


def _numbers(name: str, rows: Array) -> _Column:
    """A column of values."""
    kind = _DOUBLE if name == "duration_s" else _INT64
    column, values = _present(name, kind, rows, (rows["has"] & BIT[name]) != 0)
    values = values.astype("<f8" if kind == _DOUBLE else "<i8", copy=False)
    if (coded := distinct(values.view("u8"), _most(name, len(values)))) is not None:
        few, codes = coded
        few = few.view(values.dtype)
        column.bounded(_ends(few))
        return column.dictionary(few.tobytes(), len(few), codes)
    column.bounded(_ends(values))
    return column.plain(values.tobytes())


def _ends(values: Array) -> list[Any]:
    return [values.min().item(), values.max().item()] if len(values) else []


def _hosts(name: str, rows: Array, book: Book) -> _Column:
    column, hosts = _present(name, _BYTES, rows, rows[name] != 0)
    if (coded := distinct(hosts, _most(name, len(hosts)))) is not None:
        few, codes = coded
        return column.dictionary(plain(few, book.hosts), len(few), codes)
    return column.plain(plain(hosts, book.hosts))


def _present(name: str, kind: int, rows: Array, present: Array) -> tuple[_Column, Array]:
    """A column, and the values that it has."""
    everywhere = bool(present.all())
    values = np.ascontiguousarray(rows[name]) if everywhere else rows[name][present]
    return _Column(name, kind, None if everywhere else present, len(rows)), values


def _most(name: str, count: int) -> int:
    """As many distinct values are worth a dictionary."""
    return 1 << 16 if name in PORTS else min(MOST_DISTINCT, count // 4)


# --- the file ------------------------------------------------------------------------------------


class _Writer:
    def __init__(self, target: IO[bytes]) -> None:
        self.target = target
        self.groups: list[bytes] = []
        self.rows = 0
        self.offset = 0
        self._put(b"PAR1")

    def _put(self, data: bytes) -> None:
        self.target.write(data)
        self.offset += len(data)

    def group(self, rows: Array, book: Book, pool: ThreadPoolExecutor) -> None:
        """One row group."""
        words, origins = (np.ascontiguousarray(rows[name]) for name in ("words", "origin"))
        used = np.flatnonzero(np.bincount(words, minlength=1)).tolist()

        def column(name: str) -> _Column:
            if name in BIT:
                return _numbers(name, rows)
            if name in HOSTS:
                return _hosts(name, rows, book)
            if name in ORIGIN:
                at, known = ORIGIN.index(name), np.flatnonzero(np.bincount(origins)).tolist()
                told = {code: book.origins[code][at] for code in known}
                return _coded(name, _BYTES, origins, told, len(book.origins))
            at = WORDS.index(name)
            told = {code: book.words[code][at] for code in used}
            kind = _INT64 if name == "severity" else _BYTES
            return _coded(name, kind, words, told, len(book.words))

        chunks, plain_size, start = [], 0, self.offset
        for made in pool.map(column, COLUMNS):
            chunks.append(made.chunk(self.offset))
            plain_size += made.plain_size
            for page in made.pages:
                self._put(page)
        group = _Struct().list(1, 12, chunks).i64(2, plain_size).i64(3, len(rows))
        self.groups.append(group.i64(5, start).end())
        self.rows += len(rows)

    def end(self) -> None:
        """The footer."""
        schema = [_Struct().text(4, "events").i32(5, len(COLUMNS)).end()]
        for name in COLUMNS:
            text = name not in BIT and name != "severity"
            kind = _BYTES if text else _DOUBLE if name == "duration_s" else _INT64
            element = _Struct().i32(1, kind).i32(3, 1).text(4, name)
            if text:
                element.i32(6, 0).struct(10, _Struct().struct(1, _Struct()))
            elif name == "ts":
                nanoseconds = _Struct().struct(3, _Struct())
                element.struct(10, _Struct().struct(8, _Struct().true(1).struct(2, nanoseconds)))
            schema.append(element.end())
        footer = _Struct().i32(1, 1).list(2, 12, schema).i64(3, self.rows)
        footer.list(4, 12, self.groups).text(6, f"finis {VERSION}")
        by_type = _Struct().struct(1, _Struct()).end()  # how the ends of a column compare
        data = footer.list(7, 12, [by_type] * len(COLUMNS)).end()
        self._put(data + struct.pack("<I", len(data)) + b"PAR1")


def write_events(batches: Iterable[Events], target: IO[bytes]) -> None:
    """tables.EVENTS as one Parquet file, in row groups of some GROUP_ROWS rows.  Memory holds one
    of them."""
    writer = _Writer(target)
    room = np.empty(GROUP_ROWS, EVENT)
    have = 0
    book = Book()
    with ThreadPoolExecutor(WORKERS, "writing") as pool:
        for events in batches:
            part = events if isinstance(events, Packed) else Packed.of(events)
            if have and (part.book is not book or have + len(part) > len(room)):
                writer.group(room[:have], book, pool)
                have = 0
            book = part.book
            if len(part) > len(room):
                writer.group(part.rows, book, pool)
                continue
            room[have : have + len(part)] = part.rows
            have += len(part)
        if have:
            writer.group(room[:have], book, pool)
    writer.end()
