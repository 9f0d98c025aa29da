"""Columns of packed rows as pages of a Parquet file (https://github.com/apache/parquet-format;
data pages of version 1, every column optional).

What rows say in words is a code in each: the dictionary of such a column follows from the few
codes that were used, so no text is made or compared for a row.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import Any

import numpy as np
import zstandard

from finis.report._bits import distinct, packed
from finis.report.formats import LEVEL
from finis.wire.dialects._packed import Book
from finis.wire.dialects._texts import plain

LONGEST_BOUND = 64  # bytes of a text in the statistics
MOST_DISTINCT = 1 << 13  # in a dictionary of numbers or addresses
BOOLEAN, INT64, DOUBLE, BYTES = 0, 2, 5, 6  # Type
_PLAIN, _RLE, _DICTIONARY = 0, 3, 8  # Encoding
_ZSTD = 6
Array = np.ndarray


# --- Thrift's compact protocol: what of it the headers need --------------------------------------


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


class Struct:
    """A structure; fields come in order of their numbers."""

    def __init__(self) -> None:
        self.bytes = b""
        self.last = 0

    def _field(self, number: int, kind: int, value: bytes) -> Struct:
        self.bytes += bytes([(number - self.last) << 4 | kind]) + value
        self.last = number
        return self

    def i32(self, number: int, value: int) -> Struct:
        return self._field(number, 5, varint(value << 1))

    def i64(self, number: int, value: int) -> Struct:
        return self._field(number, 6, varint(value << 1))

    def true(self, number: int) -> Struct:
        return self._field(number, 1, b"")

    def text(self, number: int, value: str) -> Struct:
        return self._field(number, 8, thrift_text(value))

    def binary(self, number: int, value: bytes) -> Struct:
        return self._field(number, 8, varint(len(value)) + value)

    def struct(self, number: int, value: Struct) -> Struct:
        return self._field(number, 12, value.end())

    def list(self, number: int, kind: int, values: Sequence[bytes]) -> Struct:
        head = bytes([min(len(values), 15) << 4 | kind])
        if len(values) > 14:
            head += varint(len(values))
        return self._field(number, 9, head + b"".join(values))

    def end(self) -> bytes:
        return self.bytes + b"\0"


def thrift_text(value: str) -> bytes:
    data = value.encode()
    return varint(len(data)) + data


# --- columns -------------------------------------------------------------------------------------


class Column:
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
        levels = varint(count << 1) + b"\1" if present is None else packed(present, 1)
        self.levels = struct.pack("<I", len(levels)) + levels

    def named(self, name: str) -> Column:
        """The same under another name."""
        out = copy(self)
        out.name = name
        return out

    def dictionary(self, values: bytes, few: int, codes: Array) -> Column:
        """Values as codes of a few distinct ones, these in plain encoding."""
        if not few:
            return self.plain(b"")
        self._page(2, values, 7, Struct().i32(1, few).i32(2, _PLAIN))
        self.dictionary_size = len(self.pages[0])
        width = (few - 1).bit_length()
        return self._data(bytes([width]) + packed(codes, width), _DICTIONARY)

    def bounded(self, values: Sequence[Any] | Array) -> Column:
        """Statistics, by which readers leave row groups out; `values`: each at least once."""
        if not len(values):
            return self
        if self.kind == BYTES:
            texts = [_encoded(value) for value in values]
            ends = min(texts), max(texts)
            if max(map(len, ends)) <= LONGEST_BOUND:
                self.bounds = ends
            return self
        least, most = min(values), max(values)
        if self.kind == DOUBLE:
            if least == least and most == most:  # the format wants zero as -0 below, +0 above
                self.bounds = struct.pack("<d", least or -0.0), struct.pack("<d", most or 0.0)
        else:
            self.bounds = struct.pack("<q", least), struct.pack("<q", most)
        return self

    def plain(self, values: bytes) -> Column:
        return self._data(values, _PLAIN)

    def _data(self, values: bytes, encoding: int) -> Column:
        header = Struct().i32(1, self.count).i32(2, encoding).i32(3, _RLE).i32(4, _RLE)
        self._page(0, self.levels + values, 5, header)
        self.encoding = encoding
        return self

    def _page(self, kind: int, data: bytes, field: int, special: Struct) -> None:
        body = _compressor().compress(data)
        header = Struct().i32(1, kind).i32(2, len(data)).i32(3, len(body)).struct(field, special)
        start = header.end()
        self.plain_size += len(start) + len(data)
        self.pages.append(start + body)

    def chunk(self, offset: int) -> bytes:
        """What the footer says of it."""
        size = sum(map(len, self.pages))
        meta = Struct().i32(1, self.kind)
        meta.list(2, 5, [varint(n << 1) for n in sorted({_RLE, _PLAIN, self.encoding})])
        meta.list(3, 8, [thrift_text(self.name)]).i32(4, _ZSTD).i64(5, self.count)
        meta.i64(6, self.plain_size).i64(7, size).i64(9, offset + self.dictionary_size)
        if self.dictionary_size:
            meta.i64(11, offset)
        told = Struct().i64(3, self.nulls)
        if self.bounds is not None:
            told.binary(5, self.bounds[1]).binary(6, self.bounds[0])
        meta.struct(12, told)
        return Struct().i64(2, offset).struct(3, meta).end()


_of_thread = threading.local()


def _compressor() -> zstandard.ZstdCompressor:
    """One for each thread: to make one costs more than a small page."""
    made: zstandard.ZstdCompressor | None = getattr(_of_thread, "compressor", None)
    if made is None:
        made = _of_thread.compressor = zstandard.ZstdCompressor(level=LEVEL)
    return made


def _encoded(value: Any) -> bytes:
    return str(value).encode("utf-8", "replace")


def _plain_values(values: Sequence[Any], kind: int) -> bytes:
    if kind == BYTES:
        texts = [_encoded(value) for value in values]
        return b"".join(struct.pack("<I", len(text)) + text for text in texts)
    return struct.pack(f"<{len(values)}q", *values)


def nothing(name: str, kind: int, count: int) -> Column:
    """A column of nulls."""
    return Column(name, kind, np.zeros(count, "u4"), count).plain(b"")


def said(name: str, kind: int, codes: Array, told: Mapping[int, Any], most: int) -> Column:
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
    column = Column(name, kind, present, len(codes))
    if present is not None:
        codes = codes[present]
    values = list(unlike)
    column.bounded(values)
    return column.dictionary(_plain_values(values, kind), len(values), index[codes])


def words(name: str, numbers: Array, text: Callable[[int], str | None]) -> Column:
    """A column of numbers (u8) that stand for texts, 0 for none."""
    coded = distinct(numbers, len(numbers))
    assert coded is not None
    few, codes = coded
    told = {at: text(int(number)) for at, number in enumerate(few)}
    return said(name, BYTES, codes, told, len(few))


def numbers(name: str, values: Array, present: Array, most: int) -> Column:
    """A column of values; `most`: as many distinct ones are worth a dictionary."""
    kind = DOUBLE if values.dtype.kind == "f" else INT64
    column, values = _present(name, kind, values, present)
    values = values.astype("<f8" if kind == DOUBLE else "<i8", copy=False)
    if (coded := distinct(values.view("u8"), most)) is not None:
        few, codes = coded
        few = few.view(values.dtype)
        column.bounded(_ends(few))
        return column.dictionary(few.tobytes(), len(few), codes)
    column.bounded(_ends(values))
    return column.plain(values.tobytes())


def _ends(values: Array) -> list[Any]:
    return [values.min().item(), values.max().item()] if len(values) else []


def hosts(name: str, hosts: Array, book: Book) -> Column:
    """A column of host words, 0 for none."""
    column, hosts = _present(name, BYTES, hosts, hosts != 0)
    if (coded := distinct(hosts, worth(len(hosts)))) is not None:
        few, codes = coded
        return column.dictionary(plain(few, book.hosts), len(few), codes)
    return column.plain(plain(hosts, book.hosts))


def _present(name: str, kind: int, values: Array, present: Array) -> tuple[Column, Array]:
    """A column, and the values that it has."""
    everywhere = bool(present.all())
    values = np.ascontiguousarray(values) if everywhere else values[present]
    return Column(name, kind, None if everywhere else present, len(present)), values


def worth(count: int) -> int:
    """As many distinct values of these are worth a dictionary."""
    return min(MOST_DISTINCT, count // 4)
