"""Denials, joined to what preceded them."""

from __future__ import annotations

import pytest

from finis.tracking.events import LogTracker
from tests.tracking.eventlist import (
    CLIENT,
    SERVER,
    batches,
    built,
    deny,
    line,
    only,
    rows,
    torn,
    track,
)

HOUR = 3600.0
X, Y = "outside:192.0.2.50/5555", "inside:10.0.0.50/80"


# --- the connection before it --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("src", "dst", "side"),
    [(SERVER, CLIENT, "resp"), (CLIENT, SERVER, "orig")],
)
@pytest.mark.parametrize("direction", ["inbound", "outbound"])
def test_same_tuple_in_either_direction(src: str, dst: str, side: str, direction: str) -> None:
    row = only([built(0, 7, direction=direction), torn(10, 7), deny(13, src, dst)])
    assert (row["conn_id"], row["lag_s"], row["seen_before"]) == (7, 3.0, "yes")
    other = {"orig": "resp", "resp": "orig"}[side]
    assert row["from_side"] == (side if direction == "inbound" else other)
    assert (row["conn_duration_s"], row["conn_bytes"]) == (10.0, 1000)
    assert (row["teardown"], row["teardown_line"], row["built_line"]) == ("fins", 2, 1)


@pytest.mark.parametrize("server", ["10.0.0.5/443", "198.51.100.1/8443"])
@pytest.mark.parametrize("client", ["192.0.2.9/40000", "172.16.0.9/61000"])
@pytest.mark.parametrize("turned", [False, True])
def test_real_or_mapped_addresses(server: str, client: str, turned: bool) -> None:
    first = built(0, 7, mapped_a="172.16.0.9/61000", mapped_b="198.51.100.1/8443")
    ends = (client, server) if turned else (server, client)
    row = only([first, torn(10, 7), deny(10, *ends)])
    assert (row["conn_id"], row["lag_s"]) == (7, 0.0)
    assert row["from_side"] == ("orig" if turned else "resp")


def test_addresses_of_a_translation_logged_on_its_own() -> None:
    xlate = line(0, "xlate-built", CLIENT, None, a_mapped_h="172.16.0.9", a_mapped_p=61000)
    row = only([xlate, built(0, 7), torn(10, 7), deny(11, SERVER, "o:172.16.0.9/61000")])
    assert (row["conn_id"], row["from_side"], row["lag_s"]) == (7, "resp", 1.0)


def test_another_port_is_another_connection() -> None:
    row = only([built(0, 7), torn(10, 7), deny(10, "inside:10.0.0.5/444", CLIENT)])
    assert (row["conn_id"], row["lag_s"], row["from_side"]) == (None, None, None)


def test_the_last_of_several_counts() -> None:
    lines = [built(0, 7), torn(10, 7), built(20, 8), torn(30, 8, bytes=5), deny(31)]
    row = only(lines)
    assert (row["conn_id"], row["lag_s"], row["conn_bytes"]) == (8, 1.0, 5)


def test_a_teardown_logged_after_it_is_waited_for() -> None:
    row = only([built(0, 7), deny(10), torn(10, 7)])
    assert (row["conn_id"], row["lag_s"], row["teardown_line"]) == (7, 0.0, 3)
    assert row["pending_syn"] is False
    row = only([built(0, 7), deny(10), torn(11, 7)])  # a tick of the clock
    assert (row["conn_id"], row["lag_s"], row["pending_syn"]) == (7, -1.0, False)


def test_but_not_for_long() -> None:
    for later in (12, 14, 16):  # stamps and order of lines say that it was open
        row = only([built(0, 7), deny(10), torn(later, 7)])
        assert (row["lag_s"], row["teardown"], row["teardown_line"]) == (None, None, None)
        assert (row["pending_syn"], row["seen_before"], row["conn_id"]) == (True, "yes", 7)
        assert row["built_line"] == 1


def test_where_stamps_and_order_of_lines_disagree_the_order_counts() -> None:
    row = only([built(0, 7), torn(13, 7), deny(10)])
    assert (row["conn_id"], row["lag_s"], row["pending_syn"]) == (7, -3.0, False)
    row = only([built(0, 7), deny(13), torn(10, 7)])
    assert (row["conn_id"], row["lag_s"], row["pending_syn"]) == (7, 3.0, False)


def test_a_teardown_of_a_later_connection_is_not_before_it() -> None:
    row = only([deny(10), built(11, 7), torn(12, 7)])
    assert (row["conn_id"], row["lag_s"], row["syn_after_s"]) == (None, None, 1.0)


def test_teardown_without_built_is_joined_too() -> None:
    for when, lag in ((100, 0.0), (103, 3.0), (200, 100.0)):
        row = only([torn(100, 7, duration_s=50.0), deny(when)])
        assert (row["seen_before"], row["lag_s"]) == ("yes", lag)
        assert (row["teardown_line"], row["built_file"]) == (1, None)


def test_denial_that_follows_a_reused_tuple_at_once_belongs_to_the_one_before() -> None:
    row = only([built(0, 7), torn(10, 7), built(11, 8), deny(11)])
    assert (row["conn_id"], row["lag_s"], row["pending_syn"]) == (7, 1.0, False)
    assert row["syn_after_s"] == 0.0


def test_denial_long_after_a_reused_tuple_belongs_to_the_open_one() -> None:
    row = only([built(0, 7), torn(10, 7), built(11, 8), deny(40)])
    assert (row["conn_id"], row["lag_s"], row["pending_syn"]) == (8, None, True)


def test_next_built_of_the_tuple_is_looked_for() -> None:
    lines = [built(0, 7), torn(10, 7), deny(11), built(15, 8), built(20, 9, X, Y)]
    assert only(lines)["syn_after_s"] == 4.0
    turned = [built(0, 7), torn(10, 7), deny(11), built(15, 8, SERVER, CLIENT, "outbound")]
    assert only(turned)["syn_after_s"] == 4.0
    late = [built(0, 7), torn(10, 7), deny(11), built(90, 8)]
    assert only(late)["syn_after_s"] is None


def test_a_built_logged_too_early_is_still_the_next_one() -> None:
    row = only([built(12, 7), deny(10)])
    assert (row["conn_id"], row["pending_syn"], row["syn_after_s"]) == (None, False, 2.0)


@pytest.mark.parametrize(("first", "second"), [("fins", "idle-timeout"), ("idle-timeout", "fins")])
def test_the_last_counts_however_they_ended(first: str, second: str) -> None:
    row = only(
        [built(0, 7), torn(10, 7, teardown=first), built(20, 8), torn(30, 8, teardown=second),
         deny(33)]
    )  # fmt: skip
    assert (row["conn_id"], row["lag_s"], row["teardown"]) == (8, 3.0, second)


def test_a_tuple_taken_over_stays_open_when_its_first_owner_ends() -> None:
    row = only([built(0, 7), built(20, 8), torn(25, 7, duration_s=25.0), deny(60)])
    assert (row["conn_id"], row["pending_syn"]) == (8, True)


def test_repeats_are_counted_since_the_teardown() -> None:
    lines = [
        built(0, 7), torn(10, 7), deny(10), deny(11), deny(11, flags="ACK"), deny(12),
        built(20, 8), torn(30, 8), deny(31),
    ]  # fmt: skip
    out = track(lines).denials
    assert rows(out, "flags", "repeat", "repeats") == [
        ("RST", 0, 4), ("RST", 1, 4), ("ACK", 0, 4), ("RST", 2, 4), ("RST", 0, 1),
    ]  # fmt: skip
    connections = track(lines).connections
    assert rows(connections, "denials_after", "first_denial_lag_s") == [(4, 0.0), (1, 1.0)]


@pytest.mark.parametrize(
    ("how", "after", "known"),
    [
        ("fins", 3000, True),
        ("fins", 3 * HOUR, False),
        ("idle-timeout", 20 * HOUR, True),
        ("fin-timeout", 20 * HOUR, True),
        ("idle-timeout", 40 * HOUR, False),
    ],
)
def test_ended_connections_are_remembered_as_long_as_they_matter(
    how: str, after: float, known: bool
) -> None:
    lines = [built(0, 7), torn(10, 7, teardown=how)]
    t = 10.0
    while t < 10 + after:  # a log that goes on
        t += 600
        lines += [built(t, 10 + len(lines), X, Y), torn(t, 9 + len(lines), X, Y)]
    row = only([*lines, deny(10 + after)])
    assert (row["seen_before"] == "yes") is known
    if known:
        assert row["lag_s"] == after


@pytest.mark.parametrize("proto", ["udp", "icmp", None])
def test_other_protocols_have_no_state_to_know(proto: str | None) -> None:
    row = only([built(0, 7), torn(10, 7), deny(10, proto=proto)])
    assert (row["seen_before"], row["unknown_why"], row["log_row"]) == ("unknown", "not TCP", None)


# --- kinds, permits, failover --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "proto", "kind"),
    [
        ("state", "tcp", "state"),
        ("policy", "tcp", "policy"),
        ("policy", "icmp", "policy"),
        ("limit", "udp", "limit"),
        ("state", "icmp", "icmp"),
        (None, "icmp6", "icmp"),
        (None, "tcp", "other"),
        (None, None, "other"),
    ],
)
def test_kind_is_what_the_dialect_says(said: str | None, proto: str | None, kind: str) -> None:
    assert only([deny(0, denial_kind=said, proto=proto)])["kind"] == kind


def test_icmp_error_is_joined_to_the_connection_it_quotes() -> None:
    quoted = line(11, "icmp", CLIENT, SERVER, msg_id="313005")
    row = only([built(0, 7), torn(10, 7), quoted])
    assert (row["kind"], row["proto"], row["conn_id"], row["lag_s"]) == ("icmp", "icmp", 7, 1.0)


def test_a_permit_just_before_is_named_not_held_against_it() -> None:
    permit = line(9, "permit", SERVER, CLIENT, msg_id="106100", acl="in")
    row = only([permit, deny(10)])
    assert (row["permitted_by"], row["permitted_line"]) == ("in", 1)
    assert only([permit, deny(20)])["permitted_by"] is None
    assert only([permit, deny(10, CLIENT, SERVER)])["permitted_by"] is None


def test_failover_before_it() -> None:
    switch = line(100, "failover", None, None, msg_id="104001", proto=None)
    assert only([switch, deny(130)])["failover_s"] == 30.0
    for quiet in ("104004", "210005"):
        assert only([{**switch, "msg_id": quiet}, deny(130)])["failover_s"] is None
    assert only([switch, deny(130, device="other")])["failover_s"] is None


def test_counts_and_interface_are_kept() -> None:
    row = only([deny(0, msg_id="106100", acl="in", hit_count=17)])
    assert (row["count"], row["acl"], row["interface"], row["unit"]) == (17, "in", "inside", "line")
    assert only([deny(0)])["count"] == 1


# --- the whole log -------------------------------------------------------------------------------


def test_population() -> None:
    scan = [deny(i, "o:203.0.113.1/4000", f"i:10.0.0.{i % 3}/{i}") for i in range(12)]
    fan = [deny(20 + i, f"o:198.51.100.{i}/4000", "i:10.0.0.1/1") for i in range(5)]
    empty = [
        built(40, 1, "o:203.0.113.1/1", "i:10.0.0.9/9"),
        torn(41, 1, "o:203.0.113.1/1", "i:10.0.0.9/9", bytes=0, teardown="syn-timeout"),
    ]
    out = track([*scan, *fan, *empty]).denials
    assert rows(out, "src_fanout")[0] == 12 and rows(out, "src_fanout")[12] == 1
    assert rows(out, "src_refused")[0] == 13 and rows(out, "src_refused")[12] == 1
    assert rows(out, "dst_fanin")[12:] == [6] * 5  # the scan met that port too
    assert rows(out, "dst_opened")[0] == 0


def test_what_a_destination_opened_itself() -> None:
    row = only([built(0, 7), torn(9, 7), deny(10)])
    assert row["dst_opened"] == 1
    assert only([deny(10)])["dst_opened"] is None  # no connections are logged: nothing to tell


@pytest.mark.parametrize(
    ("device", "mapped", "host", "found"),
    [
        ("fw", "198.51.100.1/1024", "198.51.100.1", True),
        ("fw", "198.51.100.1/1024", "198.51.100.2", False),
        ("fw", "10.0.0.7/1024", "10.0.0.7", False),  # the port alone is translated
        ("fw2", "198.51.100.1/1024", "198.51.100.1", False),  # another firewall does
    ],
)
def test_a_destination_that_only_the_firewall_sends_from(
    device: str, mapped: str, host: str, found: bool
) -> None:
    ends = "outside:192.0.2.50/443", "inside:10.0.0.7/40000"
    out = track([
        built(0, 7, *ends, "outbound", mapped_b=mapped, device=device),
        torn(9, 7, *ends, device=device),
        built(0, 8, "outside:192.0.2.50/443", "inside:10.0.0.8/40000", "outbound"),
        torn(9, 8, "outside:192.0.2.50/443", "inside:10.0.0.8/40000"),
        deny(10, "outside:192.0.2.99/443", f"inside:{host}/5"),
    ])  # fmt: skip
    assert rows(out.denials, "dst_mapped") == [found]


def test_a_line_that_repeats_without_end_is_not_remembered_without_end() -> None:
    tracker = LogTracker(pure=True)
    for batch in batches([deny(0)] * 3000, 500):
        tracker.feed(batch)
    ((_, firsts),) = tracker.devices["fw"].lines.values()
    assert len(firsts) == 1000
    denials = tracker.finish().denials
    assert len(denials) == 3000 and denials["duplicate_of"].null_count() == 3000
