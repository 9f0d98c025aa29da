"""The kernel that follows events says what the reference says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finis.tracking import eventrow
from finis.tracking import events as module
from finis.tracking.devices import LogOptions
from finis.tracking.events import LogTracker
from finis.wire.dialects import _packed

from .eventlist import CLIENT, NS, SERVER, START, Line, batches, built, deny, line, torn

pytestmark = pytest.mark.skipif(module._kernel() is None, reason="no kernel is built")

OTHER = "outside:192.0.2.9/40001"
NAMED = "outside:client.example/40002"
ENDS = st.sampled_from((CLIENT, CLIENT, SERVER, OTHER, NAMED, None))
SMALL = LogOptions(open_most=3, lines_most=8, ended_most=6, devices_most=2)
KINDS = (
    "state", "ended", "context", "permit", "failover", "icmp", "xlate-built", "limit", "threat",
)  # fmt: skip


@st.composite
def event(draw: st.DrawFn) -> Line:
    step = draw(st.sampled_from((0, 0, 0, 0.001, 1, 3, 7, 20, 70, 2000, -2, -400, -3600, -90000)))
    a, b = draw(st.sampled_from(((CLIENT, SERVER),) * 6 + ((SERVER, CLIENT),))) if draw(
        st.integers(0, 5)
    ) else (draw(ENDS), draw(ENDS))  # fmt: skip
    number = draw(st.sampled_from((1, 2, 3, 3, 4, 5, 900, None)))
    common = {
        "step": None if draw(st.integers(0, 40)) == 0 else step,
        "device": draw(st.sampled_from(("fw",) * 8 + ("fw2", "fw3", None))),
        "proto": draw(st.sampled_from(("tcp",) * 9 + ("udp",))),
        "severity": 6, "text_ok": "full", "hit_count": 1,
    }  # fmt: skip
    kind = draw(st.sampled_from(("built", "built", "torn", "torn", "deny", "state", *KINDS)))
    if kind == "state":
        return line(
            0, draw(st.sampled_from(("state", "state", "ended"))), a, b, **common, conn_id=number,
            reason=draw(st.sampled_from(("FIN_WAIT", "CLOSE", None))), initiator="a",
            teardown=draw(st.sampled_from(("fin-timeout", "reset-side-unknown", None))),
            certainty=draw(st.sampled_from(("implied", None))),
        )  # fmt: skip
    if kind == "built":
        mapped = {}
        if draw(st.integers(0, 3)) == 0:
            mapped = {"mapped_b": draw(st.sampled_from(("203.0.113.5/443", "10.0.0.5/443")))}
            if draw(st.booleans()):
                mapped["mapped_a"] = draw(st.sampled_from(("203.0.113.9/7", "192.0.2.9/40000")))
        return built(
            0, number, a, b, direction=draw(st.sampled_from(("inbound", "outbound", None))),
            initiator=draw(st.sampled_from(("a", "b", "unknown"))), **common, **mapped,
            flags=draw(st.sampled_from((None, "state-bypass"))),
        )  # fmt: skip
    if kind == "torn":
        return torn(
            0, number, a, b, **common,
            duration_s=draw(st.sampled_from((0.0, 3.0, 10.0, 2.5, None, float("inf"), 5, 5e9))),
            **draw(st.sampled_from(({}, {}, {}, {"line": None}, {"line": 2**40}))),
            teardown=draw(st.sampled_from(("fins", "reset-side-unknown", "idle-timeout", None))),
            teardown_side=draw(st.sampled_from(("a", "b", "device", "unknown"))),
            reason_by=draw(st.sampled_from(("I", "O", "inside", None))),
            certainty=draw(st.sampled_from((None, None, "implied"))),
        )  # fmt: skip
    if kind == "deny":
        return deny(0, a, b, draw(st.sampled_from(("RST", "ACK"))), **common)
    return line(
        0, kind, a, b, **common, msg_id="104001",
        a_mapped_h=draw(st.sampled_from((None, "203.0.113.9"))), a_mapped_p=40000,
    )  # fmt: skip


def placed(events: list[Line]) -> list[Line]:
    """With stamps that go on from line to line."""
    at, out = 0, []
    for one in events:
        step = one["step"]
        at += round((step or 0) * NS)
        stamp = None if step is None else START * NS + at
        out.append({k: v for k, v in one.items() if k != "step"} | {"ts": stamp})
    return out


def followed(lines: list[Line], fast: bool, options: LogOptions, size: int) -> tuple[Any, ...]:
    tracker = LogTracker(options=options, pure=not fast)
    copies = []
    for batch in batches(lines, size):
        tracker.feed(batch)
        copies.append(batch["duplicate_of"])
    tables = tracker.finish()
    frames = (tables.connections.to_dict(as_series=False), tables.denials.to_dict(as_series=False))
    return copies, frames, tables.notes, tables.devices, tracker.events


@settings(max_examples=100)
@given(
    st.lists(event(), min_size=1, max_size=40),
    st.sampled_from((LogOptions(), SMALL)),
    st.integers(1, 50),
)
def test_kernel_is_the_reference(events: list[Line], options: LogOptions, size: int) -> None:
    lines = placed(events)
    assert followed(lines, True, options, size) == followed(lines, False, options, size)


@settings(max_examples=100)
@given(
    st.lists(event(), min_size=1, max_size=40),
    st.sampled_from((LogOptions(), SMALL)),
    st.integers(1, 50),
)
def test_copies_alone_are_those_of_the_reference(
    events: list[Line], options: LogOptions, size: int
) -> None:
    lines = placed(events)
    copies, _, _, devices, count = followed(lines, False, options, size)
    alone = followed(lines, True, replace(options, only_copies=True), size)
    assert (alone[0], alone[3], alone[4]) == (copies, devices, count)


def test_nothing_is_kept_where_only_copies_are_asked_for() -> None:
    tracker = LogTracker(options=LogOptions(only_copies=True))
    for batch in batches(busy(300), 50):
        tracker.feed(batch)
        assert tracker.ready == 0
    assert not tracker.finish().denials.height


def parts_of(
    lines: list[Line], options: LogOptions, size: int, most: int, takes: list[bool]
) -> tuple[Any, ...]:
    """As `followed`, by the kernel, with what is complete taken now and then."""
    tracker = LogTracker(options=options)
    copies, parts = [], []
    for i, batch in enumerate(batches(lines, size)):
        tracker.feed(batch)
        copies.append(batch["duplicate_of"])
        while takes[i % len(takes)] and tracker.ready:
            part = tracker.take(most)
            assert part is not None
            assert max(len(part.connections), int((part.denials["at"] < 0).sum())) <= most
            parts.append(part)
    parts += tracker.rest(most)
    tables = tracker.tables(parts)
    frames = (tables.connections.to_dict(as_series=False), tables.denials.to_dict(as_series=False))
    return copies, frames, tables.notes, tables.devices, tracker.events


@pytest.mark.parametrize("codes", [_packed.MOST, 4])
@settings(max_examples=100)
@given(
    st.lists(event(), min_size=1, max_size=60),
    st.sampled_from((LogOptions(), SMALL)),
    st.integers(1, 20),
    st.integers(1, 20),
    st.lists(st.booleans(), min_size=1, max_size=5),
)
def test_what_is_taken_is_complete(
    codes: int, events: list[Line], options: LogOptions, size: int, most: int, takes: list[bool]
) -> None:
    lines = placed(events)
    with mock.patch.object(_packed, "MOST", codes):
        got = parts_of(lines, options, size, most, takes)
    assert got == followed(lines, False, options, size)


def busy(count: int) -> list[Line]:
    """Connections of ten hosts, each of which is refused something after it."""
    lines: list[Line] = []
    for n in range(count):
        client = f"outside:192.0.2.{n % 10}/{1024 + n}"
        lines.append(built(n, n + 1, client, initiator="a"))
        lines.append(torn(n + 0.5, n + 1, client))
        lines.append(deny(n + 0.7, SERVER, client, "PSH ACK" if n % 3 else "ACK"))
    return lines


def test_connections_leave_while_the_log_is_read() -> None:
    tracker = LogTracker(options=LogOptions(ended_s=60.0, expired_s=60.0))
    held, parts = 0, []
    for batch in batches(busy(2000), 100):
        tracker.feed(batch)
        if tracker.ready:
            parts.append(tracker.take())
        taken = sum(len(part.connections) for part in parts if part is not None)
        held = max(held, tracker.lives.count - taken)
    assert held < 500
    rows = np.concatenate([part.connections for part in (*parts, *tracker.rest()) if part])
    assert len(rows) == 2000 and (rows["denials_after"] == 1).all()
    assert rows["data_denied"].sum() == 1333 and rows["acks_denied"].sum() == 667


def test_denials_wait_for_their_connection_only_under_a_ceiling() -> None:
    lines = busy(300)
    tracker = LogTracker(options=LogOptions(denials_most=100))
    for batch in batches(lines, 50):
        tracker.feed(batch)
    tables = tracker.finish()
    expected = followed(lines, False, LogOptions(), 50)[1]
    assert tables.connections.to_dict(as_series=False) == expected[0]
    alone = tables.denials["conn_id"].null_count()
    assert alone > 0 and tables.denials["lag_s"].null_count() == 0
    assert any(note.startswith(f"{alone} denials are told without") for note in tables.notes)


def test_which_denials_wait_does_not_hang_on_batches() -> None:
    lines = busy(300)
    told = []
    for size in (7, 50, 900):
        tracker = LogTracker(options=LogOptions(denials_most=20, ended_s=90.0, expired_s=90.0))
        parts = []
        for batch in batches(lines, size):
            tracker.feed(batch)
            while tracker.ready:
                parts.append(tracker.take(5))
        tables = tracker.tables([part for part in (*parts, *tracker.rest()) if part])
        told.append((tables.connections.rows(), sorted(map(repr, tables.denials.rows()))))
    assert told[0] == told[1] == told[2]
    assert any("denials are told without" in note for note in tables.notes)


def test_what_is_forgotten_leaves_its_tables() -> None:
    """Many times more connections than are remembered, of two firewalls, some translated."""
    lines: list[Line] = []
    for n in range(3000):
        client = f"outside:192.0.2.{n % 200}/{1024 + n // 3}"
        mapped = {"mapped_a": f"203.0.113.{n % 7}/{1024 + n}"} if n % 5 == 0 else {}
        device = {"device": f"fw{n % 2}"}
        how = "idle-timeout" if n % 4 == 0 else "fins"
        lines.append(built(n, n, client, initiator="a", **mapped, **device))
        lines.append(torn(n + 0.5, n, client, teardown=how, **device))
        if n % 3 == 0:
            lines.append(deny(n + 0.7 + n % 90, SERVER, client, **device))
    lines.sort(key=lambda one: one["ts"])
    options = LogOptions(ended_s=100.0, expired_s=400.0, ended_most=300, lines_most=200)
    assert followed(lines, True, options, 100) == followed(lines, False, options, 100)


def test_plain_lines_are_taken_by_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[Line] = []
    for n in range(100):
        client = f"outside:192.0.2.9/{1024 + n}"
        lines.append(built(n, n + 1, client, initiator="a"))
        lines.append(line(n, "context", client, SERVER))
        lines.append(torn(n + 0.5, n + 1, client))
    expected = followed(lines, False, LogOptions(), 1000)

    def never(*_: Any) -> None:
        raise AssertionError("asked the reference")

    monkeypatch.setattr(LogTracker, "_take", never)
    assert followed(lines, True, LogOptions(), 1000) == expected


def test_a_log_that_begins_in_mid_life(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of Teardowns have no Built; some come before theirs: these alone are left to the
    reference."""
    lines: list[Line] = []
    for n in range(6000):
        client = f"outside:192.0.2.9/{1024 + n}"
        lines.append(torn(n / 50, 100_000 + n, client))  # no Built, or below
        lines.append(built(n / 50, n + 1, client, initiator="a"))
        if n % 100 == 7:
            lines.append(built(n / 50 + 0.01, 100_000 + n, client, initiator="a"))
    expected = followed(lines, False, LogOptions(), 500)
    asked: list[str] = []
    take = LogTracker._take

    def noted(tracker: LogTracker, *line: Any) -> Any:
        asked.append(line[-1][eventrow.KIND])
        return take(tracker, *line)

    monkeypatch.setattr(LogTracker, "_take", noted)
    assert followed(lines, True, LogOptions(), 500) == expected
    assert asked == ["built"] * 60


def test_more_teardowns_than_may_wait() -> None:
    lines: list[Line] = []
    for n in range(10_500):
        client = f"outside:192.0.2.9/{1024 + n}"
        lines.append(torn(n / 5000, 100_000 + n, client, duration_s=n % 7))
        if n % 50 == 0 and n > 10_000:
            lines.append(deny(n / 5000, client, SERVER))
        if n % 3:  # waits no more
            lines.append(built(n / 5000, 100_000 + n, client, initiator="a"))
    for n in range(0, 10_500, 2):
        lines.append(torn(3, 200_000 + n, f"outside:192.0.2.9/{1024 + n}"))
    assert followed(lines, True, LogOptions(), 500) == followed(lines, False, LogOptions(), 500)
