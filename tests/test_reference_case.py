"""The reference case says, and proves, what is known of it (docs/reference-case.md)."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from finis import read
from finis.pipeline import Case
from finis.report import comparison, explanation, text
from finis.report.diagnosis import document, facts
from finis.report.formats import to_json

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples/too-many-resets"
STRIPPED = ROOT / "tests/data/reference/stripped.txt"
DIRTY, CONTROL = "203.0.113.147:43918", "192.0.2.167:3954"


@cache
def case() -> Case:
    return read([EXAMPLE])


@cache
def told(connection: str) -> explanation.Explanation:
    return case().explain(connection)


def row(connection: str) -> dict[str, object]:
    host, port = connection.split(":")
    found = case().connections.filter(orig_h=host, orig_p=int(port))
    assert len(found) == 1
    return found.to_dicts()[0]


def said(connection: str) -> str:
    """All that is claimed of a connection, with proofs, on one line."""
    return " ".join(text.render(explanation.document(told(connection)), width=10_000).split())


def test_two_connections_and_one_denial() -> None:
    assert len(case().connections) == 2
    assert len(case().denials) == 1


def test_dirty_close() -> None:
    dirty = row(DIRTY)
    assert (
        dirty
        | {
            "points": "outside,inside",
            "orientation": "log",
            "ended": "reset",
            "first_fin": "resp",
            "fin_by": "both",
            "first_rst": "orig",
            "rst_by": "both",
            "orig_rst_class": "abort",
            "orig_rst_answers": "none",
            "resp_rst_class": "no-state",
            "resp_rst_answers": "fin",
            "orig_close_notify": "unseen",
            "ending": "<F >. >F >R <R!",
            "fw_conn_id": 47772320,
            "teardown_reason": "TCP FINs",
            "log_bytes": 107244,
            "cause_name": "server-closed-client-aborted",
            "confidence": "certain",
            "harm": "harmless",
        }
        == dirty
    )
    assert "END311" in str(dirty["contributing"]).split(",")


def test_control_is_peaceful() -> None:
    control = row(CONTROL)
    assert (
        control
        | {
            "ended": "closed",
            "first_fin": "orig",
            "fin_by": "both",
            "first_rst": "none",
            "rst_by": "none",
            "resp_close_notify": "likely",
            "ending": ">F <Da <F >. >.",
            "fw_conn_id": 49008818,
            "cause_name": "client-closed-first",
            "harm": "harmless",
        }
        == control
    )


def test_offsets_and_the_one_segment_without_twin() -> None:
    (pairing,) = explanation.facts(told(DIRTY))["pairings"]
    assert pairing["near"] == "outside"
    assert pairing["resp_seq_offset"] == 1029468219
    assert pairing["orig_seq_offset"] == -26810058
    assert pairing["pairs"] == 4
    (vanished,) = pairing["vanished"]
    assert vanished.endswith("inside.txt#33750")
    assert not pairing["created"]
    assert not pairing["unjudged"]
    # Clocks and transit agree within a tick of the firewall's stamps, some 15 µs.
    assert abs(pairing["clock_ns"]) <= 15_258
    assert pairing["clock_slack_ns"] <= 15_258


def test_denial_is_that_segment() -> None:
    denial = case().verdicts.rows["denials"].lazy().collect().to_dicts()[0]
    assert denial["line"] == 3
    assert denial["conn_id"] == 47772320
    assert denial["lag_s"] == 0
    assert denial["seen_before"] == "yes"
    assert str(denial["segment_file"]).endswith("inside.txt")
    assert denial["segment_frame"] == 33750
    assert denial["segment_rst_class"] == "no-state"
    assert denial["segment_answers"] == "fin"
    assert denial["cause_name"] == "rst-of-host-without-state"
    assert denial["confidence"] == "certain"
    assert denial["harm"] == "harmless"


@pytest.mark.parametrize(
    "statement",
    [
        "closed first: FIN (SEQ 2320205170), about 2 min 2 s after the firewall built",
        "it was acknowledged 45.2 ms later",
        "sent its own FIN 2.54 s after that, 2.49 s after it had acknowledged it",
        "991843172 = 991843171 + 1",
        "window 0",
        "A RST is never answered with a RST, so it answers the client's FIN",
        "RFC 9293 §3.10.7.1",
        "held no state for the connection, 2.54 s after its own FIN",
        "overtook its FIN",
        "A missing close_notify cannot make a TCP stack send a RST",
        "a close with unread bytes looks like. Only possible here",
        "sysopt connection timewait",
        "whether it also holds one that ended FIN, FIN, RST is not documented",
        "message 106015",
        "FIN-WAIT-2",
        "inside.txt#33750",
        "asa.log:3",
    ],
)
def test_statements_about_the_dirty_close(statement: str) -> None:
    assert statement in said(DIRTY)


def test_control_says_close_notify_is_likely() -> None:
    assert "31 bytes" in said(CONTROL)
    assert "close_notify" in said(CONTROL)


def test_compare_parts_at_the_answer_to_the_first_fin() -> None:
    facts = comparison.facts(told(DIRTY), told(CONTROL))
    assert facts["part_at"] == 1
    assert facts["part"].startswith("At the answer to the first FIN")
    out = text.render(comparison.document(told(DIRTY), told(CONTROL)))
    assert "alert" in out
    assert "✕ dropped" in out


def test_report_says_it_is_no_problem() -> None:
    out = text.render(document(case()))
    assert "Not a problem" in out
    made = to_json(facts(case()))
    assert '"harm": "harmless"' in made


def test_log_alone_is_harmless_likely_with_a_command_that_would_prove_it() -> None:
    alone = read([EXAMPLE / "asa.log"])
    denial = alone.denials.to_dicts()[0]
    assert (denial["harm"], denial["confidence"]) == ("harmless", "likely")
    (finding,) = [item for item in alone.found if item.denials]
    assert any(
        command.startswith("capture ") and "match tcp host 203.0.113.147" in command
        for command in finding.commands
    )


def test_every_stripped_line_is_reported_and_nothing_is_invented() -> None:
    stripped = read([STRIPPED])
    assert len(stripped.connections) == 0
    assert len(stripped.denials) == 0
    told_lines: set[int] = set()
    for source in stripped.sources:
        for _, _, first in source.problems:
            for position in first:
                start, _, end = position.removeprefix("line ").partition("-")
                told_lines |= set(range(int(start), int(end or start) + 1))
    assert told_lines == set(range(1, 22))
