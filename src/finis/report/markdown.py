"""A document as Markdown (CommonMark with tables); input cannot become markup."""

from __future__ import annotations

import re

from finis.report.document import (
    Block,
    Bullets,
    Code,
    Document,
    Heading,
    Line,
    Para,
    Pre,
    Table,
    clean,
    spans,
)

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&!])")


def render(document: Document) -> str:
    """The document as Markdown text."""
    return "\n\n".join("\n".join(_block(block)) for block in document.blocks) + "\n"


def _inline(line: Line) -> str:
    out = []
    for span in spans(line):
        text = clean(span.text)
        escaped = _SPECIAL.sub(r"\\\1", text)
        if span.style in ("code", "proof") and "`" not in text and text.strip():
            out.append(f"`{text}`")
        elif span.style in ("strong", "harmful") and text.strip():
            out.append(f"**{escaped}**")
        else:
            out.append(escaped)
    return "".join(out)


def _fenced(lines: list[str]) -> list[str]:
    """A code fence longer than any run of backticks inside."""
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [fence, *lines, fence]


def _block(block: Block) -> list[str]:
    if isinstance(block, Heading):
        return [f"{'#' * block.level} {_inline(block.line)}"]
    if isinstance(block, Para):
        return [_inline(block.line)]
    if isinstance(block, Bullets):
        lead = f"*{block.label}:* " if block.label else ""
        return [f"- {lead}{_inline(line)}" for line in block.lines]
    if isinstance(block, Code):
        return _fenced([clean(line) for line in block.lines])
    if isinstance(block, Pre):
        plain = ["".join(clean(span.text) for span in spans(line)) for line in block.lines]
        return _fenced(plain)
    return _table(block)


def _table(block: Table) -> list[str]:
    align = block.align.ljust(len(block.header), "l")
    rule = ["---:" if side == "r" else "---" for side in align]
    rows = [[_SPECIAL.sub(r"\\\1", head) or " " for head in block.header], rule]
    rows += [[_inline(cell) for cell in row] for row in block.rows]
    return ["| " + " | ".join(row) + " |" for row in rows]
