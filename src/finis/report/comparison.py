"""`compare`: where two connections part, and what follows from it.

The two are told from their closers' side: A closes first, B answers.  So a close by the client
and one by the server can be laid beside each other step by step.
"""

from __future__ import annotations

import re
from typing import Any

from finis.correlation.stories import Story
from finis.records import dataclass
from finis.report.document import Bullets, Document, Heading, Line, Para, Span, Style, Table
from finis.report.explanation import Explanation
from finis.report.meaning import alert_of, tell
from finis.report.steps import Step, ending_start, flag_words, steps
from finis.terms import Alert, Flag, Role, Side
from finis.words import SECOND, count, duration, endpoint, lag, seconds

SHOWN = 60  # steps of each ending laid side by side


@dataclass(frozen=True, slots=True)
class Move:
    """One step of an ending, told by role: A closed (or reset) first, B is the other."""

    who: str  # A or B
    what: str  # FIN, RST, data, alert, ACK of FIN, ACK …
    after_ns: int  # since the first FIN or RST; since the first segment where there is none
    step: Step
    meaning: str

    @property
    def key(self) -> tuple[str, str]:
        return self.who, self.what


def moves(told: Explanation) -> list[Move]:
    """The ending of one connection as moves, retransmissions and copies left out."""
    walk = steps(told.story)
    if not walk:
        return []
    meanings = tell(told.story, walk)
    start = ending_start(walk)
    closer, zero = walk[start].side, walk[start].ts_ns
    out = []
    for step, meaning in list(zip(walk, meanings, strict=True))[start:]:
        if step.segment["role"] & Role.RETRANSMISSION:
            continue
        who = "A" if step.side == closer else "B"
        what = _what(told.story, step)
        out.append(Move(who, what, step.ts_ns - zero, step, _by_role(meaning.text, closer)))
    return out


def _by_role(text: str, closer: Side) -> str:
    """A meaning that speaks of orig and resp, told of A and B."""
    names = {"orig": "A", "resp": "B"} if closer == Side.ORIG else {"orig": "B", "resp": "A"}
    return re.sub(r"\b(orig|resp)\b", lambda match: names[match[1]], text)


def _what(story: Story, step: Step) -> str:
    flags, size = step.flags, int(step.segment["payload_len"])
    if flags & Flag.SYN:
        return "SYN ACK" if flags & Flag.ACK else "SYN"
    if flags & Flag.RST:
        return "RST" if flags & Flag.ACK else "RST without ACK"
    alert = size and alert_of(story, step) != Alert.NONE
    lead = ("alert" if alert else "data") if size else ""
    if flags & Flag.FIN:
        return f"{lead} + FIN" if lead else "FIN"
    if lead:
        return lead
    return "ACK of FIN" if step.segment["role"] & Role.ACKS_FIN else "ACK"


def parting(first: list[Move], second: list[Move]) -> int:
    """Index of the first move in which two endings differ; the length of the shorter if none."""
    for number, (a, b) in enumerate(zip(first, second, strict=False)):
        if a.key != b.key:
            return number
    return min(len(first), len(second))


def document(first: Explanation, second: Explanation) -> Document:
    """The report on two connections."""
    return _document(first, second).shortened(first.folder)


def _document(first: Explanation, second: Explanation) -> Document:
    out = Document("Two connections compared")
    names = [first.story.row["conn_id"], second.story.row["conn_id"]]
    out.add(Heading(f"{names[0]} and {names[1]} compared"))
    out.add(Table(["", *names], _facts_table(first, second)))
    left, right = moves(first), moves(second)
    if not left or not right:
        missing = " and ".join(
            name for name, walk in zip(names, (left, right), strict=True) if not walk
        )
        out.add(Para(f"No packets of {missing} were captured: only the facts above can be held "
                     "against each other."))  # fmt: skip
        return out
    at = parting(left, right)
    out.add(Heading("Where they part", 2), Para(Span(_sentence(left, right, at), "strong")))
    out.add(Table(["", "after", names[0], "after", names[1]], _side_by_side(left, right, at)))
    out.add(Para(Span("A is the side that closed or reset first, B the other.", "dim")))
    for name, walk in zip(names, (left, right), strict=True):
        if not any("FIN" in move.what or "RST" in move.what for move in walk):
            text = f"{name} shows no FIN and no RST: its steps begin with its first segment, by A."
            out.add(Para(Span(text, "dim")))
    out.add(Heading("What follows", 2), Bullets(_follows(first, second, left, right, at), 2))
    return out


def _facts_table(first: Explanation, second: Explanation) -> list[list[Line]]:
    def row(name: str, read: Any) -> list[Line]:
        values = [read(told.story.row) or "–" for told in (first, second)]
        style: Style = "strong" if values[0] != values[1] else "dim"
        return [Span(name, "dim"), *(Span(str(value), style) for value in values)]

    return [
        row("orig", lambda r: endpoint(r["orig_h"], r["orig_p"])),
        row("resp", lambda r: endpoint(r["resp_h"], r["resp_p"])),
        row("lived", lambda r: seconds(r["duration"])),
        row("first FIN", lambda r: r["first_fin"]),
        row("FIN by", lambda r: r["fin_by"]),
        row("between FINs", lambda r: None if r["fin_gap_s"] is None else seconds(r["fin_gap_s"])),
        row("RST by", lambda r: r["rst_by"]),
        row("close_notify orig", lambda r: r["orig_close_notify"]),
        row("close_notify resp", lambda r: r["resp_close_notify"]),
        row("ended", lambda r: r["ended"]),
        row("ending", lambda r: r["ending"]),
        row("firewall says", lambda r: r["teardown_reason"]),
        row("denials after", lambda r: str(r["denials_after"] or 0)),
        row("cause", lambda r: f"{r['cause']} {r['cause_name']}"),
        row("verdict", lambda r: f"{r['harm']}, {r['confidence']}"),
    ]


def _sentence(left: list[Move], right: list[Move], at: int) -> str:
    if at >= len(left) and at >= len(right):
        return "They end alike: every step of the ending is the same."
    if at == 0:
        return f"At the very first step: {_named(left, 0)} against {_named(right, 0)}."
    place = f"After {at} equal steps" if at > 1 else "At the answer to the first " + left[0].what
    return f"{place}: {_named(left, at)} against {_named(right, at)}."


def _named(walk: list[Move], at: int) -> str:
    if at >= len(walk):
        return "nothing more"
    move = walk[at]
    return f"{move.who} sends {move.what} after {duration(move.after_ns)}"


def _side_by_side(left: list[Move], right: list[Move], at: int) -> list[list[Line]]:
    rows: list[list[Line]] = []
    for number in range(min(SHOWN, max(len(left), len(right)))):
        mark = "=" if number < at else ("≠" if number == at else " ")
        cells: list[Line] = [Span(mark, "strong" if number == at else "dim")]
        for walk in (left, right):
            if number < len(walk):
                move = walk[number]
                fate = " ✕ dropped" if move.step.fate == "vanished" else ""
                proof = Span("  " + " ".join(str(p) for p in move.step.proofs[:1]), "proof")
                cells += [f"+{duration(move.after_ns)}", (f"{move.who} {move.what}{fate}", proof)]
            else:
                cells += ["", ""]
        rows.append(cells)
    return rows


def _follows(
    first: Explanation, second: Explanation, left: list[Move], right: list[Move], at: int
) -> list[Line]:
    lines: list[Line] = []
    for told, walk in ((first, left), (second, right)):
        row = told.story.row
        rest = "; then ".join(
            f"{move.who} {move.what} (+{duration(move.after_ns)}): {move.meaning}"
            for move in walk[at : at + 6]
        )
        lead = Span(f"{row['conn_id']}: ", "strong")
        lines.append((lead, rest or "nothing more was seen", f". Ended: {row['ended']}."))
    gaps = [_closing_gap(walk) for walk in (left, right)]
    if gaps[0] is not None and gaps[1] is not None:
        lines.append(
            f"B closed {duration(gaps[0])} after A in the first, "
            f"{duration(gaps[1])} in the second: "
            "as long as B waits, A's side and the firewall must keep the half-closed connection."
        )
    for told in (first, second):
        row = told.story.row
        if row["denials_after"]:
            both = first.story.row["denials_after"] and second.story.row["denials_after"]
            lines.append(
                f"{'' if both else 'Only '}{row['conn_id']} left the firewall something to "
                f"refuse: {count(row['denials_after'], 'denial')}, "
                f"the first {lag(row['first_denial_lag_s'])}."
            )
    return lines


def _closing_gap(walk: list[Move]) -> int | None:
    for move in walk:
        if move.who == "B" and "FIN" in move.what and not move.what.startswith("ACK"):
            return move.after_ns
    return None


def facts(first: Explanation, second: Explanation) -> dict[str, Any]:
    """The same as JSON values."""
    left, right = moves(first), moves(second)
    at = parting(left, right)

    def walk(side: list[Move]) -> list[dict[str, Any]]:
        return [
            {
                "who": move.who,
                "what": move.what,
                "side": "orig" if move.step.side == Side.ORIG else "resp",
                "after_s": move.after_ns / SECOND,
                "flags": flag_words(move.step),
                "fate": move.step.fate,
                "meaning": move.meaning,
                "proof": [str(proof) for proof in move.step.proofs],
            }
            for move in side
        ]

    return {
        "first": {"connection": first.story.row, "ending": walk(left)},
        "second": {"connection": second.story.row, "ending": walk(right)},
        "part_at": at if left and right else None,
        "part": _sentence(left, right, at) if left and right else None,
    }
