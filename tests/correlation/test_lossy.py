"""What several points and the log say together where one of them missed something."""

from __future__ import annotations

import pytest

from finis.correlation.correlate import correlate
from tests.correlation.world import denials, denied, log, point

KNOCK = """
name C 10.1.1.1:40000
name S 198.51.100.1:443
start 2024-05-01T12:00:00
+0       C > S  S   0:0(0) win 64240 <mss 1460,sackOK>
+1       C > S  S   0:0(0) win 64240 <mss 1460,sackOK>
"""

# Seconds, sender, segment; as a firewall between two points forwards it.
SERVER_FIRST = [
    (0.00, "C", "S   0:0(0) win 64240 <mss 1460,sackOK>"),
    (0.01, "S", "S.  0:0(0) ack 1 win 65535 <mss 1460>"),
    (0.02, "C", ".   1:1(0) ack 1"),
    (0.03, "C", "P.  1:101(100) ack 1"),
    (0.06, "S", "P.  1:1001(1000) ack 101"),
    (0.07, "C", ".   101:101(0) ack 1001"),
    (1.07, "S", "F.  1001:1001(0) ack 101"),
    (1.08, "C", "F.  101:101(0) ack 1002"),
    (1.09, "S", ".   1002:1002(0) ack 102"),
]
PASSAGE_S = 0.0004


def seen(rows: list[tuple[float, str, str]], inside: bool, miss: tuple[int, ...] = ()) -> str:
    """The script of what one point saw: inside, the server's segments come first."""
    lines = ["name C 10.1.1.1:40000", "name S 198.51.100.1:443", "start 2024-05-01T12:00:00"]
    timed = [
        (at + (PASSAGE_S if inside == (who == "C") else 0.0), who, what)
        for n, (at, who, what) in enumerate(rows)
        if n not in miss
    ]
    now = 0.0
    for at, who, what in sorted(timed):
        lines.append(f"+{at - now:.6f} {who} > {'S' if who == 'C' else 'C'}  {what}")
        now = at
    return "\n".join(lines) + "\n"


def refused(at: str, **facts: object) -> dict[str, object]:
    return denied(at=at, src="10.1.1.1:40000", dst="198.51.100.1:443", **facts)


def test_a_denial_without_flags_refuses_the_syns_of_a_connection_never_answered() -> None:
    """An access list's line names no flags; it is asked about first segments only."""
    lines = [refused(f"2024-05-01T12:00:0{n}", line=n) for n in (0, 1)]
    case = correlate([point("outside", KNOCK)], log(), denials(*lines))
    assert case.denials["segment_frame"].to_list() == [1, 2]
    row = case.table.row(0, named=True)
    assert (row["o_dropped"], row["o_syns"], row["ended"]) == (2, 2, "unanswered")


@pytest.mark.parametrize("swap", [False, True])
def test_a_fin_that_one_capture_missed_still_was_the_first(swap: bool) -> None:
    one = point("outside", seen(SERVER_FIRST, inside=False, miss=(6,)), file=0)
    two = point("inside", seen(SERVER_FIRST, inside=True), file=1)
    case = correlate([two, one] if swap else [one, two], log(), denials())
    row = case.table.row(0, named=True)
    assert (row["n_points"], row["first_fin"], row["fin_by"]) == (2, "resp", "both")
    assert row["ended"] == "closed"
    assert row["capture_loss"] is True


def test_captures_without_gaps_are_not_called_lossy() -> None:
    points = [
        point(name, seen(SERVER_FIRST, inside=name == "inside"), file=at)
        for at, name in enumerate(("outside", "inside"))
    ]
    row = correlate(points, log(), denials()).table.row(0, named=True)
    assert (row["capture_loss"], row["first_fin"]) == (False, "resp")


def test_the_first_rst_is_the_one_sent_first_not_the_one_seen_first() -> None:
    """The two cross on their way: the server's answer to the FIN meets the client's RST."""
    begin = [*SERVER_FIRST[:7], (1.08, "C", ".  101:101(0) ack 1002")]
    end = [(4.0, "C", "F.  101:101(0) ack 1002"), (4.0001, "C", "R.  102:102(0) ack 1002")]
    answer = (4.00045, "S", "R   1002:1002(0)")  # between the two, as the inside sees them
    outside = point("outside", seen([*begin, *end], inside=False), file=0)
    inside = point("inside", seen([*begin, *end, answer], inside=True), file=1)
    row = correlate([outside, inside], log(), denials()).table.row(0, named=True)
    assert (row["n_points"], row["rst_by"], row["first_rst"]) == (2, "both", "orig")


def test_a_denied_ack_that_carries_data_is_known_for_what_it_is() -> None:
    """A full-sized segment has no PSH: the log calls it ACK, the capture shows its payload."""
    rows = [*SERVER_FIRST[:6], (1.0, "C", "R.  101:101(0) ack 1001"),
            (1.2, "S", ".   1001:2381(1380) ack 101")]  # fmt: skip
    line = denied(
        at="2024-05-01T12:00:01", src="198.51.100.1:443", dst="10.1.1.1:40000", flags="ACK", line=3
    )
    case = correlate([point("inside", seen(rows, inside=True))], log(), denials(line))
    assert case.denials["segment_payload"].to_list() == [1380]


def test_what_was_acknowledged_was_not_refused() -> None:
    """The denied ACK came in outside; the capture inside shows only data that arrived."""
    rows = [
        (0.00, "C", "S   0:0(0) win 64240 <mss 1460,sackOK>"),
        (0.01, "S", "S.  0:0(0) ack 1 win 65535 <mss 1460>"),
        (0.02, "C", ".   1:1381(1380) ack 1"),
        (0.03, "S", ".   1:1(0) ack 1381"),
        (0.04, "S", "R.  1:1(0) ack 1381"),
    ]
    line = denied(
        at="2024-05-01T12:00:00", src="10.1.1.1:40000", dst="198.51.100.1:443", flags="ACK", line=3
    )
    case = correlate([point("inside", seen(rows, inside=True))], log(), denials(line))
    assert case.denials["segment_payload"].to_list() == [None]
    assert case.denials["segment_frame"].to_list() == [None]


CLIENT_GIVES_UP = [
    *SERVER_FIRST[:6],
    (1.07, "C", "F.  101:101(0) ack 1001"),
    (1.08, "C", "R.  102:102(0) ack 1001"),
]


@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize("cut", ["outside", "inside"])
def test_who_stopped_before_the_end_is_not_asked_for_it(cut: str, flipped: bool) -> None:
    """The capture nearest to the client, or to the server, ended before the FIN and the RST."""
    rows = CLIENT_GIVES_UP
    if flipped:
        turn = str.maketrans("CS", "SC")
        rows = [*rows[:6], *((at, who.translate(turn), what) for at, who, what in rows[6:])]
        numbers = {"101": "1001", "102": "1002"}
        rows[6] = (1.07, "S", "F.  1001:1001(0) ack 101")
        rows[7] = (1.08, "S", f"R.  {numbers['102']}:{numbers['102']}(0) ack 101")
    points = [
        point(name, seen(rows[: 6 if name == cut else 8], inside=name == "inside"), file=at)
        for at, name in enumerate(("outside", "inside"))
    ]
    row = correlate(points, log(), denials()).table.row(0, named=True)
    side, letter = ("resp", "r") if flipped else ("orig", "o")
    # That a RST ended it is told by who received it: where that capture had ended, nobody tells.
    sender = "inside" if flipped else "outside"
    assert (row["ended"], row["reset_by"]) == (
        ("reset", side) if cut == sender else ("half-closed", "none")
    )
    assert row["first_fin"] == side
    assert (row[f"{letter}_fin"], row[f"{letter}_rsts"]) == (True, 1)
    assert row[f"{letter}_rst_after_own_fin_s"] == pytest.approx(0.01)


@pytest.mark.parametrize(("stops", "lacking"), [(2, True), (9, False)])
def test_two_taps_of_which_one_stopped_lack_a_direction(stops: int, lacking: bool) -> None:
    """Outside: both directions, or their beginning alone; inside: what the client sent."""
    outside = point("outside", seen(SERVER_FIRST[:stops], inside=False), file=0)
    server = tuple(n for n, (_, who, _) in enumerate(SERVER_FIRST) if who == "S")
    inside = point("inside", seen(SERVER_FIRST, inside=True, miss=server), file=1)
    row = correlate([outside, inside], log(), denials()).table.row(0, named=True)
    assert (row["n_points"], row["capture_loss"]) == (2, lacking)


def test_who_closed_first_is_told_where_both_fins_are_shown() -> None:
    """Outside shows one direction, inside both, in stamps that make the client's FIN the first."""
    server = tuple(n for n, (_, who, _) in enumerate(SERVER_FIRST) if who == "S")
    late = [(at + (0.03 if who == "S" else 0), who, what) for at, who, what in SERVER_FIRST]
    shown = {"outside": seen(SERVER_FIRST, inside=False, miss=server), "inside": seen(late, True)}
    hops = {"outside": 64, "inside": 63}  # of what the client sends
    points = [
        point(name, "\n".join(f"{line} ttl={hops[name]}" if "C >" in line else line
                              for line in script.splitlines()), file=at)
        for at, (name, script) in enumerate(shown.items())
    ]  # fmt: skip
    row = correlate(points, log(), denials()).table.row(0, named=True)
    assert (row["points"], row["first_fin"]) == ("outside,inside", "resp")
