"""Reading text captures in tests."""

from __future__ import annotations

import io
from datetime import UTC, date, tzinfo
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from finis.terms import Quirk
from finis.wire.source import Points, Reading, Source

DATA = Path(__file__).parents[2] / "data" / "captures"
EXAMPLES = Path(__file__).parents[3] / "examples" / "too-many-resets"


class Bytes:
    """A stream that gives at most `step` bytes at a time."""

    def __init__(self, data: bytes, step: int) -> None:
        self._file = io.BytesIO(data)
        self._step = step

    def read(self, size: int, /) -> bytes:
        return self._file.read(min(size, self._step))


def read(
    module: ModuleType,
    data: bytes | str,
    *,
    day: date | None = None,
    tz: tzinfo = UTC,
    names: dict[str, str] | None = None,
    step: int = 1 << 20,
    point_given: bool = False,
) -> tuple[np.ndarray[Any, Any], Source]:
    """(rows, source) of a capture given as text."""
    raw = data.encode() if isinstance(data, str) else data
    source = Source(3, "a file", Points(), "here", point_given=point_given)
    reading = Reading(tz, date=day, names=names or {})
    batches = [batch.copy() for batch in module.read(Bytes(raw, step), source, reading)]
    assert all(len(batch) for batch in batches)
    rows = np.concatenate(batches) if batches else np.zeros(0)
    assert len(rows) == source.used
    return rows, source


def quirks(row: Any) -> Quirk:
    return Quirk(int(row["quirks"]))


def ipv4(text: str) -> int:
    a, b, c, d = (int(part) for part in text.split("."))
    return 0xFFFF << 32 | a << 24 | b << 16 | c << 8 | d


def problems(source: Source) -> dict[str, list[str]]:
    return {reason: first for reason, _, first in source.problems}
