"""Several log files as one stream."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from finis.tracking.events import LogTracker
from finis.tracking.merging import Later, merge
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


def test_files_may_be_opened_later() -> None:
    lines = log(60)
    parts = [lines[i : i + 5] for i in range(0, len(lines), 5)]
    opened = []

    def read(n: int, size: int) -> Iterator[Any]:
        opened.append(n)
        yield from batches(parts[n], size, f"{n}.log")
        opened.remove(n)

    def later(n: int) -> Later:
        return Later.probed(read(n, 3), iter(batches(parts[n], 2, f"{n}.log")))

    order = list(range(len(parts)))
    random.Random(4).shuffle(order)
    merged = [stamp for batch in merge(map(later, order)) for stamp in batch["ts"]]
    most = 0
    tracker = LogTracker()
    for batch in merge(map(later, order)):
        most = max(most, len(opened))
        tracker.feed(batch)
    assert merged == [line["ts"] for line in lines]
    assert most < 6 and not opened
    assert facts(tracker.finish().connections) == facts(track(lines).connections)


def test_merge_of_one_stamp_everywhere_ends() -> None:
    one = [line(0, "context", None, None)] * 3000
    total = sum(len(b["ts"]) for b in merge([iter(batches(one, 100, n)) for n in "ab"]))
    assert total == 6000


def test_merge_of_nothing() -> None:
    assert list(merge([])) == []
    assert list(merge([iter(()), iter(batches([], 1))])) == []
