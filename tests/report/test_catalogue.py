"""The catalogue on screen."""

from __future__ import annotations

import json

import pytest

from finis.diagnosis.pages import entries
from finis.errors import UsageError
from finis.report.catalogue import blocks, catalogue_facts, index, page
from finis.report.document import Bullets, Code, Document, Heading, Para, Span, Table
from finis.report.formats import to_json
from finis.report.text import render


def test_index_lists_every_entry_within_the_width() -> None:
    out = render(index(), width=100)
    assert all(f"{key} " in out for key in entries())
    assert max(len(line) for line in out.splitlines()) <= 100


@pytest.mark.parametrize("key", ["END302", "server-closed-client-aborted", "end302"])
def test_page_by_id_or_name(key: str) -> None:
    assert page(key).title == "END302"


def test_no_such_page() -> None:
    with pytest.raises(UsageError, match="NOPE"):
        page("NOPE")


def test_every_page_prints() -> None:
    for key in entries():
        out = render(page(key), width=80)
        assert out.startswith(key)
        assert "**" not in out
        assert "](" not in out


def test_markdown() -> None:
    made = blocks(
        "# Title\ntext *with* **weight** and [a link](x.md)\n\n## Next\n\n* one\n* two\n  goes on"
        "\n\n    command\n\n```\nfenced\n```\n\n| a | b |\n|---|---|\n| 1 | `2` |"
    )
    assert [type(block) for block in made] == [Heading, Para, Heading, Bullets, Code, Code, Table]
    plain = render(Document("", made[:4]))
    assert "text with weight and a link" in plain
    assert "· two goes on" in plain
    assert made[4] == Code(["command"], 2)
    assert made[5] == Code(["fenced"], 2)
    (row,) = made[6].rows  # type: ignore[union-attr]
    assert Span("2", "code") in row[1]


def test_facts() -> None:
    every = json.loads(to_json(catalogue_facts(None)))
    assert [entry["id"] for entry in every] == list(entries())
    one = json.loads(to_json(catalogue_facts("END302")))
    assert one["page"].startswith("#")
    assert {key: one[key] for key in every[0]} in every
