"""A document as one HTML page without scripts or outside resources; every string is escaped."""

from __future__ import annotations

import re
from html import escape

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

_CODE = re.compile("`([^`]+)`")  # applied after escaping

CSS = """
:root{color-scheme:light dark;--dim:#6b7280;--line:#d1d5db}
:root{--bad:#b91c1c;--warn:#a16207;--good:#15803d}
@media(prefers-color-scheme:dark){
:root{--dim:#9ca3af;--line:#374151;--bad:#f87171;--warn:#facc15;--good:#4ade80}}
body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem}
h1,h2,h3{line-height:1.2;margin:1.4em 0 .4em}
h1{font-size:1.6rem;border-bottom:1px solid var(--line)}
h2{font-size:1.15rem}h2 .dim{font-weight:400}
table{border-collapse:collapse;margin:.5em 0;display:block;overflow-x:auto}
th,td{text-align:left;padding:.15em .9em .15em 0;white-space:nowrap}
th{color:var(--dim);font-weight:500}
td.r,th.r{text-align:right}
pre{overflow-x:auto;padding:.7em;border:1px solid var(--line);border-radius:6px}
.dim,.proof{color:var(--dim)}.harmful{color:var(--bad);font-weight:600}.depends{color:var(--warn)}
.harmless{color:var(--good)}.strong{font-weight:600}.label{color:var(--dim)}
.list{display:grid;grid-template-columns:5rem 1fr;margin:.35em 0}.list ul{margin:0;padding-left:1em}
"""


def render(document: Document) -> str:
    """The document as a complete page."""
    body = "\n".join(_block(block) for block in document.blocks)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{_escape(document.title)}</title><style>{CSS}</style></head>\n"
        f"<body>\n{body}\n</body></html>\n"
    )


def _escape(text: str) -> str:
    return escape(clean(text), quote=True)


def _inline(line: Line) -> str:
    out = []
    for span in spans(line):
        text = _CODE.sub(r"<code>\1</code>", _escape(span.text))
        if span.style == "code":
            out.append(f"<code>{text}</code>")
        elif span.style:
            out.append(f'<span class="{span.style}">{text}</span>')
        else:
            out.append(text)
    return "".join(out)


def _block(block: Block) -> str:
    if isinstance(block, Heading):
        return f"<h{block.level}>{_inline(block.line)}</h{block.level}>"
    if isinstance(block, Para):
        return f"<p>{_inline(block.line)}</p>"
    if isinstance(block, Bullets):
        items = "".join(f"<li>{_inline(line)}</li>" for line in block.lines)
        if not block.label:
            return f"<ul>{items}</ul>"
        label = f'<span class="label">{_escape(block.label)}</span>'
        return f'<div class="list">{label}<ul>{items}</ul></div>'
    if isinstance(block, Code):
        return "<pre><code>" + "\n".join(_escape(line) for line in block.lines) + "</code></pre>"
    if isinstance(block, Pre):
        return "<pre>" + "\n".join(_inline(line) for line in block.lines) + "</pre>"
    return _table(block)


def _table(block: Table) -> str:
    align = block.align.ljust(len(block.header), "l")
    kind = [' class="r"' if side == "r" else "" for side in align]
    head = "".join(f"<th{kind[i]}>{_escape(text)}</th>" for i, text in enumerate(block.header))
    rows = "".join(
        "<tr>"
        + "".join(f"<td{kind[i]}>{_inline(cell)}</td>" for i, cell in enumerate(row))
        + "</tr>"
        for row in block.rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
