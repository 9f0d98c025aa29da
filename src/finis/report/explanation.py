"""`explain`: the verdict on one connection, its proof, its ladder and what stays open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from finis.records import dataclass
from finis.report.document import Bullets, Document, Heading, Line, Para, Span, Table, capital
from finis.report.ladder import ladder
from finis.report.meaning import tell
from finis.report.proof import alternative_lines, claim_lines
from finis.report.steps import flag_words, steps
from finis.terms import Side
from finis.words import duration, endpoint, seconds, stamp

if TYPE_CHECKING:
    from finis.correlation.stories import Clock, Pairing, Story
    from finis.diagnosis.cause import Alternative, Claim


@dataclass(frozen=True, slots=True)
class Explanation:
    """What `Case.explain` returns; prints itself in a notebook."""

    story: Story
    title: str  # of the primary cause
    claims: list[Claim]
    alternatives: list[Alternative]
    contributing: list[tuple[str, str]]  # id, title
    remedy: list[str]
    references: list[str]
    clocks: list[Clock]
    folder: str = ""  # that all files lie in: named once, left out of proofs

    def _repr_html_(self) -> str:
        from finis.report.html import render

        return render(document(self))

    def __str__(self) -> str:
        from finis.report.text import render

        return render(document(self))


def document(told: Explanation) -> Document:
    """The report on one connection."""
    return _document(told).shortened(told.folder)


def _document(told: Explanation) -> Document:
    row = told.story.row
    title = f"Connection {row['conn_id']}"
    out = Document(title)
    out.add(Heading(title), Table(["", ""], _identity(told.story)))
    harm = row["harm"] or "depends"
    out.add(
        Heading("Verdict", 2),
        Para(
            (
                Span(f"{capital(told.title)}. ", "strong"),
                Span(harm, harm),  # type: ignore[arg-type]
                f" · {row['confidence']} · {row['cause']} {row['cause_name']}",
            )
        ),
    )
    out.add(Bullets(claim_lines(told.claims), 2, "evidence"))
    if told.contributing:
        lines: list[Line] = [f"{name} {what}" for name, what in told.contributing]
        out.add(Bullets(lines, 2, "also"))
    if told.alternatives:
        out.add(Bullets(alternative_lines(told.alternatives), 2, "or"))
    if told.remedy:
        out.add(Bullets(list(told.remedy), 2, "change"))
    if told.references:
        out.add(Bullets(list(told.references), 2, "see"))
    if told.story.seen or told.story.built or told.story.teardown:
        out.add(Heading("Step by step", 2), ladder(told.story, told.folder))
    for pairing in told.story.pairings:
        out.add(Bullets(pairing_lines(told.story, pairing), 2, "paired"))
    here = {seen.point for seen in told.story.seen} | {told.story.row["device"]}
    clocks: list[Line] = [
        f"{c.name}: {c.why}" for c in told.clocks if c.shift_ns and c.name in here
    ]
    if clocks:
        out.add(Bullets(clocks, 2, "clocks"))
    return out


def _identity(story: Story) -> list[list[Line]]:
    row = story.row
    ends = f"{endpoint(row['orig_h'], row['orig_p'])} → {endpoint(row['resp_h'], row['resp_p'])}"
    rows: list[list[Line]] = [["tuple", f"{ends}   ({_oriented(row['orientation'])})"]]
    mapped = [
        f"{side} as {endpoint(row[f'{side}_mapped_h'], row[f'{side}_mapped_p'])}"
        for side in ("orig", "resp")
        if row[f"{side}_mapped_h"] and row[f"{side}_mapped_h"] != row[f"{side}_h"]
    ]
    if mapped:
        rows.append(["translated", ", ".join(mapped)])
    if row["points"]:
        rows.append(["seen at", row["points"]])
    if row["device"]:
        number = f" #{row['fw_conn_id']}" if row["fw_conn_id"] is not None else ""
        rows.append(["logged by", f"{row['device']}{number}"])
    rows.append(["lived", _life(row)])
    if row["ended"]:
        rows.append(["ended", f"{row['ended']}   {row['ending'] or ''}"])
    if row["conn_state"]:
        rows.append(["Zeek", f"{row['conn_state']}   {row['history'] or ''}"])
    return rows


def _life(row: dict[str, Any]) -> str:
    """Its life as the firewall states it; the part that was captured."""
    logged, seen = row["log_duration_s"], row["duration"]
    if logged is None:
        return seconds(seen)
    return seconds(logged) + (f" (captured: {seconds(seen)})" if row["has_packets"] else "")


def _oriented(orientation: str | None) -> str:
    return {
        "syn": "orig sent the SYN",
        "log": "orig as the firewall's log says",
    }.get(orientation or "", "which side opened it is a guess: no SYN and no log line shows it")


def pairing_lines(story: Story, pairing: Pairing) -> list[Line]:
    """What two points show together: offsets, clock, and what happened in between."""
    near, far = story.seen[pairing.near], story.seen[pairing.far]
    lines: list[Line] = []
    pairs = len(pairing.pairs)
    basis = f", identified by {pairing.basis}" if pairing.basis else ""
    lines.append(f"{near.point} and {far.point}: {pairs} segments pair one to one{basis}")
    offsets = [_signed(-offset) for offset in pairing.offset]
    if any(pairing.offset):
        lines.append(
            f"sequence numbers at {near.point} minus {far.point}, constant mod 2^32: "
            f"orig {offsets[Side.ORIG]}, resp {offsets[Side.RESP]}"
        )
    else:
        lines.append("sequence numbers are the same at both: nothing rewrites them")
    lines.append(
        f"clock of {near.point} minus {far.point}: {duration(-pairing.clock_ns)}, "
        f"± {duration(pairing.clock_slack_ns)} (the way between them is part of that)"
    )
    for places, what in (
        (pairing.vanished, "entering"),
        (pairing.created, "leaving"),
    ):
        for number, at in places:
            seen = story.seen[number]
            proof = Span(f" [{seen.proof(seen.tail[at])}]", "proof")
            other = far if number == pairing.near else near
            text = (
                f"a segment seen at {seen.point}, {what} the firewall, has no twin at {other.point}"
            )
            lines.append((text, proof))
    if pairing.unjudged:
        lines.append(
            f"{len(pairing.unjudged)} segments seen at one point only could not have been seen "
            "at the other: nothing follows from them"
        )
    # The offsets are said above; what else was changed follows.
    lines += [what for what in pairing.changed if not what.startswith("sequence numbers")]
    return lines


def _signed(offset: int) -> str:
    """An offset mod 2^32 as the nearer of its two signed readings."""
    value = offset % 2**32
    return f"{value - 2**32 if value >= 2**31 else value:+d}"


def facts(told: Explanation) -> dict[str, Any]:
    """The same as JSON values."""
    from finis.tracking.denials import OF_ALL

    walk = steps(told.story)
    meanings = tell(told.story, walk)
    # Not said: the place in a table that is not shown, and what only the whole log tells.
    return {
        "connection": _without(told.story.row, {"row"}),
        "title": told.title,
        "claims": [claim_fact(claim) for claim in told.claims],
        "alternatives": [{"text": a.text, "decide": a.decide} for a in told.alternatives],
        "contributing": [{"id": name, "title": what} for name, what in told.contributing],
        "remedy": told.remedy,
        "references": told.references,
        "log": {
            "built": str(told.story.built) if told.story.built else None,
            "teardown": str(told.story.teardown) if told.story.teardown else None,
        },
        "denials": [_without(denial, {"story", *OF_ALL}) for denial in told.story.denials],
        "pairings": [pairing_fact(told.story, pairing) for pairing in told.story.pairings],
        "clocks": [{"name": c.name, "shift_ns": c.shift_ns, "why": c.why} for c in told.clocks],
        "steps": [
            {
                "ts": stamp(step.ts_ns),
                "from": "orig" if step.side == Side.ORIG else "resp",
                "flags": flag_words(step),
                "seq": int(step.segment["seq"]),
                "ack": int(step.segment["ack"]),
                "payload_len": int(step.segment["payload_len"]),
                "seen": [told.story.seen[n].point for n in sorted(step.at)],
                "fate": step.fate,
                "proof": [str(proof) for proof in step.proofs],
                "meaning": meaning.text,
            }
            for step, meaning in zip(walk, meanings, strict=True)
        ],
    }


def _without(row: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def claim_fact(claim: Claim) -> dict[str, Any]:
    """A claim as JSON values."""
    return {
        "text": claim.text,
        "proof": [{"file": p.file, p.unit: p.number} for p in claim.proofs],
        "rule": claim.rule,
    }


def pairing_fact(story: Story, pairing: Pairing) -> dict[str, Any]:
    def places(where: list[tuple[int, int]]) -> list[str]:
        return [str(story.seen[n].proof(story.seen[n].tail[at])) for n, at in where]

    return {
        "near": story.seen[pairing.near].point,
        "far": story.seen[pairing.far].point,
        "pairs": len(pairing.pairs),
        "basis": pairing.basis,
        "offset": "near minus far, mod 2^32",
        "orig_seq_offset": int(_signed(-pairing.offset[Side.ORIG])),
        "resp_seq_offset": int(_signed(-pairing.offset[Side.RESP])),
        "clock_ns": -pairing.clock_ns,
        "clock_slack_ns": pairing.clock_slack_ns,
        "vanished": places(pairing.vanished),
        "created": places(pairing.created),
        "unjudged": places(pairing.unjudged),
        "changed": pairing.changed,
    }
