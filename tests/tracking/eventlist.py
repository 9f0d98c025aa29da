"""Small logs for tests, as the columns a dialect would give.

A line is a dict of columns; endpoints are written ``if:address/port`` or ``address/port``, times
are seconds after `START`.  `events` makes a batch of them.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import polars as pl

from finis.tables import EVENTS
from finis.tracking.events import LogOptions, LogTables, LogTracker
from finis.tracking.merging import merge

START = 1_600_000_000
NS = 1_000_000_000
CLIENT, SERVER = "outside:192.0.2.9/40000", "inside:10.0.0.5/443"
Line = dict[str, Any]


def _endpoint(side: str, text: str | None) -> Line:
    if text is None:
        return {}
    interface, _, rest = text.partition(":") if ":" in text else ("", "", text)
    host, _, port = rest.rpartition("/")
    return {
        f"{side}_if": interface or None,
        f"{side}_h": host or None,
        f"{side}_p": int(port) if port else None,
    }


def line(t: float | None, kind: str, a: str | None, b: str | None, **columns: Any) -> Line:
    stamp = None if t is None else START * NS + round(t * NS)
    ends = _endpoint("a", a) | _endpoint("b", b)
    return {"ts": stamp, "kind": kind, "device": "fw", "proto": "tcp", **ends, **columns}


def built(t: float | None, conn_id: int | None, a: str | None = CLIENT, b: str | None = SERVER,
          direction: str | None = "inbound", **columns: Any) -> Line:  # fmt: skip
    """`mapped_a`, `mapped_b`: ``address/port``."""
    for side in "ab":
        if (mapped := columns.pop(f"mapped_{side}", None)) is not None:
            host, _, port = mapped.rpartition("/")
            columns |= {f"{side}_mapped_h": host, f"{side}_mapped_p": int(port)}
    return line(t, "built", a, b, conn_id=conn_id, direction=direction, msg_id="302013", **columns)


def torn(t: float | None, conn_id: int | None, a: str | None = CLIENT, b: str | None = SERVER,
         **columns: Any) -> Line:  # fmt: skip
    defaults = {"duration_s": 10.0, "bytes": 1000, "teardown": "fins", "reason": "TCP FINs",
                "teardown_side": "unknown", "msg_id": "302014"}  # fmt: skip
    return line(t, "teardown", a, b, conn_id=conn_id, **(defaults | columns))


def deny(t: float | None, a: str | None = SERVER, b: str | None = CLIENT, flags: str = "RST",
         **columns: Any) -> Line:  # fmt: skip
    return line(
        t, "deny", a, b, **({"flags": flags, "msg_id": "106015", "denial_kind": "state"} | columns)
    )


def events(lines: Iterable[Line], file: str = "asa.log") -> dict[str, list[Any]]:
    names = [column.name for column in EVENTS]
    numbered = [{"file": file, "line": i, **line} for i, line in enumerate(lines, 1)]
    return {name: [line.get(name) for line in numbered] for name in names}


def batches(lines: list[Line], size: int, file: str = "asa.log") -> Iterable[dict[str, list[Any]]]:
    whole = events(lines, file)
    for at in range(0, len(lines), size):
        yield {name: column[at : at + size] for name, column in whole.items()}


def track(
    *files: list[Line], names: list[str] | None = None, size: int = 16_384,
    options: LogOptions | None = None, devices: dict[str, str] | None = None,
) -> LogTables:  # fmt: skip
    """The tables of these files; all batches of `size` rows."""
    names = names or ["asa.log", *(f"{i}.log" for i in range(1, len(files)))]
    tracker = LogTracker(devices=devices, options=options)
    sources = [iter(batches(f, size, n)) for f, n in zip(files, names, strict=True)]
    for batch in merge(sources):
        tracker.feed(batch)
    return tracker.finish()


def only(lines: list[Line], **options: Any) -> dict[str, Any]:
    """The last denial of a log."""
    chosen = LogOptions(**options) if options else None
    return track(lines, options=chosen).denials.row(-1, named=True)


def rows(frame: pl.DataFrame, *names: str) -> list[Any]:
    """Values of the named columns: a list of tuples, or of values where one is named."""
    picked = frame.select(names).rows()
    return [row[0] for row in picked] if len(names) == 1 else picked


def seconds(frame: pl.DataFrame, column: str) -> list[float | None]:
    """Times as seconds after `START`."""
    values = frame[column].cast(pl.Int64).to_list()
    return [None if v is None else (v - START * NS) / NS for v in values]


def log(count: int = 40, seed: int = 1) -> list[Line]:
    """Connections that begin and end, and denials of some of them, in order of time."""
    random_ = random.Random(seed)
    lines = []
    for i in range(count):
        t = i * 7.0
        a = f"outside:192.0.2.{i % 5}/{1000 + i}"
        end = t + random_.choice((0, 1, 30, 100))
        lines.append(built(t, i, a))
        lines.append(torn(end, i, a, duration_s=end - t, teardown_side="b"))
        # No two alike within a second: at the seam of two files such a pair looks like a copy.
        lines += [
            deny(end + d, SERVER, a) for d in random_.sample((0, 2), random_.choice((0, 1, 2)))
        ]
    return sorted(lines, key=lambda line: line["ts"])


def facts(frame: pl.DataFrame, *drop: str) -> list[Any]:
    """A table's rows without what names a file or a row."""
    places = [n for n in frame.columns if n.endswith(("file", "line")) or n in ("row", "log_row")]
    return sorted(map(repr, frame.drop(*places, *drop).rows()))
