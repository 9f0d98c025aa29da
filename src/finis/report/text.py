"""A document on a terminal or in a pipe: aligned, wrapped, coloured only on a terminal."""

from __future__ import annotations

import os
import textwrap
from typing import IO

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
from finis.report.styled import Styled, cell_len

PIPE_WIDTH = 100  # columns to wrap sentences at where there is no terminal
LEAST = 24  # columns that are worth wrapping the last cell of a row into


def render(document: Document, *, width: int = PIPE_WIDTH, colour: bool = False) -> str:
    """The document as text, each line ending in a newline."""
    out: list[str] = []
    before = ""
    for block in document.blocks:
        if before and _apart(before, block):
            out.append("\n")
        out += [text.line(colour=colour) + "\n" for text in _block(block, width)]
        before = type(block).__name__
    return "".join(out)


def shown(document: Document, stream: IO[str]) -> str:
    """The document for a stream: with colour and the terminal's width where it is a terminal."""
    terminal = stream.isatty()
    colour = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    width = max(60, terminal_width(stream) or PIPE_WIDTH)
    return render(document, width=width, colour=colour)


def terminal_width(stream: IO[str]) -> int | None:
    """Columns of the terminal that `stream` is; None where it is none."""
    if not stream.isatty():
        return None
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except OSError:
        return None


def _apart(before: str, block: Block) -> bool:
    """A blank line goes between blocks, but lists stay with the sentence they belong to."""
    if isinstance(block, (Bullets, Code)):
        return False
    if isinstance(block, (Table, Pre, Para)):
        return before != "Heading"
    return True


def _text(line: Line) -> Styled:
    return Styled(*[(clean(span.text), span.style) for span in spans(line)])


def _after(prefix: str, text: Styled) -> Styled:
    return Styled((prefix, ""), *text.parts)


def _wrapped(line: Line, first: str, rest: str, width: int) -> list[Styled]:
    """Wrap at words, keeping styles; `first` and `rest` are the prefixes of the lines."""
    text = _text(line)
    plain = text.plain
    pieces = textwrap.wrap(
        plain,
        max(20, width - cell_len(rest)),
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
        fix_sentence_endings=False,
    ) or [""]
    out, at = [], 0
    for number, piece in enumerate(pieces):
        start = plain.index(piece, at)
        at = start + len(piece)
        out.append(_after(first if number == 0 else rest, text.slice(start, at)))
    return out


def _block(block: Block, width: int) -> list[Styled]:
    if isinstance(block, Heading):
        lines = _wrapped(block.line, "", "   " if block.level > 1 else "", width)
        for text in lines:
            text.strong = True
        if block.level == 1:
            rule = max(cell_len(text.plain) for text in lines)
            return [*lines, Styled(("─" * min(width, rule), "dim"))]
        return lines
    pad = " " * block.indent
    if isinstance(block, Para):
        return _wrapped(block.line, pad, pad, width)
    if isinstance(block, Bullets):
        return _bullets(block, pad, width)
    if isinstance(block, Pre):
        whole = [_after(pad, _text(line)) for line in block.lines]
        if block.narrow and max((cell_len(line.plain) for line in whole), default=0) > width:
            return [text for part in block.narrow for text in _block(part, width)]
        return whole
    if isinstance(block, Code):
        return [Styled((pad, ""), (clean(line), "code")) for line in block.lines]
    return _table(block, pad, width)


def _bullets(block: Bullets, pad: str, width: int) -> list[Styled]:
    out: list[Styled] = []
    label = f"{block.label:<11}" if block.label else ""
    for number, line in enumerate(block.lines):
        lead = label if number == 0 else " " * len(label)
        mark = "· "
        out += _wrapped(line, f"{pad}{lead}{mark}", f"{pad}{' ' * len(lead)}  ", width)
    return out


def _table(block: Table, pad: str, width: int) -> list[Styled]:
    """Aligned columns.  What does not fit wraps within the last column; a table whose other
    columns leave no room for that is printed as wide as it is."""
    columns = len(block.header)
    align = block.align.ljust(columns, "l")
    rows = [[_text(cell) for cell in row] for row in block.rows]
    widths = [
        max([cell_len(block.header[i])] + [cell_len(row[i].plain) for row in rows])
        for i in range(columns)
    ]
    lead = len(pad) + sum(widths[:-1]) + 2 * (columns - 1)
    out = []
    if any(block.header):
        out.append(_row([Styled((head, "dim")) for head in block.header], widths, align, pad))
    for row, source in zip(rows, block.rows, strict=True):
        if lead + cell_len(row[-1].plain) <= width or width - lead < LEAST or align[-1] == "r":
            out.append(_row(row, widths, align, pad))
            continue
        first, *rest = _wrapped(source[-1], "", "", width - lead)
        out.append(_row([*row[:-1], first], widths, align, pad))
        out.extend(_after(" " * lead, line) for line in rest)
    return out


def _row(cells: list[Styled], widths: list[int], align: str, pad: str) -> Styled:
    line = Styled((pad, ""))
    for i, cell in enumerate(cells):
        gap = " " * (widths[i] - cell_len(cell.plain))
        last = i == len(cells) - 1
        before, behind = (gap, "") if align[i] == "r" else ("", "" if last else gap)
        line.add(_after(before, cell))
        line.add(Styled((behind + ("" if last else "  "), "")))
    return line
