"""Several log files as one stream."""

from __future__ import annotations

import random

from finis.tracking.merging import merge
from tests.tracking.eventlist import batches, facts, line, log, track


def test_merge_keeps_the_order_within_a_file_and_weaves_by_time() -> None:
    a = [line(t, "context", None, None, reason=f"a{i}") for i, t in enumerate((0, 10, 9, 20))]
    b = [line(t, "context", None, None, reason=f"b{i}") for i, t in enumerate((5, 15, None, 25))]
    merged = [
        reason
        for batch in merge([iter(batches(b, 2, "b")), iter(batches(a, 3, "a"))])
        for reason in batch["reason"]
    ]
    assert merged == ["a0", "b0", "a1", "a2", "b1", "b2", "a3", "b3"]


def test_merge_of_many_files() -> None:
    lines = log(60)
    parts = [lines[i : i + 5] for i in range(0, len(lines), 5)]
    random.Random(3).shuffle(parts)
    out = track(*parts)
    assert len(parts) > 16
    assert facts(out.connections) == facts(track(lines).connections)


def test_merge_of_one_stamp_everywhere_ends() -> None:
    one = [line(0, "context", None, None)] * 3000
    total = sum(len(b["ts"]) for b in merge([iter(batches(one, 100, n)) for n in "ab"]))
    assert total == 6000


def test_merge_of_nothing() -> None:
    assert list(merge([])) == []
    assert list(merge([iter(()), iter(batches([], 1))])) == []
