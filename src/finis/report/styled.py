"""Pieces of a line with a style each, and how wide they are: what the text report needs of a
terminal, without a library that takes longer to load than a small case to explain."""

from __future__ import annotations

# Characters of one cell each that reports are full of; of all others `rich` knows the width.
_SPANS = ((0x20, 0x7E), (0xA0, 0xAC), (0xAE, 0x2FF), (0x370, 0x482), (0x2500, 0x25FC))
_NARROW = frozenset("–—‘’“”…→←↑↓⇢⇠≤≥≠×−").union(
    chr(at) for first, last in _SPANS for at in range(first, last + 1)
)

# SGR parameters (ECMA-48) of what `document.Style` names.
SGR = {
    "": "",
    "strong": "1",
    "dim": "2",
    "harmless": "32",
    "depends": "33",
    "harmful": "1;31",
    "code": "36",
    "proof": "2",
}


def cell_len(text: str) -> int:
    """Cells of a terminal that the text takes."""
    if _NARROW.issuperset(text):
        return len(text)
    from rich.cells import cell_len as measured

    return measured(text)


class Styled:
    """A line: `parts` are text and the name of its style; `strong` makes all of it so."""

    __slots__ = ("parts", "strong")

    def __init__(self, *parts: tuple[str, str]) -> None:
        self.parts = [part for part in parts if part[0]]
        self.strong = False

    @property
    def plain(self) -> str:
        return "".join([text for text, _ in self.parts])

    def add(self, other: Styled) -> None:
        self.parts += other.parts

    def slice(self, start: int, end: int) -> Styled:
        """Characters from `start` up to `end`, in their styles."""
        out = Styled()
        at = 0
        for text, style in self.parts:
            if piece := text[max(0, start - at) : max(0, end - at)]:
                out.parts.append((piece, style))
            at += len(text)
        return out

    def line(self, *, colour: bool) -> str:
        """As it is printed; blanks at its end are not."""
        shown = self.slice(0, len(self.plain.rstrip()))
        if not colour:
            return shown.plain
        return "".join([_escaped(text, SGR[style], self.strong) for text, style in shown.parts])


def _escaped(text: str, codes: str, strong: bool) -> str:
    if strong and not codes.startswith("1"):
        codes = f"1;{codes}" if codes else "1"
    return f"\x1b[{codes}m{text}\x1b[0m" if codes else text
