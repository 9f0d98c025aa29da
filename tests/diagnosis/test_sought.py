"""A connection that is sought while parts go by is told as one of a table that is whole."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finis.correlation import logalone, naming, selection
from finis.correlation.stories import Stories, Story
from finis.diagnosis.engine import judge
from finis.diagnosis.sought import Sought
from finis.errors import UsageError
from finis.tracking import events as module
from finis.tracking.denials import OF_ALL
from finis.tracking.events import LogTracker
from finis.words import endpoint
from tests.tracking.eventlist import Line, batches, built, torn, track
from tests.tracking.test_follow import event, placed

from .test_logparts import lines, packed

pytestmark = [
    pytest.mark.skipif(module._kernel() is None, reason="no kernel is built"),
    pytest.mark.repeats,
]
# What differs: places in a table, and what a reading of the whole log tells of denials.
APART = {"row", "story", *OF_ALL}


def whole(events: list[Line]) -> Stories:
    tables = track(events, size=1000)
    return judge(logalone.stories(tables.connections, tables.denials)).stories


def names(stories: Stories) -> list[str]:
    """Every connection in the ways in which it may be named, and what names none."""
    out = ["", "nobody", "198.18.0.1:1", "443", "-> 10.0.0.5", "a:b:c", "27or7l3iu"]
    for row in stories.table.iter_rows(named=True):
        ends = [endpoint(row[f"{side}_h"], row[f"{side}_p"]) for side in ("orig", "resp")]
        out += [row["conn_id"], *ends, " <-> ".join(ends), row["orig_h"] or "?"]
        out += [str(row["fw_conn_id"]), f" {row['resp_mapped_h']} "]
    return list(dict.fromkeys(out))


def told(story: Story) -> Any:
    row = {name: value for name, value in story.row.items() if name not in APART}
    row["conn_id"] = row["conn_id"][: naming.LENGTH]
    denials = [{n: v for n, v in one.items() if n not in APART} for one in story.denials]
    return row, denials, story.built, story.teardown


def refused(error: UsageError) -> str:
    """Without ids that are told apart in a table as a whole only."""
    return " ".join(word[: naming.LENGTH] for word in str(error).split())


def same(events: list[Line], seed: int) -> int:
    """How many were told."""
    stories = whole(events)
    # Of connections that nothing tells apart only the table as a whole has ids of their own.
    ids = Counter(one[: naming.LENGTH] for one in stories.table["conn_id"])
    texts = [text for text in names(stories) if ids[text[: naming.LENGTH]] < 2]
    texts = random.Random(seed).sample(texts, min(len(texts), 200))
    found = packed(events, seed, wanted=texts).sought
    assert isinstance(found, Sought) or not events
    count = 0
    for text in texts if found is not None else []:
        try:
            want = stories.story(selection.select(stories.table, text))
        except UsageError as error:
            with pytest.raises(UsageError) as raised:
                found.story(text)
            assert refused(raised.value) == refused(error)
        else:
            assert told(found.story(text)) == told(want)
            count += 1
    return count


def test_what_nothing_tells_apart_is_not_guessed() -> None:
    """Two connections of one tuple in a log without stamps."""
    ends = ("outside:192.0.2.9/40000", "outside:192.0.2.9/40000")
    other = ("outside:192.0.2.9/40000", "inside:10.0.0.5/443")
    events: list[Line] = [built(0, 1, *two) | {"ts": None} for two in (ends, other, ends)]
    ids = whole(events).table["conn_id"].to_list()
    (twin,) = {one[: naming.LENGTH] for one in ids if len(one) > naming.LENGTH}
    assert len(ids) == 3
    found = packed(events, 0, wanted=[twin]).sought
    assert found is not None
    with pytest.raises(UsageError, match="fits 2 connections"):
        found.story(twin)
    same(events, 0)


def test_parts_tell_what_the_whole_tells() -> None:
    assert same(lines(4, 150), 4) > 80


@settings(max_examples=15)
@given(events=st.lists(event(), max_size=30).map(placed), seed=st.integers(0, 99))
def test_hostile_parts_tell_what_the_whole_tells(events: list[Line], seed: int) -> None:
    same(events, seed)


def test_only_what_fits_is_kept() -> None:
    found = Sought(["10.0.0.5", "7"])
    tracker = LogTracker()
    some = [
        line
        for n in range(100)
        for line in (
            built(n, n, f"outside:192.0.2.{n}/1000", "inside:10.0.0.5/443"),
            torn(n + 1, n, f"outside:192.0.2.{n}/1000", "inside:10.0.0.5/443"),
        )
    ]
    for batch in batches(sorted(some, key=lambda line: line["ts"]), 10):
        tracker.feed(batch)
    for part in tracker.rest(30):
        found.add(part)
    found.finish({})
    assert found.story("7").row["fw_conn_id"] == 7
    with pytest.raises(UsageError, match="fits 100 connections") as raised:
        found.story("10.0.0.5")
    assert "192.0.2.11:1000" in str(raised.value) and "192.0.2.12:1000" not in str(raised.value)
    (_, fitting), *_ = reversed(found._found["10.0.0.5"])
    assert fitting.alone is None and fitting.first is not None
    assert fitting.first.height == selection.LISTED
