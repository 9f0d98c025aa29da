"""Built and Teardown lines to connections, and who ended them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tracking.eventlist import CLIENT, SERVER, built, deny, rows, seconds, torn, track

UNSIDED = "reset-side-unknown"


def test_built_and_teardown_are_one_connection() -> None:
    out = track([built(0, 7), torn(10, 7)]).connections
    assert len(out) == 1
    row = out.row(0, named=True)
    assert (row["orig_h"], row["orig_p"], row["orig_if"]) == ("192.0.2.9", 40000, "outside")
    assert (row["resp_h"], row["resp_p"], row["resp_if"]) == ("10.0.0.5", 443, "inside")
    assert (row["built_line"], row["teardown_line"], row["teardown"]) == (1, 2, "fins")
    assert (row["bytes"], row["duration_s"], row["denials_after"]) == (1000, 10.0, 0)
    assert (row["orientation"], row["fw_conn_id"], row["device"]) == ("log", 7, "fw")


def test_outbound_is_opened_by_the_second_endpoint() -> None:
    row = track([built(0, 7, direction="outbound")]).connections.row(0, named=True)
    assert (row["orig_h"], row["resp_h"]) == ("10.0.0.5", "192.0.2.9")


def test_without_teardown_it_is_still_open() -> None:
    out = track([built(0, 7)]).connections
    assert rows(out, "teardown", "teardown_ts", "denials_after") == [("still-open", None, None)]


@pytest.mark.parametrize(
    ("a", "b", "orig"),
    [
        ("192.0.2.9/40000", "10.0.0.5/443", "192.0.2.9"),
        ("10.0.0.5/443", "192.0.2.9/40000", "192.0.2.9"),
        ("10.0.0.5/5000", "192.0.2.9/5000", "10.0.0.5"),
    ],
)
def test_late_start_guesses_the_server_by_its_port(a: str, b: str, orig: str) -> None:
    out = track([torn(100, 7, a, b, duration_s=30.0), deny(200)]).connections
    assert rows(out, "orig_h", "orientation", "built_file") == [(orig, "guessed", None)]
    assert seconds(out, "built_ts") == [70.0]


@pytest.mark.parametrize("duration", [-5.0, float("nan"), float("inf"), 1e300, None, "x"])
def test_absurd_duration_is_no_duration(duration: Any) -> None:
    out = track([torn(100, 7, duration_s=duration)]).connections
    assert rows(out, "duration_s", "built_ts") == [(None, None)]


def test_number_used_again_is_a_new_connection() -> None:
    other = "outside:192.0.2.77/1234"
    out = track([built(0, 7), built(900, 7, other), torn(910, 7, other)]).connections
    assert rows(out, "orig_h", "teardown") == [
        ("192.0.2.9", "still-open"),
        ("192.0.2.77", "fins"),
    ]


def test_teardown_of_another_tuple_does_not_end_it() -> None:
    other = "outside:192.0.2.77/1234"
    out = track([built(0, 7), torn(900, 7, other)]).connections
    assert rows(out, "orig_h", "teardown", "orientation") == [
        ("192.0.2.9", "still-open", "log"),
        ("192.0.2.77", "fins", "guessed"),
    ]


def test_teardown_may_name_the_endpoints_the_other_way_round() -> None:
    out = track([built(0, 7), torn(9, 7, SERVER, CLIENT, teardown_side="a")]).connections
    assert rows(out, "teardown", "teardown_by") == [("fins", "resp")]


def test_teardown_before_its_built_waits_for_it() -> None:
    out = track([torn(1, 7, duration_s=0.0), built(1, 7)]).connections
    assert rows(out, "orientation", "built_line", "teardown_line") == [("log", 2, 1)]


def test_other_unit_of_a_pair_ends_it_under_its_own_number() -> None:
    lines = [built(0, 7, device="a"), torn(60, 9, device="b", duration_s=60.0)]
    out = track(lines, devices={"a": "pair", "b": "pair"}).connections
    assert rows(out, "device", "fw_conn_id", "teardown") == [("pair", 7, "fins")]


def test_but_only_if_it_is_as_old_as_the_teardown_says() -> None:
    out = track([built(0, 7), torn(60, 9, duration_s=3.0)]).connections
    assert rows(out, "fw_conn_id", "teardown") == [(7, "still-open"), (9, "fins")]


def test_same_number_and_tuple_much_later_is_a_new_connection() -> None:
    out = track([built(0, 7), built(100, 7), torn(110, 7)]).connections
    assert rows(out, "teardown") == ["still-open", "fins"]


def test_devices_are_apart_unless_united() -> None:
    lines = [built(0, 7, device="a"), torn(9, 7, device="b")]
    assert len(track(lines).connections) == 2
    assert len(track(lines, devices={"b": "a"}).connections) == 1


def test_lines_without_addresses_invent_nothing() -> None:
    out = track([built(0, 7, None, None), torn(1, 7, None, None), deny(1, None, None)])
    assert out.connections.is_empty()
    # Nothing can be said of a denial without any address: it is counted, and no row.
    assert out.denials.is_empty()
    assert any("3 Built, Teardown or denial lines" in note for note in out.notes)


def test_other_protocols_are_no_connections() -> None:
    out = track([built(0, 7, proto="udp"), torn(1, 7, proto="udp")])
    assert out.connections.is_empty()


def test_state_bypass_is_marked() -> None:
    out = track([built(0, 7, flags="state-bypass"), built(0, 8, "x:1.1.1.1/1")]).connections
    assert rows(out, "state_bypass") == [True, False]


# --- who ended it ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("direction", "teardown", "side", "reason_by", "expected"),
    [
        # I is the higher security level, O the lower: inbound was opened from the lower one.
        ("inbound", UNSIDED, "unknown", "O", ("reset-orig", "orig")),
        ("inbound", UNSIDED, "unknown", "I", ("reset-resp", "resp")),
        ("outbound", UNSIDED, "unknown", "I", ("reset-orig", "orig")),
        ("outbound", UNSIDED, "unknown", "O", ("reset-resp", "resp")),
        # An interface named in the line outranks the level.
        ("inbound", UNSIDED, "b", "inside", ("reset-resp", "resp")),
        ("outbound", UNSIDED, "b", "inside", ("reset-orig", "orig")),
        ("inbound", UNSIDED, "unknown", None, (UNSIDED, "unknown")),
        (None, UNSIDED, "unknown", "O", (UNSIDED, "unknown")),
        ("inbound", "reset-device", "device", None, ("reset-device", "device")),
        ("inbound", "fins", "a", "outside", ("fins", "orig")),
        ("inbound", "fins", "b", "inside", ("fins", "resp")),
        ("outbound", "fins", "a", "outside", ("fins", "resp")),
        ("inbound", "fins", "unknown", None, ("fins", "unknown")),
        ("inbound", "idle-timeout", None, None, ("idle-timeout", "device")),
        ("inbound", "unknown", None, None, ("unknown", "unknown")),
        ("inbound", None, None, None, ("unknown", "unknown")),
    ],
)
def test_teardown_is_laid_to_a_side(
    direction: str | None, teardown: str | None, side: str | None, reason_by: str | None,
    expected: tuple[str, str],
) -> None:  # fmt: skip
    ended = torn(9, 7, teardown=teardown, teardown_side=side, reason_by=reason_by)
    out = track([built(0, 7, direction=direction), ended]).connections
    assert rows(out, "teardown", "teardown_by") == [expected]


def test_level_says_nothing_where_the_direction_is_guessed() -> None:
    out = track([torn(9, 7, teardown=UNSIDED, reason_by="O")]).connections
    assert rows(out, "teardown", "teardown_by") == [(UNSIDED, "unknown")]


def test_a_long_silence_is_noted_with_its_place() -> None:
    late = 60 + 2 * 3600  # one stamp alone could be damaged: the next line confirms it
    noted = track([built(0, 7), torn(60, 7), built(late, 8), torn(late + 1, 8)]).notes
    assert any(
        "silent for more than 15 min 1 time" in note and "2 h from" in note for note in noted
    )
    assert not any("silent" in note for note in track([built(0, 7), torn(800, 7)]).notes)
