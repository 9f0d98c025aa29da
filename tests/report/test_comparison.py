"""Where two endings part, told by who closed first."""

from __future__ import annotations

from finis.report.comparison import document, facts, moves, parting
from finis.report.explanation import Explanation
from finis.report.formats import to_json
from finis.report.text import render
from tests.correlation.world import log, logged, point
from tests.report.told import ABORTED, CLOSED, told

MIRRORED = (
    CLOSED.replace("C > S", "X").replace("S > C", "C > S").replace("X", "S > C")
)  # the client answers, the server opens: the same close from the other side


def said(first: Explanation, second: Explanation) -> str:
    return render(document(first, second), width=1000)


def test_moves_are_told_by_role() -> None:
    assert [move.key for move in moves(told(point("lan", CLOSED)))] == [
        ("A", "FIN"),
        ("B", "ACK of FIN"),
        ("B", "FIN"),
        ("A", "ACK of FIN"),
    ]


def test_retransmissions_are_left_out() -> None:
    ack = "+.010  C > S  .  101:101(0) ack 2"
    again = CLOSED.replace(ack, "+.3 S > C F. 1:1(0) ack 101\n" + ack)
    assert again != CLOSED
    plain, repeated = moves(told(point("lan", CLOSED))), moves(told(point("lan", again)))
    assert [m.key for m in plain] == [m.key for m in repeated]


def test_the_same_close_from_the_other_side_does_not_part() -> None:
    one, other = told(point("lan", CLOSED)), told(point("wan", MIRRORED))
    assert one.story.row["first_fin"] == "resp"
    left, right = moves(one), moves(other)
    assert parting(left, right) == len(left) == len(right)
    assert "They end alike: every step of the ending is the same." in said(one, other)


def test_where_a_reset_parts_from_a_close() -> None:
    one, other = told(point("lan", CLOSED)), told(point("lan", ABORTED))
    assert parting(moves(one), moves(other)) == 2
    text = said(one, other)
    assert "After 2 equal steps: B sends FIN after 510 ms against B sends RST after 510 ms." in text
    assert "≠  +510 ms" in text
    made = facts(one, other)
    assert made["part_at"] == 2
    assert [move["what"] for move in made["second"]["ending"]] == ["FIN", "ACK of FIN", "RST"]
    to_json(made)


def test_one_that_ends_earlier_parts_at_its_end() -> None:
    short = CLOSED[: CLOSED.index("+.5")]
    one, other = told(point("lan", CLOSED)), told(point("lan", short))
    assert parting(moves(one), moves(other)) == 2
    assert "against nothing more." in said(one, other)


def test_without_packets_only_facts_are_compared() -> None:
    logs = log(logged(
        fw_conn_id=7, orig="192.0.2.1:40000", resp="198.51.100.1:443",
        built_at="2024-05-01T12:00:00", teardown_at="2024-05-01T12:00:01",
        teardown="fins", reason="TCP FINs", duration_s=1.0, bytes=100,
    ))  # fmt: skip
    one, other = told(point("lan", CLOSED)), told(log=logs)
    text = said(one, other)
    name = other.story.row["conn_id"]
    assert f"No packets of {name} were captured" in text
    assert "Where they part" not in text
    assert facts(one, other)["part_at"] is None


def test_one_without_an_ending_is_told_from_its_beginning() -> None:
    closed = told(point("lan", CLOSED))
    opened = told(point("wan", "".join(CLOSED.splitlines(keepends=True)[:4])))
    assert [move.key for move in moves(opened)][:2] == [("A", "SYN"), ("B", "SYN ACK")]
    text = said(opened, closed)
    assert "At the very first step: A sends SYN after 0 s against A sends FIN after 0 s." in text
    name = opened.story.row["conn_id"]
    assert f"{name} shows no FIN and no RST: its steps begin with its first segment, by A." in text
    assert "shows no FIN" not in said(closed, told(point("wan", MIRRORED)))
