"""What a report is made of, whatever it is printed as: a list of blocks.

Builders (`diagnosis`, `ladder`, `compare`, …) make blocks; renderers (`text`, `markdown`, `html`)
print them.  Input reaches a reader only through `clean`, which every renderer applies to every
string, so that a log line or an interface name cannot carry terminal escapes into a report.
"""

from __future__ import annotations

import os
import re
from typing import Literal

from finis.lazily import regex
from finis.records import dataclass, field, replace

Style = Literal["", "strong", "dim", "harmless", "depends", "harmful", "code", "proof"]

# C0 and C1 controls, and the bidirectional controls that can reorder what is read (CVE-2021-42574).
HIDDEN = "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
_HIDDEN = regex(HIDDEN)


def clean(text: str) -> str:
    """`text` with control and invisible characters made visible (``\\x1b``)."""

    def visible(match: re.Match[str]) -> str:
        code = ord(match.group())
        return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"

    return _HIDDEN.sub(visible, text.replace("\u00a0", " "))


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of text with one meaning."""

    text: str
    style: Style = ""


Line = str | Span | tuple[Span | str, ...]


def spans(line: Line) -> tuple[Span, ...]:
    """A line as spans."""
    if isinstance(line, str):
        return (Span(line),)
    if isinstance(line, Span):
        return (line,)
    return tuple(Span(part) if isinstance(part, str) else part for part in line)


def capital(text: str) -> str:
    """`text` as the beginning of a heading."""
    return text[:1].upper() + text[1:]


@dataclass(frozen=True, slots=True)
class Heading:
    line: Line
    level: int = 1


@dataclass(frozen=True, slots=True)
class Para:
    line: Line
    indent: int = 0


@dataclass(frozen=True, slots=True)
class Bullets:
    lines: list[Line]
    indent: int = 0
    label: str = ""  # printed before the first line: "evidence", "not", "change"


@dataclass(frozen=True, slots=True)
class Table:
    header: list[str]
    rows: list[list[Line]]
    align: str = ""  # one of l, r per column; missing: l
    indent: int = 0


@dataclass(frozen=True, slots=True)
class Pre:
    """Lines whose columns must stay aligned: a ladder.  `narrow` says the same where they do not
    fit the width: the aligned part by itself, the rest as sentences that wrap."""

    lines: list[Line]
    indent: int = 0
    narrow: tuple[Pre | Para, ...] = ()


@dataclass(frozen=True, slots=True)
class Code:
    """Commands to copy."""

    lines: list[str]
    indent: int = 0


Block = Heading | Para | Bullets | Table | Pre | Code


@dataclass(slots=True)
class Document:
    title: str
    blocks: list[Block] = field(default_factory=list)

    def add(self, *blocks: Block) -> None:
        self.blocks.extend(blocks)

    def shortened(self, folder: str) -> Document:
        """Proofs without the folder that all files share; the report names it once."""
        if not folder:
            return self
        begin = path_begins(folder)
        return Document(self.title, [_shorten(block, begin) for block in self.blocks])


def common_folder(paths: list[str]) -> str:
    """The folder that all paths lie in, or nothing where that saves nothing."""
    parents = [os.path.dirname(path) for path in paths if path != "-"]  # noqa: PTH120
    if not parents or not all(parents):
        return ""
    try:
        shared = os.path.commonpath(parents)
        return "" if shared == "/" else shared
    except ValueError:  # absolute and relative paths mixed
        return ""


def path_begins(folder: str) -> re.Pattern[str]:
    """What of proofs names this folder: where a path begins (after the number of the proof before
    it, too) and nowhere inside one, as `a/` is no part of `data/`."""
    prefix = re.escape(folder.rstrip("/") + "/")
    return re.compile(r"(?:^|(?<=\[)|(?<=, )|(?<=  )|(?<=\d ))" + prefix)


def _shorten(block: Block, begin: re.Pattern[str]) -> Block:
    def short(line: Line) -> Line:
        return tuple(
            replace(span, text=begin.sub("", span.text)) if span.style == "proof" else span
            for span in spans(line)
        )

    if isinstance(block, Table):
        return replace(block, rows=[[short(cell) for cell in row] for row in block.rows])
    if isinstance(block, Pre):
        narrow = tuple(_shorten(part, begin) for part in block.narrow)
        return replace(block, lines=[short(line) for line in block.lines], narrow=narrow)  # type: ignore[arg-type]
    if isinstance(block, Bullets):
        return replace(block, lines=[short(line) for line in block.lines])
    if isinstance(block, (Heading, Para)):
        return replace(block, line=short(block.line))
    return block
