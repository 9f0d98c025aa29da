"""Small logs for tests, as the columns a dialect would give.

A line is a dict of columns; endpoints are written ``if:address/port`` or ``address/port``, times
are seconds after `START`.  `events` makes a batch of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import polars as pl

from finis.tables import EVENTS
from finis.tracking.events import LogOptions, LogTables, LogTracker, merge

START = 1_600_000_000
NS = 1_000_000_000
CLIENT, SERVER = "outside:192.0.2.9/40000", "inside:10.0.0.5/443"
Line = dict[str, Any]


def _endpoint(side: str, text: str | None) -> Line:
    if text is None:
        return {}
    interface, _, rest = text.rpartition(":")
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


def rows(frame: pl.DataFrame, *names: str) -> list[Any]:
    """Values of the named columns: a list of tuples, or of values where one is named."""
    picked = frame.select(names).rows()
    return [row[0] for row in picked] if len(names) == 1 else picked
