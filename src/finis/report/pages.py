"""Columns of packed rows as pages of a Parquet file (https://github.com/apache/parquet-format;
data pages of version 1, every column optional).

What rows say in words is a code in each: the dictionary of such a column follows from the few
codes that were used, so no text is made or compared for a row.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Sequence
from copy import copy
from typing import Any

import numpy as np
import zstandard

from finis.report._bits import NONE, Coded, delta, dense, distinct, packed
from finis.report.formats import LEVEL
from finis.wire.dialects._packed import Book
from finis.wire.dialects._texts import apart, plain

LONGEST_BOUND = 64  # bytes of a text in the statistics
MOST_DISTINCT = 1 << 13  # in a dictionary of numbers
FARTHEST = 1 << 48  # numbers that lie farther apart are not told by their differences
BOOLEAN, INT64, DOUBLE, BYTES = 0, 2, 5, 6  # Type
_PLAIN, _RLE, _DELTA, _LENGTHS_APART, _DICTIONARY = 0, 3, 5, 6, 8  # Encoding
_UNCOMPRESSED, _ZSTD = 0, 6
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

    def __init__(self, kind: int, count: int, levels: bytes | None = None, nulls: int = 0) -> None:
        """`levels`: which values are there, as `_bits.packed` has it; None: all of them."""
        self.name = ""
        self.kind = kind
        self.count = count  # with nulls
        self.nulls = nulls
        self.pages: list[bytes] = []
        self.plain_size = 0
        self.dictionary_size = 0
        self.codec = _ZSTD
        self.bounds: tuple[bytes, bytes] | None = None  # the least and the greatest value
        levels = varint(count << 1) + b"\1" if levels is None else levels
        self.levels = struct.pack("<I", len(levels)) + levels

    def named(self, name: str) -> Column:
        """The same under another name."""
        out = copy(self)
        out.name = name
        return out

    def dictionary(self, values: bytes, few: int, codes: bytes) -> Column:
        """Values as codes of a few distinct ones, these in plain encoding; `codes` as
        `_bits.packed` has them."""
        if not few:
            return self.plain(b"")
        self._page(2, values, 7, Struct().i32(1, few).i32(2, _PLAIN))
        self.dictionary_size = len(self.pages[0])
        return self._data(bytes([width_of(few)]) + codes, _DICTIONARY)

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

    def delta(self, values: Array) -> Column:
        """Numbers (i8) by their differences; they lie less than FARTHEST apart.  What is left of
        them is hardly to be compressed."""
        self.codec = _UNCOMPRESSED
        return self._data(delta(values), _DELTA)

    def apart(self, lengths: Array, texts: bytes) -> Column:
        """Texts one after another, after their lengths (i8)."""
        return self._data(delta(lengths) + texts, _LENGTHS_APART)

    def _data(self, values: bytes, encoding: int) -> Column:
        header = Struct().i32(1, self.count).i32(2, encoding).i32(3, _RLE).i32(4, _RLE)
        self._page(0, self.levels + values, 5, header)
        self.encoding = encoding
        return self

    def _page(self, kind: int, data: bytes, field: int, special: Struct) -> None:
        body = data if self.codec == _UNCOMPRESSED else _compressor().compress(data)
        header = Struct().i32(1, kind).i32(2, len(data)).i32(3, len(body)).struct(field, special)
        start = header.end()
        self.plain_size += len(start) + len(data)
        self.pages.append(start + body)

    def chunk(self, offset: int) -> bytes:
        """What the footer says of it."""
        size = sum(map(len, self.pages))
        meta = Struct().i32(1, self.kind)
        meta.list(2, 5, [varint(n << 1) for n in sorted({_RLE, _PLAIN, self.encoding})])
        meta.list(3, 8, [thrift_text(self.name)]).i32(4, self.codec).i64(5, self.count)
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


def nothing(kind: int, count: int) -> Column:
    """A column of nulls."""
    return Column(kind, count, varint(count << 1) + b"\0", count).plain(b"")


def said(kind: int, coded: Coded, value_of: Callable[[int], Any]) -> Column:
    """A column that follows from a code in each row; `value_of`: the value of a code that is
    used."""
    unlike: dict[Any, int] = {}
    table = np.full(len(coded.rows), NONE, "u4")
    for code in np.flatnonzero(coded.rows).tolist():
        value = value_of(code)
        if value is not None:
            table[code] = unlike.setdefault(value, len(unlike))
    if not unlike:
        return nothing(kind, len(coded))
    values, few = list(unlike), len(unlike)
    nulls = int(coded.rows[table == NONE].sum())
    column = Column(kind, len(coded), coded.levels(table) if nulls else None, nulls)
    one = few == 1
    codes = varint(len(coded) - nulls << 1) if one else coded.numbers(table, width_of(few))
    return column.bounded(values).dictionary(_plain_values(values, kind), few, codes)


def words(numbers: Array, text: Callable[[int], str | None]) -> Column:
    """A column of numbers (u8) that stand for texts, 0 for none."""
    coded = distinct(numbers, len(numbers))
    assert coded is not None
    few, codes = coded
    return said(BYTES, Coded(codes), lambda code: text(int(few[code])))


def numbers(values: Array, has: Array, bit: int) -> Column:
    """A column of values (i8, f8 or u2), there where `has` (u4) has the bit."""
    kind = DOUBLE if values.dtype.kind == "f" else INT64
    levels, found = dense(values, has, bit)
    column = Column(kind, len(values), levels, len(values) - len(found))
    coded = distinct(found, min(MOST_DISTINCT, len(found) // 4))
    there = (found if coded is None else coded[0]).view("<f8" if kind == DOUBLE else "<i8")
    ends = [there.min().item(), there.max().item()] if len(there) else []
    column.bounded(ends)
    if coded is not None:
        few, codes = coded
        return column.dictionary(few.tobytes(), len(few), packed(codes, width_of(len(few))))
    if kind == INT64 and ends and ends[1] - ends[0] < FARTHEST:
        return column.delta(there)
    return column.plain(there.tobytes())


def hosts(hosts: Array, book: Book) -> Column:
    """A column of host words (u8), 0 for none."""
    levels, found = dense(hosts, None, 0)
    column = Column(BYTES, len(hosts), levels, len(hosts) - len(found))
    if (coded := distinct(found, len(found) // 2)) is not None:
        few, codes = coded
        texts = plain(few, book.hosts)
        return column.dictionary(texts, len(few), packed(codes, width_of(len(few))))
    return column.apart(*apart(found, book.hosts)) if len(found) else column.plain(b"")


def width_of(few: int) -> int:
    """Bits of a code of so many values."""
    return (few - 1).bit_length() if few else 0
