"""Rows that become columns."""

from __future__ import annotations

import polars as pl

from finis.tracking.columns import Rows

SCHEMA: dict[str, pl.DataType] = {
    "n": pl.Int64(),
    "t": pl.Datetime("ns", "UTC"),
    "f": pl.Float64(),
    "s": pl.String(),
    "b": pl.Boolean(),
}


def test_chunks_become_one_frame() -> None:
    rows = Rows(SCHEMA)
    rows.pending.append((1, 10, 0.5, "x", True))
    rows.flush()
    rows.flush()
    rows.pending.append((None,) * 5)
    frame = rows.frame()
    assert dict(frame.schema) == SCHEMA
    assert frame["n"].to_list() == [1, None] and frame["s"].to_list() == ["x", None]
    assert rows.frame().is_empty()


def test_without_rows_it_has_the_columns() -> None:
    assert dict(Rows(SCHEMA).frame().schema) == SCHEMA


def test_what_does_not_fit_becomes_null() -> None:
    rows = Rows(SCHEMA)
    rows.pending += [
        (2**63, -(2**80), 10**400, 5, 1),
        ("x", 1e300, "y", None, False),
        (float("nan"), float("nan"), 1, "s", None),
        (7, 8, 1.5, "t", True),
    ]
    frame = rows.frame()
    assert frame["n"].to_list() == [None, None, None, 7]
    assert frame["t"].cast(pl.Int64).to_list() == [None, None, None, 8]
    assert frame["f"].to_list() == [None, None, 1.0, 1.5]
    assert frame["s"].to_list() == ["5", None, "s", "t"]
