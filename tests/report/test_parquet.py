"""Events written straight as Parquet are the table that other formats hold."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finis import tables
from finis.wire.dialects._packed import BIT, HOSTS, PORTS, Book, Packed

pytest.importorskip("finis.report._bits", reason="no kernel is built")

from finis.report import pages, parquet
from finis.report._bits import NONE, Coded, delta, dense, distinct, packed, spread

TEXTS = st.sampled_from((None, "", "tcp", "outside", "é\x1b", "a" * 300)) | st.text(max_size=5)
ADDRESSES = st.sampled_from((None, "10.0.0.1", "255.255.255.255", "web-1", "2001:db8::1"))
SCHEMA = tables.polars_schema(tables.EVENTS)


def value(name: str) -> st.SearchStrategy[Any]:
    if name in PORTS:
        return st.none() | st.integers(0, 65_535)
    if name == "duration_s":
        return st.none() | st.floats(0, 1e9)
    if name == "severity":
        return st.none() | st.integers(0, 7)
    if name in BIT:
        return st.none() | st.integers(0, 3) | st.integers(-(2**62), 2**62)
    return ADDRESSES if name in HOSTS else TEXTS


ROW = st.fixed_dictionaries({name: value(name) for name in SCHEMA})


def batch(rows: list[dict[str, Any]], book: Book | None = None) -> Packed:
    return Packed.of({name: [row[name] for row in rows] for name in SCHEMA}, book)


def written(batches: list[Any]) -> bytes:
    out = io.BytesIO()
    parquet.write_events(iter(batches), out)
    return out.getvalue()


@settings(max_examples=60)
@given(
    st.lists(ROW, min_size=1, max_size=8),
    st.lists(st.lists(st.integers(0, 7), min_size=1, max_size=60), max_size=6),
    st.integers(1, 80),
    st.booleans(),
)
def test_what_is_written_is_read(
    rows: list[dict[str, Any]], parts: list[list[int]], group: int, one_book: bool
) -> None:
    book = Book() if one_book else None
    batches = [batch([rows[i % len(rows)] for i in part], book) for part in parts]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet, "GROUP_ROWS", group)
        patch.setattr(pages, "MOST_DISTINCT", group)
        data = written(batches)
    shown = pl.concat([pl.DataFrame(schema=SCHEMA), *(b.frame() for b in batches)])
    read = pl.read_parquet(io.BytesIO(data))
    assert read.schema == shown.schema
    assert read.equals(shown)


def test_others_read_it_too() -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    row = dict.fromkeys(SCHEMA) | {"ts": 5, "kind": "built", "a_h": "1.2.3.4", "a_p": 80}
    rows = [
        row | {"line": i, "b_p": i % 7, "acl": None if i % 3 else f"acl{i}"} for i in range(999)
    ]
    packed_rows = batch(rows)
    table = pq.read_table(io.BytesIO(written([packed_rows, packed_rows.columns()])))
    assert pl.DataFrame(pl.from_arrow(table)).equals(pl.concat([packed_rows.frame()] * 2))


@settings(max_examples=60)
@given(st.lists(ROW, min_size=1, max_size=30), st.integers(1, 40))
def test_statistics_are_those_of_the_column(rows: list[dict[str, Any]], group: int) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet, "GROUP_ROWS", group)
        patch.setattr(pages, "MOST_DISTINCT", group)
        data = written([batch(rows), batch(rows[:2])])
    file = pq.ParquetFile(io.BytesIO(data))
    for number in range(file.metadata.num_row_groups):
        frame = pl.DataFrame(pl.from_arrow(file.read_row_group(number)))
        for at, name in enumerate(SCHEMA):
            told = file.metadata.row_group(number).column(at).statistics
            held = frame[name].drop_nulls()
            assert told.null_count == frame[name].null_count()
            if held.dtype == pl.Datetime("ns", "UTC"):
                held = held.cast(pl.Int64)
            if held.dtype == pl.String:
                held = sorted(held.to_list(), key=str.encode)
                short = bool(held) and max(len(held[0].encode()), len(held[-1].encode())) <= 64
                assert told.has_min_max == (short and name not in HOSTS)
            else:
                assert told.has_min_max == bool(len(held))
                held = sorted(held.to_list())
            if told.has_min_max:
                ends = (told.min_raw, told.max_raw) if name == "ts" else (told.min, told.max)
                assert ends == (held[0], held[-1])


def test_readers_leave_groups_out() -> None:
    rows = [dict.fromkeys(SCHEMA) | {"ts": 1000 + i, "kind": f"k{i // 10}"} for i in range(40)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet, "GROUP_ROWS", 10)
        data = written([batch(rows[at : at + 10]) for at in range(0, 40, 10)])
    for chosen in (pl.col("kind") == "k2", pl.col("ts").cast(pl.Int64) > 1035):
        read = pl.scan_parquet(io.BytesIO(data)).filter(chosen).collect()
        assert read.equals(pl.read_parquet(io.BytesIO(data)).filter(chosen))


def varint(data: bytes, at: int) -> tuple[int, int]:
    """The number (ULEB128) that begins there, and where it ends."""
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return value, at


@given(st.lists(st.integers(0, 2**32 - 1), max_size=300), st.integers(0, 32))
def test_bits(numbers: list[int], width: int) -> None:
    numbers = [number & ((1 << width) - 1) for number in numbers]
    data = packed(np.array(numbers, "u4"), width)
    head, at = varint(data, 0)
    body = int.from_bytes(data[at:], "little")
    if head & 1:
        assert len(data) - at == head // 2 * width and head // 2 * 8 >= len(numbers)
        found = [body >> i * width & ((1 << width) - 1) for i in range(len(numbers))]
        assert body >> len(numbers) * width == 0
    else:
        assert len(data) - at == (width + 7) // 8
        found = [body] * (head // 2)
    assert found == numbers


@given(st.lists(st.integers(0, 20) | st.integers(0, 2**64 - 1), max_size=200), st.integers(0, 40))
def test_distinct(numbers: list[int], most: int) -> None:
    coded = distinct(np.array(numbers, "u8"), most)
    few = list(dict.fromkeys(numbers))
    if len(few) > most:
        assert coded is None
        return
    assert coded is not None
    assert coded[0].tolist() == few
    assert [few[code] for code in coded[1]] == numbers


def unpacked(data: bytes, width: int, count: int) -> list[int]:
    """Numbers of a run as `packed` has it."""
    head, at = varint(data, 0)
    body = int.from_bytes(data[at:], "little")
    assert head & 1 or head // 2 == count
    return [body >> (i * width if head & 1 else 0) & ((1 << width) - 1) for i in range(count)]


@given(st.lists(st.tuples(*[st.integers(0, 2**16 - 1)] * 3), max_size=200), st.integers(0, 200))
def test_rows_become_columns(values: list[tuple[int, int, int]], cut: int) -> None:
    kind = np.dtype([("a", "u2"), ("b", "u4"), ("c", "i8"), ("d", "u2")])
    rows = np.array([(a, b, -c, a ^ b) for a, b, c in values], kind)
    parts = [rows[:cut], rows[cut:]]
    columns = spread(parts, ("a", "b", "c"))
    assert list(columns) == ["a", "b", "c"]
    for name, column in columns.items():
        assert column.dtype == kind[name] and column.tolist() == rows[name].tolist()


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2**64 - 1)), max_size=200))
def test_values_that_are_there(rows: list[tuple[int, int]]) -> None:
    has, values = (np.array([row[i] for row in rows], kind) for i, kind in ((0, "u4"), (1, "u8")))
    for given_has, there in ((has, (has & 2) != 0), (None, values != 0)):
        levels, found = dense(values, given_has, 2)
        assert found.tolist() == values[there].tolist()
        if levels is None:
            assert there.all()
        else:
            assert unpacked(levels, 1, len(rows)) == there.astype(int).tolist()
        _, ports = dense(values.astype("u2"), given_has, 2)
        if given_has is not None:
            assert ports.tolist() == values[there].astype("u2").tolist()


@given(st.lists(st.integers(0, 9), max_size=200), st.integers(0, 31), st.data())
def test_codes_by_a_table(codes: list[int], width: int, data: st.DataObject) -> None:
    entry = st.just(NONE) | st.integers(0, (1 << width) - 1)
    table = data.draw(st.lists(entry, min_size=10, max_size=10))
    coded, said = Coded(np.array(codes, "u4")), np.array(table, "u4")
    told = [table[code] for code in codes]
    found = [number for number in told if number != NONE]
    assert len(coded) == len(codes)
    assert coded.rows.tolist() == [codes.count(code) for code in range(max(codes, default=0) + 1)]
    for _ in range(2):  # levels are made once for all columns with the same gaps
        assert unpacked(coded.levels(said), 1, len(told)) == [number != NONE for number in told]
    other = np.where(said == NONE, 0, NONE).astype("u4")
    assert unpacked(coded.levels(other), 1, len(told)) == [number == NONE for number in told]
    assert unpacked(coded.numbers(said, width), width, len(found)) == found
    further = Coded(np.array([*codes, 10], "u4"))
    for call in (further.levels, lambda of: further.numbers(of, width)):
        with pytest.raises(ValueError, match="table"):
            call(said)


def undone(data: bytes) -> list[int]:
    """What DELTA_BINARY_PACKED tells, as its description says."""
    at = 0

    def number() -> int:
        nonlocal at
        value, at = varint(data, at)
        return value

    block, miniblocks, count, first = number(), number(), number(), number()
    out = [(first >> 1) ^ -(first & 1)]
    while len(out) < count:
        least = number()
        least = (least >> 1) ^ -(least & 1)
        widths = data[at : at + miniblocks]
        at += miniblocks
        for width in widths:
            if len(out) >= count:
                break
            size = block // miniblocks
            body = int.from_bytes(data[at : at + size * width // 8], "little")
            assert len(data) >= at + size * width // 8
            at += size * width // 8
            for i in range(min(size, count - len(out))):
                out.append(out[-1] + least + (body >> i * width & ((1 << width) - 1)))
    assert at == len(data)
    return out[:count]


@given(
    st.lists(st.integers(0, 300), max_size=400) | st.lists(st.integers(0, 2**48 - 1), max_size=300),
    st.integers(-(2**63), 2**63 - 2**48),
)
def test_differences(numbers: list[int], least: int) -> None:
    numbers = [least + number for number in numbers]
    assert undone(delta(np.array(numbers, "i8"))) == numbers


def test_differences_that_are_too_great() -> None:
    with pytest.raises(ValueError, match="apart"):
        delta(np.array([-(2**62), 2**62, 0], "i8"))


def test_words_that_never_come_again() -> None:
    """Hostile lines fill a book with each batch: groups are written, and nothing is lost."""
    batches = []
    for number in range(6):
        rows = [
            dict.fromkeys(SCHEMA)
            | {"ts": i, "line": i * 2**40, "conn_id": (-1) ** i * 2**61, "acl": f"{number}:{i}",
               "a_h": f"host-{number}-{i}", "b_h": f"10.{number}.{i >> 8}.{i & 255}",
               "file": f"f{i}", "a_p": i * 7919 % 65_536}
            for i in range(500)
        ]  # fmt: skip
        batches.append(batch(rows))
    read = pl.read_parquet(io.BytesIO(written(batches)))
    assert read.equals(pl.concat([one.frame() for one in batches]))
