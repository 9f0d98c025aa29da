"""`diagnose`: what was read, the answer in a few lines, then one block per finding with proof."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from finis.report.document import (
    Block,
    Bullets,
    Code,
    Document,
    Heading,
    Line,
    Para,
    Span,
    Table,
    common_folder,
)
from finis.report.explanation import claim_fact, pairing_fact, pairing_lines
from finis.report.proof import alternative_lines, claim_lines
from finis.report.sources import add_sources, period, source_facts
from finis.terms import Harm, word
from finis.version import VERSION
from finis.words import count, share

if TYPE_CHECKING:
    from finis.diagnosis.findings import Example, Finding
    from finis.diagnosis.patterns._api import PatternFinding
    from finis.pipeline import Case

HOSTS = 6  # named per finding; all of the top 20 are in the JSON
LISTED = 1000  # rows of connections and denials in the JSON; all with `finis connections`


def document(case: Case) -> Document:
    """The report on everything read."""
    out = Document("finis: diagnosis")
    out.add(Heading("What was read"))
    add_sources(out, case.sources, case.skipped, case.stories.clocks)
    out.add(*_bullets([*case.log.notes, *case.stories.unmatched], "note"))
    out.add(Heading("Answer"))
    out.add(*_answer(case))
    if case.found:
        out.add(Heading("Findings"))
    for number, finding in enumerate(case.found, 1):
        out.add(*_finding(number, finding, case))
    if case.patterns:
        out.add(Heading("Patterns"))
    for number, pattern in enumerate(case.patterns, len(case.found) + 1):
        out.add(*_pattern(number, pattern))
    return out.shortened(common_folder([source.path for source in case.sources]))


def _bullets(lines: list[Any], label: str, indent: int = 2) -> list[Block]:
    return [Bullets(list(lines), indent, label)] if lines else []


# --- the answer ----------------------------------------------------------------------------


def _answer(case: Case) -> list[Block]:
    """Is it a problem, what are the causes by share, what to do."""
    connections, denials = case.judged.connections, case.originals
    whole = f"{count(len(connections), 'connection')}, {count(len(denials), 'denial')}"
    span = period(case.sources)
    lines: list[Block] = [
        Para((_verdict(case), Span(f"  {whole}" + (f" in {span}" if span else ""), "dim")))
    ]
    rows = [_share_row(finding) for finding in case.found]
    if rows:
        lines.append(Table(["cause", "", "", "", "harm", "sure", "do"], rows, "lrrllll", 2))
    return lines


def _verdict(case: Case) -> Span:
    """One sentence; it never says more than the gravest finding."""
    everything = case.everything
    harmful = [item for item in everything if item.harm == Harm.HARMFUL]
    open_ = [item for item in everything if item.harm == Harm.DEPENDS]
    if not everything:
        return Span("Nothing to judge: no TCP connection and no denial was read.", "strong")
    if harmful:
        text = "A problem: " + "; ".join(f"{item.title} ({_size(item)})" for item in harmful[:3])
        more = f"; and {len(harmful) - 3} more" if harmful[3:] else ""
        return Span(text + more + ".", "harmful")
    if open_:
        text = "No harm is proven, but it depends: "
        text += "; ".join(f"{item.title} ({_size(item)})" for item in open_[:3])
        more = f"; and {len(open_) - 3} more" if open_[3:] else ""
        return Span(text + more + ".", "depends")
    what = "every denial and every ending" if len(case.originals) else "every ending"
    return Span(f"Not a problem: {what} seen here is harmless.", "harmless")


def _size(item: Finding | PatternFinding) -> str:
    parts = []
    if item.connections:
        parts.append(count(item.connections, "connection"))
    if item.denials:
        parts.append(count(item.denials, "denial"))
    return ", ".join(parts) or "no row"


def _share_row(finding: Finding) -> list[Line]:
    harm = word(finding.harm)
    size = finding.connections or finding.denials
    whole = finding.of_connections or finding.of_denials
    noun = "connection" if finding.table == "connections" else "denial"
    first = next(iter(finding.remedy.items()), None)
    doing = "nothing to change" if finding.harm == Harm.HARMLESS else ""
    if first is not None and finding.harm != Harm.HARMLESS:
        doing = f"{first[0]}: {_cut(first[1])}"
    return [
        (Span(finding.id, "strong"), f" {finding.title}"),
        count(size, noun),
        share(size, whole),
        "",
        Span(harm, harm),  # type: ignore[arg-type]
        word(finding.confidence),
        Span(doing, "dim"),
    ]


def _cut(text: str, most: int = 60) -> str:
    first = text.splitlines()[0] if text else ""
    return first if len(first) <= most else first[: most - 1] + "…"


# --- one finding ---------------------------------------------------------------------------


def _finding(number: int, finding: Finding, case: Case) -> list[Block]:
    harm = word(finding.harm)
    blocks: list[Block] = [
        Heading(
            (
                f"{number}. {finding.title}  ",
                Span(harm, harm),  # type: ignore[arg-type]
                Span(f" · {word(finding.confidence)} · {finding.id} {finding.name}", "dim"),
            ),
            2,
        ),
        Para((_size(finding), Span(_when(finding), "dim"), _hosts(finding)), 2),
    ]
    if finding.harm_why:
        blocks += _bullets([finding.harm_why], "harm")
    for example in finding.examples:
        blocks += _example(finding, example, case)
    blocks += _bullets(alternative_lines(list(finding.alternatives)), "or")
    blocks += _bullets(list(finding.not_this), "not")
    blocks += _remedy(finding.remedy)
    commands = next((example.commands for example in finding.examples if example.commands), ())
    if commands:
        blocks += _bullets(["captures that would settle what is open, for the example above:"],
                           "prove")  # fmt: skip
        blocks.append(Code(list(commands), 15))
    blocks += _bullets([", ".join(finding.references)] if finding.references else [], "see")
    return blocks


def _when(finding: Finding | PatternFinding) -> str:
    first, last = finding.first_ts, finding.last_ts
    if first is None or last is None:
        return ""
    start = f"{first:%Y-%m-%d %H:%M:%S}"
    return f", {start}" if last == first else f", {start} to {last:%Y-%m-%d %H:%M:%S} UTC"


def _hosts(finding: Finding) -> str:
    shown = [host if times == 1 else f"{host} ×{times}" for host, times in finding.hosts[:HOSTS]]
    more = len(finding.hosts) - HOSTS
    if not shown:
        return ""
    return "; hosts " + ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def _example(finding: Finding, example: Example, case: Case) -> list[Block]:
    name = f" ({example.conn_id})" if example.conn_id else ""
    lead: Line = (Span(f"{example.subject}{name}", "strong"),)
    blocks: list[Block] = [Bullets([lead, *claim_lines(list(example.claims))], 2, "evidence")]
    if finding.table == "connections":
        story = case.stories.story(example.row)
        for pairing in story.pairings:
            blocks += _bullets(pairing_lines(story, pairing), "paired")
    return blocks


def _remedy(remedy: dict[str, str]) -> list[Block]:
    """Products and what to change there; commands stand on lines of their own."""
    lines: list[Line] = []
    for product, text in remedy.items():
        flat = " ".join(text.split())
        lines.append((Span(f"{product}: ", "strong"), flat))
    return _bullets(lines, "change")


def _pattern(number: int, found: PatternFinding) -> list[Block]:
    harm = word(found.harm)
    blocks: list[Block] = [
        Heading(
            (
                f"{number}. {found.title}  ",
                Span(harm, harm),  # type: ignore[arg-type]
                Span(f" · {word(found.confidence)} · {found.id} {found.name}", "dim"),
            ),
            2,
        ),
        Para((_size(found), Span(_when(found), "dim")), 2),
    ]
    blocks += _bullets(claim_lines(list(found.claims)), "evidence")
    blocks += _bullets(list(found.not_this), "not")
    blocks += _remedy(found.remedy)
    blocks += _bullets([", ".join(found.references)] if found.references else [], "see")
    if found.more:
        blocks.append(Para(Span(f"and {count(found.more, 'more group')} like this", "dim"), 2))
    return blocks


# --- JSON ----------------------------------------------------------------------------------


def facts(case: Case) -> dict[str, Any]:
    """The same as JSON values."""
    connections, denials = case.connections, case.denials
    return {
        "finis": VERSION,
        "sources": [source_facts(source) for source in case.sources],
        "skipped": [{"path": path, "why": why} for path, why in case.skipped],
        "clocks": [
            {"name": c.name, "shift_ns": c.shift_ns, "slack_ns": c.slack_ns, "why": c.why}
            for c in case.stories.clocks
        ],
        "notes": [*case.log.notes, *case.stories.unmatched],
        "answer": {
            "text": _verdict(case).text,
            "connections": len(connections),
            "denials": len(case.originals),
            "harm": word(max((item.harm for item in case.everything), default=Harm.HARMLESS)),
        },
        "patterns": [pattern_fact(found) for found in case.patterns],
        "findings": [finding_fact(finding, case) for finding in case.found],
        "connections": connections.head(LISTED).to_dicts(),
        "denials": denials.head(LISTED).to_dicts(),
    }


def finding_fact(finding: Finding, case: Case) -> dict[str, Any]:
    """A finding as JSON values."""
    return {
        **finding.row(),
        "table": finding.table,
        "share": finding.share,
        "harm_why": finding.harm_why,
        "packets": finding.packets,
        "contributing_to": finding.contributing,
        "evidence": [_example_fact(finding, example, case) for example in finding.examples],
        "alternatives": [{"text": a.text, "decide": a.decide} for a in finding.alternatives],
        "commands": list(finding.commands),
        "remedy": finding.remedy,
        "hosts": [{"host": host, "members": times} for host, times in finding.hosts],
    }


def _example_fact(finding: Finding, example: Example, case: Case) -> dict[str, Any]:
    made: dict[str, Any] = {
        "subject": example.subject,
        "conn_id": example.conn_id,
        "ts": example.ts,
        "confidence": word(example.confidence),
        "at": [{"file": p.file, p.unit: p.number} for p in example.at],
        "claims": [claim_fact(claim) for claim in example.claims],
    }
    if finding.table == "connections":
        story = case.stories.story(example.row)
        made["pairings"] = [pairing_fact(story, pairing) for pairing in story.pairings]
    return made


def pattern_fact(found: PatternFinding) -> dict[str, Any]:
    """A pattern as JSON values."""
    return {
        "id": found.id,
        "name": found.name,
        "title": found.title,
        "harm": word(found.harm),
        "confidence": word(found.confidence),
        "connections": found.connections,
        "denials": found.denials,
        "first_ts": found.first_ts,
        "last_ts": found.last_ts,
        "hosts": list(found.hosts),
        "claims": [claim_fact(claim) for claim in found.claims],
        "remedy": found.remedy,
        "references": list(found.references),
        "not_this": list(found.not_this),
        "more": found.more,
    }
