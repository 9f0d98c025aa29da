"""What was read, per source: how much, what period, and what could not be read and where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from finis.report.document import Bullets, Document, Line, Para, Span, Table, common_folder
from finis.words import count, duration, stamp

if TYPE_CHECKING:
    from finis.correlation.stories import Clock
    from finis.wire.source import Source

LISTED = 30  # sources in the table; more are summed up
SKIPPED = 5


def add_sources(
    out: Document, sources: list[Source], skipped: list[tuple[str, str]], clocks: list[Clock]
) -> None:
    """The table of sources, then remarks: assumed zones, damage, unreadable parts, clocks."""
    rows = [_row(source) for source in sources[:LISTED]]
    folder = common_folder([source.path for source in sources])
    if folder:
        out.add(Para(Span(f"in {folder}/", "dim")))
    out.add(Table(["read", "as", "", "", "from", "to (UTC)"], rows, "llrrll"))
    lines = [line for source in sources for line in _remarks(source)]
    if len(sources) > LISTED:
        lines.insert(0, f"… and {len(sources) - LISTED} more sources")
    lines += [f"{clock.name}: {clock.why}" for clock in clocks if clock.shift_ns]
    for path, why in skipped[:SKIPPED]:
        lines.append((Span(path, "proof"), f" {why}: skipped"))
    if len(skipped) > SKIPPED:
        lines.append(f"… and {count(len(skipped) - SKIPPED, 'other file')} skipped")
    if lines:
        out.add(Bullets(lines, 2))


def _row(source: Source) -> list[Line]:
    unit = "line" if source.kind == "log" else "frame"
    what = "event" if source.kind == "log" else "TCP segment"
    return [
        Span(source.path, "proof"),
        source.format,
        count(source.rows, unit),
        count(source.used, what),
        stamp(source.first_ns, dated=source.dated, digits=6 if source.kind == "capture" else 0),
        stamp(source.last_ns, dated=source.dated, digits=6 if source.kind == "capture" else 0),
    ]


def _remarks(source: Source) -> list[Line]:
    name = Span(source.path, "proof")
    lines: list[Line] = []
    if source.used == 0:
        other = ", ".join(f"{n} {what}" for what, n in sorted(source.other.items())[:5])
        what = "line about connections" if source.kind == "log" else "TCP segment"
        lines.append((name, f": no {what} in it" + (f" (but {other})" if other else "")))
    if source.zone_assumed:
        lines.append((name, ": stamps name no time zone, read as given (see --tz)"))
    if source.truncated:
        lines.append((name, ": is cut off; read up to the cut"))
    for reason, times, first in source.problems:
        where = ", ".join(first) + (", …" if times > sum(map(_span, first)) else "")
        lines.append((name, f": {reason}: {times}", Span(f" [{where}]", "proof")))
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
        "first": None if source.first_ns is None else stamp(source.first_ns, dated=source.dated),
        "last": None if source.last_ns is None else stamp(source.last_ns, dated=source.dated),
        "dated": source.dated,
        "zone_assumed": source.zone_assumed,
        "truncated": source.truncated,
        "problems": [
            {"reason": reason, "count": times, "first": first}
            for reason, times, first in source.problems
        ],
    }


def period(sources: list[Source]) -> str:
    """How long the sources span together, dated ones only."""
    starts = [s.first_ns for s in sources if s.dated and s.first_ns is not None]
    ends = [s.last_ns for s in sources if s.dated and s.last_ns is not None]
    return duration(max(ends) - min(starts)) if starts and ends else ""
