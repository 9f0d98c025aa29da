"""The generated pages say what the code says, and the committed ones are current."""

import re
from pathlib import Path

import pytest

from finis import tables
from finis.diagnosis import pages
from finis.diagnosis.cause import SECTIONS
from finis.errors import UsageError

DOCS = Path(__file__).parents[2] / "docs"


def test_committed_pages_are_current() -> None:
    """If this fails, run ``python -m finis.diagnosis.pages`` and commit docs/."""
    wanted = pages.documents()
    stale = [
        name
        for name, text in wanted.items()
        if not (DOCS / name).exists() or (DOCS / name).read_text(encoding="utf-8") != text
    ]
    left_over = [
        path.name for path in (DOCS / "causes").glob("*.md") if f"causes/{path.name}" not in wanted
    ]
    assert (stale, left_over) == ([], [])


def test_every_page_has_every_section_filled() -> None:
    for key in pages.entries():
        text = pages.page(key)
        parts = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)
        assert tuple(parts[1::2]) == SECTIONS, key
        assert all(len(part.strip()) > 3 for part in parts[2::2]), key
        assert text.startswith(f"# {key} ")
        assert "{" not in text, f"{key}: a placeholder was not replaced"


def test_links_lead_to_pages() -> None:
    wanted = pages.documents()
    for name, text in wanted.items():
        for target in re.findall(r"\]\(((?:END|DNY|PAT)\d{3}\.md)\)", text):
            assert f"causes/{target}" in wanted, (name, target)
        if re.match(r"causes/[A-Z]", name):
            for key in re.findall(r"(?<!\[)\b(?:END|DNY|PAT)\d{3}\b(?!\.md)", text):
                assert name == f"causes/{key}.md", f"{name} names {key}, which does not exist"


def test_index_lists_each_entry_once() -> None:
    text = pages.index()
    for key, entry in pages.entries().items():
        assert text.count(f"| [{key}]({key}.md) | {entry.name} |") == 1


def test_ids_and_names_are_unique_over_all_shelves() -> None:
    entries = pages.entries()
    names = [entry.name for entry in entries.values()]
    assert len(names) == len(set(names))
    assert {key[:3] for key in entries} == set(pages.SHELVES)


def test_find_takes_id_or_name_and_says_what_is_unknown() -> None:
    assert pages.find("dny205").id == "DNY205"
    assert pages.find(" DNY205 ").id == "DNY205"
    assert pages.find(pages.find("PAT101").name).id == "PAT101"
    with pytest.raises(UsageError, match="no cause 'XYZ'"):
        pages.page("XYZ")


def test_tables_page_names_every_column() -> None:
    text = pages.tables_page()
    for columns in (tables.CONNECTIONS, tables.DENIALS, tables.FINDINGS, tables.EVENTS):
        for column in columns:
            assert f"| `{column.name}` |" in text
    assert all(line.count(" | ") == 2 for line in text.splitlines() if line.startswith("| `"))


def test_write_removes_pages_of_causes_that_are_gone(tmp_path: Path) -> None:
    gone = tmp_path / "causes" / "DNY000.md"
    gone.parent.mkdir()
    gone.write_text("old")
    assert gone in pages.write(tmp_path)
    assert not gone.exists()
    assert (tmp_path / "causes" / "DNY205.md").exists()
    assert pages.write(tmp_path) == []
