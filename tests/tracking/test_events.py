"""Built and Teardown lines to connections; files, copies and clocks."""

from __future__ import annotations

import random
from pathlib import Path

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from finis.tables import DENIAL_FACTS, DENIALS, LOG_CONNECTIONS, polars_schema
from finis.tracking.events import LogOptions, LogTracker
from tests.tracking.eventlist import (
    Line,
    batches,
    built,
    deny,
    events,
    facts,
    line,
    log,
    rows,
    torn,
    track,
)

EXAMPLE = Path(__file__).parents[2] / "examples/too-many-resets/asa.log"
HOUR = 3600.0
UNSIDED = "reset-side-unknown"


def test_nothing_gives_empty_tables_of_the_right_shape() -> None:
    out = LogTracker().finish()
    assert out.connections.schema == polars_schema(LOG_CONNECTIONS)
    assert out.denials.schema == polars_schema(DENIALS) | polars_schema(DENIAL_FACTS)
    assert out.connections.is_empty() and out.denials.is_empty()


# --- several files -----------------------------------------------------------------------------


@settings(max_examples=30)
@given(size=st.integers(1, 40), cut=st.integers(0, 60), seed=st.integers(0, 5))
def test_batch_size_and_rotation_do_not_matter(size: int, cut: int, seed: int) -> None:
    lines = log(seed=seed)
    whole = track(lines)
    parts = track(lines[cut:], lines[:cut], size=size)  # the later file first
    assert facts(parts.connections) == facts(whole.connections)
    assert facts(parts.denials) == facts(whole.denials)
    sized = track(lines, size=size)
    assert sized.connections.equals(whole.connections)
    assert sized.denials.equals(whole.denials)


@settings(max_examples=30)
@given(order=st.permutations(range(4)), seed=st.integers(0, 5), size=st.sampled_from((3, 16, 999)))
def test_order_of_files_does_not_matter(order: list[int], seed: int, size: int) -> None:
    dealt: list[list[Line]] = [[], [], [], []]
    for i, one in enumerate(log(seed=seed)):
        dealt[random.Random(i).randrange(4)].append(one)
    names = ["d.log", "c.log", "b.log", "a.log"]
    first = track(*dealt, names=names, size=size)
    again = track(*(dealt[i] for i in order), names=[names[i] for i in order], size=size)
    assert again.connections.equals(first.connections)
    assert again.denials.equals(first.denials)
    assert first.connections["teardown"].ne("still-open").all()


@settings(max_examples=20)
@given(seed=st.integers(0, 5), size=st.sampled_from((3, 16, 999)), later=st.integers(0, 30))
def test_a_file_read_twice_changes_no_count(seed: int, size: int, later: int) -> None:
    lines = log(seed=seed)
    once = track(lines)
    twice = track(lines, lines[later:], names=["a.log", "b.log"], size=size)
    assert facts(twice.connections) == facts(once.connections)
    counted = twice.denials.filter(pl.col("duplicate_of").is_null())
    assert facts(counted) == facts(once.denials)
    copies = twice.denials.filter(pl.col("duplicate_of").is_not_null())
    assert len(copies) == sum(one["kind"] == "deny" for one in lines[later:])
    first = counted.select(pl.col("row").alias("duplicate_of"), "src_h", "dst_p", "lag_s")
    joined = copies.join(first, on="duplicate_of", how="left", suffix="_first")
    assert joined["dst_p"].equals(joined["dst_p_first"])
    assert joined["lag_s"].equals(joined["lag_s_first"])


def test_equal_denials_within_one_file_are_real() -> None:
    out = track([deny(1), deny(1), deny(1)]).denials
    assert rows(out, "duplicate_of", "repeat", "repeats") == [(None, i, 3) for i in range(3)]


def test_a_line_counts_as_often_as_the_file_that_has_it_most() -> None:
    out = track([deny(1), deny(1)], [deny(1), deny(1), deny(1)], names=["a", "b"]).denials
    assert out["duplicate_of"].null_count() == 3


def test_both_units_of_a_pair_count_once() -> None:
    lines = [deny(1, device="a"), deny(1, device="b")]
    out = track(lines, devices={"a": "pair", "b": "pair"}).denials
    assert rows(out, "duplicate_of") == [None, 0]
    assert rows(track(lines).denials, "duplicate_of") == [None, None]


def test_copies_are_marked_in_the_events_too() -> None:
    lines = [built(0, 7), torn(9, 7), deny(9)]
    doubled = [one for one in lines for _ in range(2)]
    for i, one in enumerate(doubled):
        one = doubled[i] = dict(one)
        one["file"] = "ab"[i % 2]
    batch = events(doubled)
    LogTracker().feed(batch)
    assert batch["duplicate_of"] == [None, 0, None, 2, None, 4]


# --- clocks ------------------------------------------------------------------------------------


def test_end_of_summer_time_is_followed() -> None:
    before = [built(0, 1), torn(10, 1), *(deny(20 + i) for i in range(3))]
    after = [deny(30 + i - HOUR) for i in range(3)]
    out = track(before + after)
    assert rows(out.denials, "seen_before") == ["yes"] * 6
    assert rows(out.denials, "lag_s") == [10.0, 11.0, 12.0, 20.0, 21.0, 22.0]
    assert any("one hour" in note for note in out.notes)


def test_step_back_begins_a_new_epoch() -> None:
    lines = [
        built(0, 1),
        torn(10, 1),
        deny(12),
        *(built(-9000 + i, 50 + i, "x:1.1.1.1/1", "y:2.2.2.2/2") for i in range(3)),
        deny(-8990),
    ]
    out = track(lines)
    assert rows(out.denials, "seen_before") == ["yes", "unknown"]
    assert "steps back" in str(out.denials["unknown_why"][1])
    assert out.devices[0].counts.epochs == 1


def test_one_stray_stamp_moves_no_clock() -> None:
    for stray in (80 * 365 * 86400, -40 * 365 * 86400):
        lines = [built(0, 1), torn(10, 1), built(stray, 2, "x:1.1.1.1/1", "y:2.2.2.2/2"), deny(11)]
        out = track(lines)
        assert rows(out.denials, "seen_before", "lag_s") == [("yes", 1.0)]
        assert out.devices[0].counts.epochs == 0


def test_a_line_with_a_stray_stamp_has_no_lag() -> None:
    for stray in (-7200, 80 * 365 * 86400):
        out = track([built(0, 1), torn(10, 1), deny(stray), deny(11)])
        assert rows(out.denials, "seen_before", "lag_s") == [("yes", None), ("yes", 1.0)]
        assert any("not believed" in note for note in out.notes)


def test_two_lines_of_one_second_confirm_a_step() -> None:
    back = line(-7200, "context", None, None)
    out = track([built(0, 1), torn(10, 1), back, deny(-7200)])
    assert out.devices[0].counts.epochs == 1
    assert rows(out.denials, "seen_before") == ["unknown"]


def test_lines_without_a_stamp_take_their_place() -> None:
    out = track([built(0, 1), torn(None, 1), deny(None), deny(3)])
    assert rows(out.connections, "teardown", "teardown_ts") == [("fins", None)]
    assert rows(out.denials, "seen_before", "lag_s") == [("yes", None), ("yes", 3.0)]


# --- bounds and hostile input --------------------------------------------------------------------


def test_memory_is_bounded() -> None:
    options = LogOptions(ended_most=2000, open_most=500, lines_most=1000)
    tracker = LogTracker(options=options)
    lines = []
    for i in range(8_000):
        a = f"o:10.{i >> 8 & 255}.{i & 255}.1/{i % 60000 + 1}"
        lines += [built(i / 100, i, a), deny(i / 100, a, "s:9.9.9.9/1")]
        if i % 2:
            lines.append(torn(i / 100, i, a))
    for batch in batches(lines, 4096):
        tracker.feed(batch)
    device = tracker.devices["fw"]
    assert len(device.open) <= 500 and len(device.open_tuples) <= 500
    assert len(device.ended) + len(device.expired) <= 2000
    assert all(len(r) <= 1000 for r in (device.lines, device.watch, device.torn, device.permits))
    out = tracker.finish()
    assert len(out.connections) == 8_000
    assert any("forgotten" in note for note in out.notes)


def test_many_device_names_are_bounded() -> None:
    options = LogOptions(devices_most=10)
    out = track([built(i, i, device=f"d{i}") for i in range(100)], options=options)
    assert len(out.devices) == 11
    assert len(out.connections) == 100


ODD = st.one_of(
    st.none(), st.integers(-(2**70), 2**70), st.integers(0, 5), st.floats(), st.just("")
)


@settings(max_examples=50)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "ts": st.one_of(st.none(), st.integers(-(2**62), 2**62), st.integers(0, 9)),
                "kind": st.sampled_from(
                    ["built", "teardown", "deny", "permit", "failover", "icmp", "x", None]
                ),
                "proto": st.sampled_from(["tcp", "udp", None]),
                "conn_id": st.one_of(st.none(), st.integers(0, 3), st.integers(-(2**70), 2**70)),
                "a_h": st.sampled_from(["1.1.1.1", "2.2.2.2", None]),
                "b_h": st.sampled_from(["1.1.1.1", "2.2.2.2", None]),
                "a_p": st.one_of(st.none(), st.integers(-(2**70), 2**70), st.integers(0, 3)),
                "b_p": st.one_of(st.none(), st.integers(0, 3)),
                "duration_s": ODD,
                "bytes": ODD,
                "hit_count": ODD,
                "line": ODD,
                "device": st.sampled_from(["a", "b", None]),
                "file": st.sampled_from(["f", "g", None]),
                "direction": st.sampled_from(["inbound", "outbound", None, "x"]),
                "teardown": st.sampled_from(["fins", UNSIDED, "idle-timeout", None, "x"]),
                "teardown_side": st.sampled_from(["a", "b", "device", None, "x"]),
            }
        ),
        max_size=30,
    )
)
def test_nothing_a_dialect_gives_can_crash_it(lines: list[Line]) -> None:
    out = track(lines, size=7)
    # A denial without any readable address says nothing of anyone: counted, but no row.
    denied = [one for one in lines if one["kind"] in ("deny", "icmp")]
    assert len(out.denials) == sum(bool(one["a_h"] or one["b_h"]) for one in denied)
    again = track(lines, size=3)
    assert again.connections.equals(out.connections)
    assert again.denials.equals(out.denials)


# --- the reference case --------------------------------------------------------------------------


def test_reference_case() -> None:
    from datetime import UTC

    from finis.wire.dialects import cisco_asa
    from finis.wire.source import Points, Reading, Source

    tracker = LogTracker()
    source = Source(0, str(EXAMPLE), Points(), "asa")
    with EXAMPLE.open("rb") as stream:
        for batch in cisco_asa.read(stream, source, Reading(UTC)):
            tracker.feed(batch)
    out = tracker.finish()
    row = out.connections.row(0, named=True)
    assert row["fw_conn_id"] == 47772320
    assert (row["orig_h"], row["orig_p"]) == ("203.0.113.147", 43918)
    assert (row["resp_h"], row["resp_p"]) == ("172.17.77.250", 443)
    assert (row["teardown"], row["teardown_by"]) == ("fins", "resp")
    assert (row["denials_after"], row["first_denial_lag_s"]) == (1, 0.0)
    denial = out.denials.row(0, named=True)
    assert (denial["line"], denial["flags"], denial["interface"]) == (3, "RST", "INSIDE")
    assert (denial["conn_id"], denial["teardown_reason"]) == (47772320, "TCP FINs")
    assert (denial["from_side"], denial["lag_s"], denial["seen_before"]) == ("resp", 0.0, "yes")
    assert (denial["teardown_line"], denial["built_line"]) == (2, 1)
    assert rows(out.connections, "teardown_by")[1] == "orig"
