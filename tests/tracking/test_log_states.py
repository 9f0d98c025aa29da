"""Firewalls that log states: when a connection is over, and when its entry goes."""

from __future__ import annotations

from typing import Any

import pytest

from finis.terms import Firewall
from finis.tracking.events import LogTracker

from .eventlist import CLIENT, SERVER, Line, built, deny, events, line, rows, seconds, torn, track

WORDS = {
    "SYN_RECV": "syn-timeout", "ESTABLISHED": "unknown", "FIN_WAIT": "fin-timeout",
    "LAST_ACK": "fin-timeout", "TIME_WAIT": "fins", "CLOSE": "reset-side-unknown",
}  # fmt: skip


def state(t: float | None, name: str, conn_id: int | None = 7, a: str = CLIENT, b: str = SERVER,
          **columns: Any) -> Line:  # fmt: skip
    kind = "ended" if name in ("TIME_WAIT", "CLOSE") else "state"
    sure = "stated" if name == "CLOSE" else "implied"
    told = {"reason": name, "teardown": WORDS[name], "certainty": sure, "initiator": "a"}
    return line(t, kind, a, b, conn_id=conn_id, msg_id="UPDATE", **(told | columns))


def gone(t: float | None, conn_id: int | None = 7, **columns: Any) -> Line:
    none = {"duration_s": None, "bytes": None, "teardown": None, "reason": None}
    return torn(t, conn_id, **(none | {"initiator": "a"} | columns))


@pytest.mark.parametrize("number", [7, None])
def test_the_end_is_when_the_last_state_was_entered(number: int | None) -> None:
    out = track([built(0, number), state(1, "ESTABLISHED", number), state(9, "LAST_ACK", number),
                 state(10, "TIME_WAIT", number), gone(131, number)]).connections  # fmt: skip
    assert rows(out, "teardown", "certainty", "reason", "teardown_line") == [
        ("fins", "implied", "TIME_WAIT after LAST_ACK", 4)
    ]
    assert (seconds(out, "teardown_ts"), seconds(out, "removed_ts")) == ([10.0], [131.0])


def test_without_its_removal_it_is_over_all_the_same() -> None:
    out = track([built(0, 7), state(10, "CLOSE")]).connections
    assert rows(out, "teardown", "certainty", "removed_ts") == [
        ("reset-side-unknown", "stated", None)
    ]


@pytest.mark.parametrize(
    ("last", "word"),
    [("SYN_RECV", "syn-timeout"), ("FIN_WAIT", "fin-timeout"), ("ESTABLISHED", "unknown")],
)
def test_a_removal_that_gives_no_reason_has_that_of_the_last_state(last: str, word: str) -> None:
    out = track([built(0, 7), state(5, last), gone(65)]).connections
    assert rows(out, "teardown", "certainty", "reason") == [(word, "implied", last)]
    assert seconds(out, "teardown_ts") == seconds(out, "removed_ts") == [65.0]


def test_a_removal_that_gives_one_is_believed() -> None:
    lines = [built(0, 7), state(5, "ESTABLISHED"), gone(65, teardown="admin", reason="deleted")]
    assert rows(track(lines).connections, "teardown", "certainty") == [("admin", "stated")]


@pytest.mark.parametrize("number", [7, None])
def test_a_late_segment_does_not_open_it_again(number: int | None) -> None:
    out = track([built(0, number), state(10, "TIME_WAIT", number), state(11, "CLOSE", number),
                 gone(21, number)]).connections  # fmt: skip
    assert rows(out, "teardown") == ["fins"]
    assert seconds(out, "teardown_ts") == [10.0]


def test_the_tuple_used_again_while_the_entry_lingers() -> None:
    out = track([built(0, 7), state(10, "TIME_WAIT"), gone(12), built(12, 8), state(20, "CLOSE", 8),
                 gone(30, 8)]).connections  # fmt: skip
    assert rows(out, "fw_conn_id", "teardown") == [(7, "fins"), (8, "reset-side-unknown")]
    assert seconds(out, "removed_ts") == [12.0, 30.0]


def test_a_log_that_starts_late() -> None:
    out = track([state(5, "FIN_WAIT"), state(6, "TIME_WAIT"), gone(126)]).connections
    assert rows(out, "teardown", "orientation", "built_ts", "orig_h") == [
        ("fins", "guessed", None, "192.0.2.9")
    ]
    out = track([gone(126, teardown="idle-timeout")]).connections
    assert rows(out, "teardown", "orientation") == [("idle-timeout", "guessed")]


def test_denials_are_counted_from_the_end_not_from_the_removal() -> None:
    denial = track([built(0, 7), state(10, "TIME_WAIT"), deny(13), gone(131)]).denials
    assert rows(denial, "lag_s", "seen_before", "teardown", "pending_syn") == [
        (3.0, "yes", "fins", False)
    ]
    denial = track([built(0, 7), state(10, "FIN_WAIT"), deny(13)]).denials
    assert rows(denial, "lag_s", "seen_before", "pending_syn") == [(None, "yes", True)]


@pytest.mark.parametrize("number", [7, None])
def test_copies_in_two_files_count_once(number: int | None) -> None:
    lines = [built(0, number), state(5, "FIN_WAIT", number), state(10, "TIME_WAIT", number),
             gone(21, number)]  # fmt: skip
    assert len(track(lines, lines).connections) == 1
    assert rows(track(lines, lines).connections, "teardown") == ["fins"]


def test_lines_without_time_are_followed_in_their_order() -> None:
    out = track([built(None, 7), state(None, "TIME_WAIT"), gone(None)]).connections
    assert rows(out, "teardown", "teardown_ts", "built_ts") == [("fins", None, None)]


def test_numbers_that_are_no_sequence_tell_of_no_loss() -> None:
    lines = [
        one
        for i in range(200)
        for a in [f"outside:192.0.2.9/{i + 1}"]
        for one in (built(i * 30, i * 7919 % 100_003, a), torn(i * 30 + 9, i * 7919 % 100_003, a))
    ]
    lines.append(deny(5999, "inside:10.0.0.9/1"))  # fmt: skip
    whys = []
    for make in (Firewall("x", idle_s=60.0), Firewall("x", idle_s=60.0, numbered=False)):
        tracker = LogTracker()
        tracker.makes["asa.log"] = make
        tracker.feed(events(lines))
        tables = tracker.finish()
        whys.append(tables.denials["unknown_why"][0])
        assert tables.connections["product"].unique().to_list() == ["x"]
        assert tables.denials["product"].to_list() == ["x"]
    assert "lines are missing" in str(whys[0])
    assert whys[1] is None


def test_a_rst_in_the_handshake_is_told_by_the_state_before_it() -> None:
    half = {"teardown": "syn-ack-timeout"}
    lines = [built(0, 7), state(1, "SYN_RECV", **half), state(2, "CLOSE")]
    assert rows(track(lines).connections, "teardown") == ["handshake-reset"]
    done = [built(0, 7), state(1, "SYN_RECV", **half), state(1.5, "ESTABLISHED"), state(2, "CLOSE")]
    assert rows(track(done).connections, "teardown") == ["reset-side-unknown"]


def test_of_states_out_of_order_the_later_one_counts() -> None:
    half = state(1, "SYN_RECV", teardown="syn-ack-timeout")
    lines = [built(0, 7), state(1.5, "ESTABLISHED"), half, state(2, "CLOSE")]
    assert rows(track(lines).connections, "teardown", "reason") == [
        ("reset-side-unknown", "CLOSE after ESTABLISHED")
    ]


def test_an_idle_timeout_is_held_against_the_idle_timer_alone() -> None:
    idle = {"teardown": "idle-timeout", "reason": "ESTABLISHED, its timer ran out"}
    early = [built(0, 7), state(1, "ESTABLISHED", teardown="idle-timeout", duration_s=432_000.0),
             gone(355, **idle)]  # fmt: skip
    assert rows(track(early).connections, "teardown") == ["unacked-timeout"]
    other = [built(0, 7), state(1, "SYN_RECV", teardown="syn-ack-timeout", duration_s=60.0),
             gone(10, **idle)]  # fmt: skip
    assert rows(track(other).connections, "teardown") == ["idle-timeout"]
