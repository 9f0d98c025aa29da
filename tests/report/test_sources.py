"""What was read, said once and with positions."""

from __future__ import annotations

from finis.correlation.stories import Clock
from finis.report.document import Document, spans
from finis.report.sources import LISTED, SKIPPED, period, remarks, source_facts, sources_table
from finis.report.text import render
from finis.wire.source import Points, Source

NOON = 1_529_496_000_000_000_000  # 2018-06-20 12:00 UTC
SECOND = 1_000_000_000


def source(path: str, kind: str = "log", **values: object) -> Source:
    made = Source(0, path, Points(), "point", kind, "cisco-asa" if kind == "log" else "pcap")
    made.rows, made.used, made.first_ns, made.last_ns = 10, 5, NOON, NOON + 60 * SECOND
    for name, value in values.items():
        setattr(made, name, value)
    return made


def table(*sources: Source) -> list[str]:
    return render(Document("", sources_table(list(sources))), width=200).splitlines()


def lines(*sources: Source, **rest: object) -> list[str]:
    given = {"skipped": [], "clocks": [], "notes": []} | rest
    made = remarks(list(sources), **given)  # type: ignore[arg-type]
    return ["".join(span.text for span in spans(line)) for line in made]


def test_table() -> None:
    next_day = source("b.pcap", "capture", rows=1, used=1, last_ns=NOON + 86_400 * SECOND)
    brief = source("c.pcap", "capture", last_ns=NOON + SECOND)
    undated = source("d.pcap", "capture", dated=False)
    nothing = source("e.pcap", "capture", first_ns=None, last_ns=None)
    assert [line.split("  ")[-1] for line in table(source("a"), next_day, brief, undated, nothing)][
        1:
    ] == [
        "2018-06-20 12:00:00 – 12:01:00",
        "2018-06-20 12:00:00 – 2018-06-21 12:00:00",
        "2018-06-20 12:00:00.000 – 12:00:01.000",
        "12:00:00 – 12:01:00",
        "no stamps",
    ]


def test_many_sources_are_summed_up() -> None:
    out = table(*(source(f"{n}.log") for n in range(LISTED + 3)))
    assert len(out) == 1 + LISTED + 1
    assert "… and 3 others" in out[-1]
    assert "30 frames or lines" in out[-1]


def test_shared_remarks_are_said_once() -> None:
    many = [source(f"{n}.log", zone_assumed=True) for n in range(5)]
    assert lines(*many) == [
        "0.log, 1.log, 2.log and 2 more: stamps name no time zone, read as given (see --tz)"
    ]


def test_damage_has_positions() -> None:
    broken = source("a.pcap", "capture", truncated=True, used=0, other={"udp": 7, "arp": 1})
    broken.problems.add("frame is too short", "frame 3")
    broken.problems.add("frame is too short", "frame 9", 4)
    assert lines(broken) == [
        "a.pcap: no TCP segment in it (but 1 arp, 7 udp)",
        "a.pcap: is cut off; read up to the cut",
        "a.pcap: frame is too short: 5 [frame 3, frame 9, …]",
    ]


def test_what_the_capturing_tool_lost_is_said() -> None:
    assert any("lost 12 packets" in line for line in lines(source("a.pcapng", "capture", lost=12)))
    assert not any("lost" in line for line in lines(source("a.pcapng", "capture", lost=0)))


def test_runs_of_lines_are_not_followed_by_dots() -> None:
    broken = source("a.log")
    for number in (3, 4, 5, 9):
        broken.problems.add("unreadable", f"line {number}")
    assert lines(broken) == ["a.log: unreadable: 4 [line 3-5, line 9]"]


def test_skipped_clocks_and_notes() -> None:
    clocks = [Clock("inside", 5, "is 5 ns off"), Clock("outside", 0, "reference clock")]
    skipped = [(f"f{n}", "is empty") for n in range(SKIPPED + 1)]
    out = lines(skipped=skipped, clocks=clocks, notes=["a note"])
    assert out[0] == "inside: is 5 ns off"
    assert out[1] == "f0 is empty: skipped"
    assert out[-2:] == ["… and 1 other file skipped", "a note"]


def test_period_spans_dated_sources() -> None:
    assert period([]) == ""
    assert period([source("a", dated=False)]) == ""
    assert period([source("a"), source("b", last_ns=NOON + 3600 * SECOND)]) == "1 h"


def test_facts() -> None:
    made = source_facts(source("a.log", zone_assumed=True))
    assert made["first"] == "2018-06-20T12:00:00.000000Z"
    assert made["zone_assumed"] is True
    assert made["problems"] == []
