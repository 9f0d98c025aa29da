"""One connection explained: every renderer and the JSON say the same."""

from __future__ import annotations

import json

import pytest

from finis.report import html, markdown, text
from finis.report.explanation import _signed, document, facts
from finis.report.formats import to_json
from tests.correlation.world import point
from tests.report.told import ABORTED, CLOSED, told


def test_document() -> None:
    one = told(point("lan", CLOSED))
    out = text.render(document(one), width=1000)
    assert out.startswith(f"Connection {one.story.row['conn_id']}\n")
    assert "192.0.2.1:40000 → 198.51.100.1:443   (orig sent the SYN)" in out
    row = one.story.row
    verdict = f"{row['harm']} · {row['confidence']} · {row['cause']} {row['cause_name']}"
    assert f"{one.title[0].upper()}{one.title[1:]}. {verdict}\n" in out
    assert row["cause"] == "END202"
    assert "evidence   · " in out
    assert "Step by step" in out
    assert "paired" not in out


def test_two_points_are_paired_with_offsets() -> None:
    moved = point("outside", "isn C 1000\nisn S 4294967286\n" + CLOSED, file=1)
    one = told(point("inside", CLOSED), moved)
    out = text.render(document(one), width=1000)
    assert "8 segments pair one to one" in out
    assert "sequence numbers at" in out
    (pairing,) = facts(one)["pairings"]
    sign = 1 if pairing["near"] == "outside" else -1
    assert pairing["orig_seq_offset"] == sign * 1000
    assert pairing["resp_seq_offset"] == sign * -10


@pytest.mark.parametrize(
    ("offset", "shown"),
    [(0, "+0"), (1, "+1"), (-1, "-1"), (2**32 - 5, "-5"), (2**31, f"-{2**31}"), (2**33 + 7, "+7")],
)
def test_offsets_are_signed(offset: int, shown: str) -> None:
    assert _signed(offset) == shown


def test_facts_are_json() -> None:
    made = json.loads(to_json(facts(told(point("lan", ABORTED)))))
    assert set(made) == {
        "connection", "title", "claims", "alternatives", "contributing", "remedy", "references",
        "log", "denials", "pairings", "clocks", "steps",
    }  # fmt: skip
    assert [step["flags"] for step in made["steps"]][-1] == "RST ACK"
    assert set(made["steps"][0]) == {
        "ts", "from", "flags", "seq", "ack", "payload_len", "seen", "fate", "proof", "meaning",
    }  # fmt: skip


def test_prints_itself() -> None:
    one = told(point("lan", CLOSED))
    assert str(one) == text.render(document(one))
    assert one._repr_html_() == html.render(document(one))
    assert "Step by step" in markdown.render(document(one))
