"""`explain`: one connection told step by step, with its sequence ladder across the points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from finis.correlation.stories import Proof, Story
from finis.report.document import Line, Para, Pre, Span, path_begins, spans
from finis.report.meaning import Told, tell
from finis.report.steps import Step, flag_words, numbers, steps
from finis.terms import Side
from finis.words import SECOND, duration, lag, stamp

if TYPE_CHECKING:
    from datetime import datetime

Row = tuple[int, list[str], Line]  # when, cells as in the header, meaning

HOP = 12  # columns between two verticals of the ladder
BELOW = 4  # indent of what is said below an arrow where a row does not fit on one line
TOGETHER = 72  # characters of meaning and proof that share a line there
SHOWN = 400  # steps drawn; the middle of a longer walk is folded into one line


def ladder(story: Story, folder: str = "") -> Pre:
    """The ladder as aligned lines; a walk longer than SHOWN steps is folded in its middle.
    `folder` is left out of the names of files."""
    walk = steps(story)
    told = tell(story, walk)
    dated = all(seen.dated for seen in story.seen)
    rows: list[Row] = []
    fold = range(SHOWN // 2, len(walk) - SHOWN // 2) if len(walk) > SHOWN else range(0)
    previous: int | None = None
    for number, (step, meaning) in enumerate(zip(walk, told, strict=True)):
        if number in fold:
            if number == fold.start:
                hidden = f"… {len(fold)} segments not drawn …"
                rows.append((step.ts_ns, ["", "", hidden, "", "", ""], ""))
            continue
        cells = _segment_row(story, step, previous, dated)
        rows.append((step.ts_ns, cells, _meaning(meaning)))
        previous = step.ts_ns
    rows += _log_rows(story)
    rows.sort(key=lambda row: row[0])
    if folder:
        begin = path_begins(folder)
        for _, cells, _ in rows:
            cells[-1] = begin.sub("", cells[-1])
    header = _header(story, dated)
    return Pre(_aligned(header, rows), narrow=_narrow(header, rows))


def _header(story: Story, dated: bool) -> list[str]:
    return ["time (UTC)" if dated else "time of day", "", _heads(story), "segment", "", "proof"]


def _heads(story: Story) -> str:
    """Names over the verticals, centred, cut so that they do not touch."""
    names = ["orig", *(seen.point for seen in story.seen), "resp"]
    line = [" "] * (HOP * (len(names) - 1) + HOP)
    for number, name in enumerate(names):
        shown = name[: HOP - 1]
        start = max(0, number * HOP - len(shown) // 2) if number else 0
        for offset, char in enumerate(shown):
            line[start + offset] = char
    return "".join(line).rstrip()


def _segment_row(story: Story, step: Step, previous: int | None, dated: bool) -> list[str]:
    delta = "" if previous is None else "+" + duration(max(0, step.ts_ns - previous))
    proof = " ".join(str(proof) for proof in step.proofs)
    when = stamp(step.ts_ns, dated=dated)
    return [when[-15:], delta, draw(story, step), flag_words(step), numbers(step), proof]


def draw(story: Story, step: Step) -> str:
    """The arrow of one segment: ``●`` where a point saw it, ``✕`` where it ended, ``?`` where it
    could not have been seen."""
    last = len(story.seen) + 1
    seen = sorted(number + 1 for number in step.at)
    line = ["│" if x % HOP == 0 else " " for x in range(last * HOP + 1)]
    forward = step.side == Side.ORIG
    start, end = (0, last * HOP) if forward else (last * HOP, 0)
    if step.fate == "vanished":
        end = (max(seen) * HOP + HOP // 2) if forward else (min(seen) * HOP - HOP // 2)
    if step.fate == "created":
        start = (min(seen) * HOP - HOP // 2) if forward else (max(seen) * HOP + HOP // 2)
    low, high = min(start, end), max(start, end)
    for x in range(low + 1, high):
        line[x] = "┼" if x % HOP == 0 else "─"
    for number in seen:
        line[number * HOP] = "●"
    if step.fate == "unjudged":
        for number in range(1, last):
            if number not in seen:
                line[number * HOP] = "?"
    if step.fate == "vanished":
        line[end] = "✕"
    else:
        line[end + (-1 if forward else 1)] = "▶" if forward else "◀"
    if step.fate == "created":
        line[start] = "+"
    return "".join(line)


def _meaning(told: Told) -> Line:
    return Span(told.text, told.style)


def _log_rows(story: Story) -> list[Row]:
    """Built, Teardown and denials.  Where a log prints whole seconds, Built comes before and the
    others after the packets of that second."""
    row: dict[str, Any] = story.row
    out: list[Row] = []

    def add(when: datetime | None, what: str, proof: Proof, meaning: str, order: int) -> None:
        if when is None:
            return
        ns = int(when.timestamp()) * SECOND
        if when.microsecond:
            at = ns + when.microsecond * 1000
        else:
            at = ns + (0 if order == 0 else SECOND - 10 + order)
        cells = [
            stamp(at, dated=False) if when.microsecond else f"{when:%H:%M:%S}",
            "",
            "",
            what,
            "",
            str(proof),
        ]
        out.append((at, cells, Span(meaning, "dim")))

    if story.built is not None:
        number = f" {row['fw_conn_id']}" if row["fw_conn_id"] is not None else ""
        add(row["built_ts"], "log: Built", story.built, f"the firewall opens connection{number}", 0)
    if story.teardown is not None:
        reason = row["teardown_reason"] or "no reason given"
        meaning = f"the firewall forgets the connection: {reason}"
        add(row["teardown_ts"], "log: Teardown", story.teardown, meaning, 1)
    for denial in story.denials[:SHOWN]:
        meaning = f"the firewall refuses {denial['flags'] or denial['proto']}"
        meaning += f", {lag(denial['lag_s'])}"
        proof = Proof(denial["file"], denial["line"], denial["unit"])
        # A packet from a drop capture is a denial without a message.
        what = f"log: {denial['msg_id']}" if denial["msg_id"] else "refused"
        add(denial["ts"], what, proof, meaning, 2)
    return out


def _widths(header: list[str], rows: list[Row]) -> list[int]:
    return [max([len(head), *(len(cells[i]) for _, cells, _ in rows)])
            for i, head in enumerate(header)]  # fmt: skip


def _aligned(header: list[str], rows: list[Row]) -> list[Line]:
    """One line per row."""
    widths = _widths(header, rows)
    out: list[Line] = [(Span(_padded(header, widths) + "  what it means", "dim"),)]
    for _, cells, meaning in rows:
        proof = Span(cells[-1].ljust(widths[-1]), "proof")
        out.append(_joined(_padded(cells[:-1], widths) + "  ", proof, "  ", meaning))
    return out


def _narrow(header: list[str], rows: list[Row]) -> tuple[Pre | Para, ...]:
    """Time, arrow and segment on one line; below it what it means and where to check it."""
    widths = _widths(header, [row for row in rows if row[1][2]])[:4]
    out: list[Pre | Para] = [Pre([Span(_padded(header[:4], widths), "dim")])]
    for _, cells, meaning in rows:
        when, _, arrow, what, values, proof = cells
        if not arrow:
            lead = f"{when:{widths[0]}}  {what}: "
            out.append(Para(_joined(lead, meaning, Span(f"  {proof}", "proof"))))
            continue
        out.append(Pre([_padded(cells[:4], widths)]))
        rest = Span("  ".join(part for part in (values, proof) if part), "proof")
        said = sum(len(span.text) for span in spans(meaning))
        if said + len(rest.text) <= TOGETHER:
            out.append(Para(_joined(meaning, "  ", rest), BELOW))
        else:
            out += [Para(meaning, BELOW)] if said else []
            out += [Para(rest, BELOW)] if rest.text else []
    return tuple(out)


def _padded(cells: list[str], widths: list[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=False))


def _joined(*lines: Line) -> Line:
    return tuple(span for line in lines for span in spans(line))
