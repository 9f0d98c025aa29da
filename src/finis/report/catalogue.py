"""`finis causes`: the catalogue as a table, or the page of one entry, from `diagnosis.pages`."""

from __future__ import annotations

import re
from typing import Any

from finis.diagnosis.pages import entries, find, level
from finis.diagnosis.pages import page as markdown_page
from finis.report.document import Block, Bullets, Code, Document, Heading, Line, Para, Span, Table

_LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")
_EMPHASIS = re.compile(r"(\*\*|\*|`)(.+?)\1")


def index() -> Document:
    """Every entry: id, name, harm, title."""
    rows: list[list[Line]] = [
        [Span(e.id, "strong"), e.name, level(e.harm), e.title] for e in entries().values()
    ]
    out = Document("finis: causes")
    out.add(Table(["id", "name", "harm", "what"], rows))
    return out


def page(key: str) -> Document:
    """The page of one entry, by id or name; raises UsageError if there is none."""
    out = Document(find(key).id)
    out.add(*blocks(markdown_page(key)))
    return out


def blocks(markdown: str) -> list[Block]:
    """The small Markdown that pages use (headings, paragraphs, bullets, fences) as blocks."""
    out: list[Block] = []
    for chunk in re.split(r"\n{2,}", markdown.strip()):
        lines = chunk.splitlines()
        if lines[0].startswith("#"):
            depth = len(lines[0]) - len(lines[0].lstrip("#"))
            out.append(Heading(_inline(lines[0][depth:].strip()), depth))
            lines = lines[1:]
        if not lines:
            continue
        if lines[0].startswith("```"):
            out.append(Code([line for line in lines if not line.startswith("```")], 2))
        elif lines[0].startswith("    "):
            out.append(Code([line[4:] for line in lines], 2))
        elif lines[0].lstrip().startswith(("* ", "- ")):
            out.append(Bullets(_items(lines), 2))
        elif lines[0].startswith("|"):
            out.append(_table(lines))
        else:
            out.append(Para(_inline(" ".join(line.strip() for line in lines))))
    return out


def _items(lines: list[str]) -> list[Line]:
    items: list[str] = []
    for line in lines:
        if line.startswith(("* ", "- ")):
            items.append(line[2:])
        else:
            items[-1] += " " + line.strip()
    return [_inline(item) for item in items]


def _table(lines: list[str]) -> Table:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return Table(rows[0], [[_inline(cell) for cell in row] for row in rows[2:]])


def _inline(text: str) -> Line:
    """Emphasis and code as spans; links as their text."""
    text = _LINK.sub(r"\1", text)
    out: list[Span | str] = []
    at = 0
    for match in _EMPHASIS.finditer(text):
        out.append(text[at : match.start()])
        style = {"**": "strong", "*": "", "`": "code"}[match.group(1)]
        out.append(Span(match.group(2), style))  # type: ignore[arg-type]
        at = match.end()
    out.append(text[at:])
    return tuple(out)


def catalogue_facts(key: str | None) -> Any:
    """Entries, or one, as JSON values."""
    if key is not None:
        return _fact(find(key)) | {"page": markdown_page(key)}
    return [_fact(entry) for entry in entries().values()]


def _fact(entry: Any) -> dict[str, Any]:
    return {
        "id": entry.id,
        "name": entry.name,
        "title": entry.title,
        "harm": level(entry.harm),
        "confidence": level(entry.confidence),
        "remedy": entry.remedy,
        "references": list(entry.references),
        "not_this": list(entry.not_this),
    }
