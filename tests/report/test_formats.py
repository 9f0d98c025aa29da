"""Values and tables as files that other programs read."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from finis.errors import UsageError
from finis.report.formats import to_json, write_batches
from finis.report.output import writing

FRAME = pl.DataFrame(
    {
        "ts": [datetime(2024, 5, 1, 12, 0, 0, 5, UTC), None],
        "text": ["=cmd()", "a\x1b[2J"],
        "list": [["a", "b"], []],
        "n": [1.5, None],
    }
)


def written(form: str, *frames: pl.DataFrame) -> str:
    out = io.BytesIO()
    write_batches(iter(frames), form, out)
    return out.getvalue().decode()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (float("nan"), "null"),
        ([1.0, float("inf")], "[1.0, null]"),
        ({"a": (float("-inf"), 2)}, '{"a": [null, 2]}'),
        (np.float64("nan"), "null"),
        (np.int32(7), "7"),
        (datetime(2024, 5, 1, tzinfo=UTC), '"2024-05-01T00:00:00Z"'),
        ("é\x1b", '"\\u00e9\\u001b"'),
    ],
)
def test_json(value: object, text: str) -> None:
    assert json.dumps(json.loads(to_json(value))) == text
    assert to_json(value).isascii()


def test_csv() -> None:
    assert written("csv", FRAME, FRAME.head(1)) == (
        "ts,text,list,n\n"
        "2024-05-01T12:00:00.000005Z,'=cmd(),a; b,1.5\n"
        ',a\\x1b[2J,"",\n'
        "2024-05-01T12:00:00.000005Z,'=cmd(),a; b,1.5\n"
    )


def test_jsonl() -> None:
    rows = [json.loads(line) for line in written("jsonl", FRAME, FRAME).splitlines()]
    assert len(rows) == 4
    assert rows[0] == {"ts": "2024-05-01T12:00:00.000005Z", "text": "=cmd()", "list": ["a", "b"],
                       "n": 1.5}  # fmt: skip


def test_unknown_format() -> None:
    with pytest.raises(UsageError, match="xml"):
        written("xml", FRAME)


def test_unwritable() -> None:
    with pytest.raises(UsageError, match="cannot be written"), writing("/nowhere/at/all"):
        pass
