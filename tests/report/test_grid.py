"""Tables for the eye."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import polars as pl
import pytest

from finis.report import grid

FRAME = pl.DataFrame(
    {
        "name": ["a", "long\x1bname", None],
        "n": [1, 12345, None],
        "share": [0.5, 1 / 3, None],
        "yes": [True, False, None],
        "when": [datetime(2024, 5, 1, 12, 0, 0, 5, UTC), None, None],
    }
)


def shown(
    frames: list[pl.DataFrame], columns: list[str], width: int | None = None, *spared: str
) -> tuple[list[str], list[str]]:
    stream = io.BytesIO()
    left_out = grid.write(iter(frames), columns, stream, width, spared)
    return stream.getvalue().decode().splitlines(), left_out


def test_cells() -> None:
    lines, _ = shown([FRAME], ["name", "n", "share", "yes", "when"])
    assert lines == [
        "name              n     share  yes  when",
        "a                 1       0.5  yes  2024-05-01 12:00:00.000005",
        "long\\x1bname  12345  0.333333  no   –",
        "–                 –         –  –    –",
    ]


def test_long_cells_are_cut() -> None:
    lines, _ = shown([pl.DataFrame({"x": ["y" * 100]})], ["x"])
    assert lines[1] == "y" * (grid.WIDEST - 1) + "…"


def test_batches_share_one_header_and_widths_grow() -> None:
    frames = [pl.DataFrame({"x": [text], "y": ["z"]}) for text in ("a", "abc", "b")]
    lines, _ = shown(frames, ["x", "y"])
    assert lines == ["x  y", "a  z", "abc  z", "b    z"]


def test_unknown_columns_are_passed_over() -> None:
    assert shown([pl.DataFrame({"x": [1]})], ["nothing", "x"])[0] == ["x", "1"]


@pytest.mark.parametrize(
    ("width", "left_out", "header"),
    [
        (None, [], "aaaa  bb  cccccc"),
        (16, [], "aaaa  bb  cccccc"),
        (15, ["aaaa"], "bb  cccccc"),
        (9, ["aaaa", "bb"], "cccccc"),
        (3, ["aaaa", "bb"], "cccccc"),
    ],
)
def test_columns_left_out(width: int | None, left_out: list[str], header: str) -> None:
    frame = pl.DataFrame({"aaaa": [1], "bb": [2], "cccccc": [3]})
    lines, out = shown([frame, frame], list(frame.columns), width, "other", "aaaa", "bb")
    assert out == left_out
    assert lines[0] == header
    assert len(lines) == 3
    assert len(lines[1].split()) == len(lines[2].split()) == len(header.split())


def test_a_column_returns_where_a_larger_one_made_room() -> None:
    frame = pl.DataFrame({"x": ["12345678"], "yy": ["12"], "zz": ["12"]})
    assert shown([frame], ["x", "yy", "zz"], 10, "yy", "x")[1] == ["x"]
