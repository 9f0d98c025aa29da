"""What waits on disk comes back as it was, whole, by number, by column and as a frame."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finis.diagnosis import spill
from finis.diagnosis.spill import Chunk, Columnar, Made, Shelf, Spill, scanned

KIND = np.dtype([("a", "i8"), ("b", "u2"), ("c", "f8")])
SCHEMA = {"a": pl.Int64(), "b": pl.UInt16(), "c": pl.Float64()}
sizes = st.lists(st.integers(0, 40), max_size=8)


def rows(begin: int, count: int) -> np.ndarray:
    out = np.empty(count, KIND)
    out["a"] = np.arange(begin, begin + count)
    out["b"], out["c"] = out["a"] % 7, out["a"] / 3
    return out


@pytest.fixture(autouse=True, scope="module")
def small() -> object:
    """Little is held in memory, and little read at one time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spill, "BUFFER_BYTES", 300)
        patch.setattr(spill, "CHUNK", 16)
        yield


@given(sizes, st.data())
def test_rows_come_back_by_number(counts: list[int], data: st.DataObject) -> None:
    waiting, total = Spill(KIND), 0
    for count in counts:
        waiting.add(rows(total, count))
        total += count
    every = rows(0, total)
    begin = data.draw(st.integers(0, total))
    end = data.draw(st.integers(begin, total))
    assert (waiting.between(begin, end) == every[begin:end]).all()
    some = np.array(data.draw(st.lists(st.integers(0, max(total - 1, 0)))), int)
    if total:
        assert (waiting.at(some) == every[some]).all()
    parts = [np.empty(0, KIND), *waiting]
    assert (np.concatenate(parts) == every).all()


def test_things_come_back_from_the_shelf() -> None:
    shelf = Shelf()
    assert [shelf.put(thing) for n in range(9) for thing in [[n]] * 2] == [
        n for n in range(9) for _ in "ab"
    ]
    assert [shelf.get(n) for n in (8, 0, 3, 3, 1, 8)] == [[8], [0], [3], [3], [1], [8]]


def columnar(counts: list[int]) -> Columnar:
    out = Columnar.of(KIND)
    for count in counts:
        out.add(rows(out.rows, count))
    return out


@given(sizes, st.integers(1, 5), st.integers(1, 5))
def test_columns_of_some_rows(counts: list[int], first: int, second: int) -> None:
    table = columnar(counts)
    every = rows(0, table.rows)
    seen = 0
    for chunk in table:
        mine = every[seen : (seen := seen + len(chunk))]
        one = chunk.only(mine["a"] % first == 0)
        two = one.only(one["a"] % second == 0)
        want = mine[(mine["a"] % first == 0) & (mine["a"] % second == 0)]
        assert len(two) == len(want)
        for name in KIND.names or ():
            assert (two[name] == want[name]).all()
    assert seen == table.rows


def made(chunk: Chunk) -> Made:
    return {name: lambda name=name: pl.Series(chunk[name]) for name in SCHEMA}  # type: ignore[misc]


@given(sizes)
def test_a_frame_that_is_read_as_asked(counts: list[int]) -> None:
    table = columnar(counts)
    lazy = scanned(table.__iter__, made, SCHEMA, table.rows)
    want = pl.DataFrame({name: rows(0, table.rows)[name] for name in SCHEMA}, schema=SCHEMA)
    queries = (
        lambda frame: frame,
        lambda frame: frame.select("b"),
        lambda frame: frame.select(pl.len()),
        lambda frame: frame.filter(pl.col("b") == 3).select("a"),
        lambda frame: frame.filter(pl.col("b") == 3).select(pl.len()),
        lambda frame: frame.filter(pl.lit(False)),
        lambda frame: frame.filter(pl.when(pl.col("b") > 2).then(pl.col("c") > 9)),
        lambda frame: frame.head(20).filter(pl.col("b") == 3),
        lambda frame: frame.filter(pl.col("b") == 3).head(2),
        lambda frame: frame.group_by("b").len("n").sort("b"),
    )
    for query in queries:
        assert query(lazy).collect().equals(query(want.lazy()).collect())
