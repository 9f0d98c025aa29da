"""`diagnose`: what was read, the answer in a few lines, then one block per finding with proof."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from finis.report.answer import answer, size, verdict
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
    capital,
    common_folder,
)
from finis.report.explanation import claim_fact, pairing_fact, pairing_lines
from finis.report.proof import alternative_lines, claim_lines
from finis.report.sources import FIRST, remarks, source_facts, sources_table
from finis.terms import Harm, word
from finis.version import VERSION
from finis.words import count

if TYPE_CHECKING:
    from finis.diagnosis.findings import Example, Finding
    from finis.diagnosis.patterns._api import PatternFinding
    from finis.pipeline import Case

HARMLESS = 3  # harmless findings told in full; the others get a line each
FEW = 5  # findings up to which every example is printed
HOSTS = 6  # named per finding; all of the top 20 are in the JSON
LISTED = 1000  # rows of connections and denials in the JSON; all with `finis connections`


def document(case: Case, *, whole: bool = False) -> Document:
    """The report on everything read.  Long reports condense harmless findings beyond the first
    HARMLESS and show one example of most others, unless `whole`."""
    out = Document("finis: diagnosis")
    out.add(Heading("What was read"), *sources_table(case.sources))
    said = remarks(case.sources, case.skipped, case.clocks, case.notes)
    first = len(said) if len(said) <= FIRST else FIRST - 1
    out.add(*_bullets(said[:first], ""))
    if said[first:]:
        more = count(len(said) - first, "more remark")
        out.add(*_bullets([Span(f"… and {more} at the end", "dim")], ""))
    out.add(Heading("Answer"), *answer(case))
    if case.found:
        out.add(Heading("Findings"))
    brief: list[Finding] = []
    for number, finding in enumerate(case.found, 1):
        harmless = sum(f.harm == Harm.HARMLESS for f in case.found[: number - 1])
        if finding.harm == Harm.HARMLESS and harmless >= HARMLESS and not whole:
            brief.append(finding)
            continue
        most = 1 if len(case.found) > FEW and not whole else len(finding.examples)
        out.add(*_finding(number, finding, most))
    if brief:
        out.add(*_condensed(brief))
    if case.patterns:
        out.add(Heading("Patterns"))
    for number, pattern in enumerate(case.patterns, len(case.found) + 1):
        out.add(*_pattern(number, pattern))
    if said[first:]:
        out.add(Heading("More on what was read"), *_bullets(said[first:], ""))
    return out.shortened(common_folder([source.path for source in case.sources]))


def _condensed(findings: list[Finding]) -> list[Block]:
    """Harmless findings, one line each."""
    rows: list[list[Line]] = [
        [Span(f.id, "strong"), size(f), word(f.confidence), f.title] for f in findings
    ]
    return [
        Heading(f"{count(len(findings), 'more harmless cause')}", 2),
        Table(["", "", "", ""], rows, "lrll", 2),
        Para(Span("in full with --all; what a cause means: finis causes ID", "dim"), 2),
    ]


def _bullets(lines: list[Any], label: str, indent: int = 2) -> list[Block]:
    return [Bullets(list(lines), indent, label)] if lines else []


# --- one finding ---------------------------------------------------------------------------


def _finding(number: int, finding: Finding, most: int) -> list[Block]:
    """One finding with up to `most` of its examples."""
    harm = word(finding.harm)
    blocks: list[Block] = [
        Heading(
            (
                f"{number}. {capital(finding.title)}  ",
                Span(harm, harm),  # type: ignore[arg-type]
                Span(f" · {word(finding.confidence)} · {finding.id} {finding.name}", "dim"),
            ),
            2,
        ),
        Para((size(finding), Span(_when(finding), "dim"), _hosts(finding)), 2),
    ]
    if finding.harm_why:
        blocks += _bullets([finding.harm_why], "harm")
    for example in finding.examples[:most]:
        blocks += _example(example)
    if finding.examples[most:]:
        more = count(len(finding.examples[most:]), "more example")
        blocks += _bullets([Span(f"{more} with --all", "dim")], " ")
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
    start, end = f"{first:%Y-%m-%d %H:%M:%S}", f"{last:%Y-%m-%d %H:%M:%S}"
    if start == end:
        return f", {start} UTC"
    return f", {start} to {end[11:] if start[:10] == end[:10] else end} UTC"


def _hosts(finding: Finding) -> str:
    shown = [host if times == 1 else f"{host} ×{times}" for host, times in finding.hosts[:HOSTS]]
    if not shown:
        return ""
    return "; hosts " + ", ".join(shown) + (" and others" if finding.hosts[HOSTS:] else "")


def _example(example: Example) -> list[Block]:
    name = f" ({example.conn_id})" if example.conn_id else ""
    lead: Line = (Span(f"{example.subject}{name}", "strong"),)
    blocks: list[Block] = [Bullets([lead, *claim_lines(list(example.claims))], 2, "evidence")]
    if example.story is not None:
        for pairing in example.story.pairings:
            blocks += _bullets(pairing_lines(example.story, pairing), "paired")
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
                f"{number}. {capital(found.title)}  ",
                Span(harm, harm),  # type: ignore[arg-type]
                Span(f" · {word(found.confidence)} · {found.id} {found.name}", "dim"),
            ),
            2,
        ),
        Para((size(found), Span(_when(found), "dim")), 2),
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
    return {
        "finis": VERSION,
        "sources": [source_facts(source) for source in case.sources],
        "skipped": [{"path": path, "why": why} for path, why in case.skipped],
        "clocks": [
            {"name": c.name, "shift_ns": c.shift_ns, "slack_ns": c.slack_ns, "why": c.why}
            for c in case.clocks
        ],
        "notes": case.notes,
        "answer": {
            "text": verdict(case).text,
            "connections": case.verdicts.n_connections,
            "denials": case.verdicts.n_denials,
            "harm": word(max((item.harm for item in case.everything), default=Harm.HARMLESS)),
        },
        "patterns": [pattern_fact(found) for found in case.patterns],
        "findings": [finding_fact(finding) for finding in case.found],
        "connections": case.verdicts.head("connections", LISTED).to_dicts(),
        "denials": case.verdicts.head("denials", LISTED).to_dicts(),
    }


def finding_fact(finding: Finding) -> dict[str, Any]:
    """A finding as JSON values."""
    return {
        **finding.row(),
        "table": finding.table,
        "share": finding.share,
        "harm_why": finding.harm_why,
        "packets": finding.packets,
        "contributing_to": finding.contributing,
        "evidence": [_example_fact(example) for example in finding.examples],
        "alternatives": [{"text": a.text, "decide": a.decide} for a in finding.alternatives],
        "commands": list(finding.commands),
        "remedy": finding.remedy,
        "hosts": [{"host": host, "members": times} for host, times in finding.hosts],
    }


def _example_fact(example: Example) -> dict[str, Any]:
    made: dict[str, Any] = {
        "subject": example.subject,
        "conn_id": example.conn_id,
        "ts": example.ts,
        "confidence": word(example.confidence),
        "at": [{"file": p.file, p.unit: p.number} for p in example.at],
        "claims": [claim_fact(claim) for claim in example.claims],
    }
    if example.story is not None:
        story = example.story
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
