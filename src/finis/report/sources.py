"""What was read, per source: how much, what period, and what could not be read and where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from finis.report.document import Block, Line, Para, Span, Table, common_folder
from finis.words import SECOND, count, duration, stamp

if TYPE_CHECKING:
    from finis.correlation.stories import Clock
    from finis.wire.source import Source

LISTED = 12  # sources in the table; more are summed up
FIRST = 6  # remarks above the answer; the others stand at the end of the report
SKIPPED = 5
NAMED = 3  # sources named that share a remark
EXACT = 10 * SECOND  # a period shorter than this is printed to the millisecond


def sources_table(sources: list[Source]) -> list[Block]:
    """What was read, one row per source; beyond LISTED rows they are summed up."""
    blocks: list[Block] = []
    folder = common_folder([source.path for source in sources])
    if folder:
        blocks.append(Para(Span(f"in {folder}/", "dim")))
    rows = [_row(source) for source in sources[:LISTED]]
    others = sources[LISTED:]
    if others:
        rows.append(
            [
                f"… and {count(len(others), 'other')}",
                ", ".join(sorted({source.format for source in others})),
                count(sum(source.rows for source in others), "frame or line", "frames or lines"),
                count(sum(source.used for source in others), "used", "used"),
                "",
            ]
        )
    blocks.append(Table(["read", "as", "", "", "from – to (UTC)"], rows, "llrrl"))
    return blocks


def remarks(
    sources: list[Source], skipped: list[tuple[str, str]], clocks: list[Clock], notes: list[str]
) -> list[Line]:
    """Assumed zones, damage, unreadable parts, clocks, files skipped; what several sources have
    in common is said once."""
    alike: dict[str, list[Source]] = {}
    proofs: dict[str, str] = {}
    for source in sources:
        for text, where in _remarks(source):
            alike.setdefault(text + where, []).append(source)
            proofs[text + where] = where
    lines: list[Line] = []
    for key, members in alike.items():
        names = ", ".join(source.path for source in members[:NAMED])
        more = f" and {len(members) - NAMED} more" if members[NAMED:] else ""
        text = key.removesuffix(proofs[key])
        lines.append((Span(names + more, "proof"), f": {text}", Span(proofs[key], "proof")))
    lines += [f"{clock.name}: {clock.why}" for clock in clocks if clock.shift_ns]
    lines += [(Span(path, "proof"), f" {why}: skipped") for path, why in skipped[:SKIPPED]]
    if len(skipped) > SKIPPED:
        lines.append(f"… and {count(len(skipped) - SKIPPED, 'other file')} skipped")
    return lines + list(notes)


def _row(source: Source) -> list[Line]:
    unit = "line" if source.kind == "log" else "frame"
    what = "event" if source.kind == "log" else "TCP segment"
    return [
        Span(source.path, "proof"),
        source.format,
        count(source.rows, unit),
        count(source.used, what),
        _period(source),
    ]


def _period(source: Source) -> str:
    """First and last stamp; the day of the last only where it is another one."""
    first, last = source.first_ns, source.last_ns
    if first is None or last is None:
        return "no stamps"
    digits = 3 if source.kind == "capture" and last - first < EXACT else 0
    start, end = (stamp(ns, dated=source.dated, digits=digits) for ns in (first, last))
    day, _, clock = end.rpartition(" ")
    return f"{start} – {clock if day and start.startswith(day) else end}"


def _remarks(source: Source) -> list[tuple[str, str]]:
    """(sentence, positions) of one source."""
    lines: list[tuple[str, str]] = []
    if source.used == 0:
        other = ", ".join(f"{n} {what}" for what, n in sorted(source.other.items())[:5])
        what = "line about connections" if source.kind == "log" else "TCP segment"
        lines.append((f"no {what} in it" + (f" (but {other})" if other else ""), ""))
    if source.zone_assumed:
        lines.append(("stamps name no time zone, read as given (see --tz)", ""))
    if source.lost:
        lines.append((f"the capturing tool lost {count(source.lost, 'packet')}", ""))
    if source.truncated:
        lines.append(("is cut off; read up to the cut", ""))
    for reason, times, first in source.problems:
        where = ", ".join(first) + (", …" if times > sum(map(_span, first)) else "")
        lines.append((f"{reason}: {times}", f" [{where}]"))
    return lines


def _span(position: str) -> int:
    """How many lines a position such as ``line 3-7`` stands for."""
    start, dash, end = position.rpartition(" ")[2].partition("-")
    return int(end) - int(start) + 1 if dash else 1


def source_facts(source: Source) -> dict[str, Any]:
    """A source as JSON values."""
    return {
        "path": source.path,
        "kind": source.kind,
        "format": source.format,
        "rows": source.rows,
        "used": source.used,
        "other": source.other,
        "first": _iso(source.first_ns, source.dated),
        "last": _iso(source.last_ns, source.dated),
        "dated": source.dated,
        "zone_assumed": source.zone_assumed,
        "truncated": source.truncated,
        "lost_packets": source.lost,
        "problems": [
            {"reason": reason, "count": times, "first": first}
            for reason, times, first in source.problems
        ],
    }


def _iso(ns: int | None, dated: bool) -> str | None:
    """ISO 8601; a time of day without date where that is all there is."""
    if ns is None:
        return None
    text = stamp(ns, dated=dated)
    return text.replace(" ", "T") + "Z" if dated else text


def period(sources: list[Source]) -> str:
    """How long the sources span together, dated ones only."""
    starts = [s.first_ns for s in sources if s.dated and s.first_ns is not None]
    ends = [s.last_ns for s in sources if s.dated and s.last_ns is not None]
    return duration(max(ends) - min(starts)) if starts and ends else ""
