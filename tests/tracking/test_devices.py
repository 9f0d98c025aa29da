"""What one firewall's log could have shown: when "never seen" may be claimed."""

from __future__ import annotations

from typing import Any

from finis.tracking.devices import pack, unpack
from tests.tracking.eventlist import CLIENT, SERVER, Line, built, deny, only, torn, track

HOUR = 3600.0
X, Y = "outside:192.0.2.50/5555", "inside:10.0.0.50/80"


def test_packing_keeps_all_three() -> None:
    for packed in ((0, 0, 0), (-(2**62), 2**40 - 1, 1), (1_700_000_000_000_000_000, 12345, 1)):
        assert unpack(pack(*packed)) == packed


def busy(start: float, end: float, step: float = 60.0, first_id: int = 100) -> list[Line]:
    """Other connections, so that the log is seen to be whole."""
    lines, t, number = [], start, first_id
    while t <= end:
        lines += [built(t, number, X, Y), torn(t + 1, number, X, Y, duration_s=1.0)]
        t, number = t + step, number + 1
    return lines


def test_never_seen_where_the_log_could_have_shown_it() -> None:
    row = only([*busy(0, 2 * HOUR), deny(2 * HOUR + 2)])
    assert (row["seen_before"], row["unknown_why"], row["log_row"]) == ("no", None, None)
    assert row["reach_s"] >= HOUR


def unknown(lines: list[Line], **options: Any) -> str:
    row = only(lines, **options)
    assert row["seen_before"] == "unknown"
    return str(row["unknown_why"])


def test_unknown_where_the_log_is_younger_than_the_idle_timer() -> None:
    assert "the log starts 30 min before" in unknown([*busy(0, 1800), deny(1802)])


def test_idle_timer_is_an_option() -> None:
    assert only([*busy(0, 1800), deny(1802)], idle_s=600)["seen_before"] == "no"


def test_unknown_without_built_and_teardown_lines() -> None:
    lines = [deny(t * 60.0, X, Y) for t in range(200)]
    why = unknown([*lines, deny(12_001)])
    assert "no Built (302013) or Teardown (302014) of a TCP connection is logged" in why
    assert "logging trap" in why
    for kind, missing in (("built", "Teardown (302014)"), ("teardown", "Built (302013)")):
        half = [one for one in busy(0, 2 * HOUR) if one["kind"] == kind]
        udp = [deny(-1.0, X, Y), built(0, 5, X, Y, proto="udp"), torn(1, 5, X, Y, proto="udp")]
        assert f"no {missing} of a TCP connection" in unknown([*udp, *half, deny(2 * HOUR + 2)])


def test_unknown_after_a_silence() -> None:
    lines = [*busy(0, 2 * HOUR), *busy(4 * HOUR, 4.5 * HOUR, first_id=300), deny(4.5 * HOUR + 2)]
    assert "silent" in unknown(lines)


def test_unknown_after_a_silence_that_ends_with_the_denial() -> None:
    """The denial itself is the first line after it, and does not confirm that time went on."""
    after = busy(4 * HOUR + 10, 5 * HOUR, first_id=300)
    refused = deny(4 * HOUR, SERVER, CLIENT, "SYN ACK")
    why = "the log is silent for 119 min just before it: lines may be missing"
    for lines in (busy(0, 2 * HOUR), busy(HOUR, 2 * HOUR)):
        for rest in ([], after):
            row = track([*lines, refused, *rest]).denials.row(-1, named=True)
            assert (row["seen_before"], row["unknown_why"], row["reach_s"]) == ("unknown", why, 0)
    # As long as a quiet quarter of an hour it is no silence.
    row = only([*busy(0, 2 * HOUR), deny(2 * HOUR + 800, SERVER, CLIENT, "SYN ACK")])
    assert (row["seen_before"], row["unknown_why"]) == ("no", None)


def test_unknown_where_numbers_are_missing() -> None:
    lines = busy(0, 2 * HOUR)
    for one in lines:
        one["conn_id"] *= 50
    assert "excerpt" in unknown([*lines, deny(2 * HOUR + 2)])


def test_numbers_of_other_protocols_make_skipped_ones_suspicious() -> None:
    lines = busy(0, 2 * HOUR)
    for one in lines:
        one["conn_id"] = one["conn_id"] * 4
    assert only([*lines, deny(2 * HOUR + 2)])["seen_before"] == "no"  # the rest may be UDP
    udp = [built(one["conn_id"] * 15.0, one["conn_id"] + 1, X, Y, proto="udp") for one in lines]
    mixed = sorted([*lines, *[u | {"ts": o["ts"]} for u, o in zip(udp, lines, strict=True)]],
                   key=lambda one: one["ts"])  # fmt: skip
    assert "excerpt" in unknown([*mixed, deny(2 * HOUR + 2)])


def test_unknown_where_built_lines_are_missing() -> None:
    lines = [one for i, one in enumerate(busy(0, 2 * HOUR, step=20)) if i % 6]
    assert "no Built in the log" in unknown([*lines, deny(2 * HOUR + 2)])


def test_unknown_beyond_the_memory() -> None:
    lines = busy(0, 2 * HOUR, step=2)
    for i, one in enumerate(lines):
        one["a_p"] = 1000 + i // 2
    assert "memory ceiling" in unknown([*lines, deny(2 * HOUR + 2)], ended_most=300)
