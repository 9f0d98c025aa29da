"""The first lines of `diagnose`: is it a problem, what are the causes by share, what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from finis.report.document import Block, Bullets, Line, Para, Span, Table
from finis.report.sources import period
from finis.terms import Harm, word
from finis.words import count, share

if TYPE_CHECKING:
    from finis.diagnosis.findings import Finding
    from finis.diagnosis.patterns._api import PatternFinding
    from finis.pipeline import Case

LISTED = 12  # causes in the table; the rest is summed up
NAMED = 3  # findings named in the sentence
ADVISED = 4  # findings whose first remedy is printed at the top
ADVICE = 110  # characters of it; the whole of it stands with the finding


def answer(case: Case) -> list[Block]:
    """The sentence, the table of causes, the first thing to do about the gravest."""
    blocks: list[Block] = [Para(verdict(case)), Para(Span(_whole(case), "dim"))]
    rows = [_row(finding) for finding in case.found[:LISTED]]
    if case.found[LISTED:]:
        rows.append(_rest(case.found[LISTED:]))
    if rows:
        blocks.append(Table(["harm", "sure", "", "", "cause"], rows, "llrrl", 2))
    advice = _advice(case)
    if advice:
        blocks.append(Bullets(advice, 2, "do"))
    return blocks


def _whole(case: Case) -> str:
    span = period(case.sources)
    text = f"{count(case.verdicts.n_connections, 'connection')}, "
    text += count(case.verdicts.n_denials, "denial")
    return text + (f" in {span}" if span else "") + "."


def verdict(case: Case) -> Span:
    """One sentence; it never says more than the gravest finding."""
    everything = case.everything
    if not everything:
        return Span("Nothing to judge: no TCP connection and no denial was read.", "strong")
    harmful = [item for item in everything if item.harm == Harm.HARMFUL]
    if harmful:
        return Span(f"A problem: {_named(harmful)}.", "harmful")
    undecided = [item for item in everything if item.harm == Harm.DEPENDS]
    if undecided:
        return Span(f"No harm is proven, but it depends: {_named(undecided)}.", "depends")
    what = "every denial and every ending" if case.verdicts.n_denials else "every ending"
    return Span(f"Not a problem: {what} seen here is harmless.", "harmless")


def _named(items: list[Finding | PatternFinding]) -> str:
    named = "; ".join(f"{item.title} ({size(item)})" for item in items[:NAMED])
    return named + (f"; and {len(items) - NAMED} more" if items[NAMED:] else "")


def size(item: Finding | PatternFinding) -> str:
    """``3 connections, 1 denial``."""
    parts = []
    if not item.connections and not item.denials and (beside := getattr(item, "contributing", 0)):
        return f"beside {count(beside, 'connection')}"
    if item.connections:
        parts.append(count(item.connections, "connection"))
    if item.denials:
        parts.append(count(item.denials, "denial"))
    return ", ".join(parts) or "no row"


def _row(finding: Finding) -> list[Line]:
    harm = word(finding.harm)
    members = finding.connections or finding.denials or finding.contributing
    whole = finding.of_connections or finding.of_denials
    noun = "connection" if finding.table == "connections" else "denial"
    return [
        Span(harm, harm),  # type: ignore[arg-type]
        word(finding.confidence),
        count(members, noun),
        share(members, whole),
        (Span(finding.id, "strong"), f" {'also: ' if finding.beside else ''}{finding.title}"),
    ]


def _rest(others: list[Finding]) -> list[Line]:
    """The causes that the table leaves out, summed up."""
    harms = [(word(harm), sum(f.harm == harm for f in others)) for harm in sorted(Harm)[::-1]]
    kinds = ", ".join(f"{number} {harm}" for harm, number in harms if number)
    ends = sum(f.connections for f in others if f.table == "connections")
    denials = sum(f.denials for f in others if f.table != "connections")
    text = f"… and {count(len(others), 'more cause')} ({kinds}): "
    text += f"{count(ends, 'connection')}, {count(denials, 'denial')}"
    return ["", "", "", "", Span(text, "dim")]


def _advice(case: Case) -> list[Line]:
    """The first remedy of the gravest findings; nothing where all is harmless."""
    lines: dict[str, Line] = {}
    for item in case.everything:
        if item.harm == Harm.HARMLESS or not item.remedy:
            continue
        product, text = next(iter(item.remedy.items()))
        flat = " ".join(text.split())
        cut = flat if len(flat) <= ADVICE else flat[:ADVICE].rsplit(" ", 1)[0] + " …"
        lines.setdefault(flat, (Span(item.id, "strong"), f" {product}: {cut}"))
    return list(lines.values())[:ADVISED]
