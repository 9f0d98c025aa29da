"""Points and logs for tests, made from scripts of traffic through the real tracker."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl

from finis.correlation.evidence import PointData
from finis.tables import DENIAL_FACTS, DENIALS, LOG_CONNECTIONS, polars_schema
from finis.terms import Quirk
from finis.tracking.reference import ReferenceTracker
from finis.wire.source import Points, Source
from tests.script import segments

SECOND = 1_000_000_000


def point(
    name: str,
    traffic: str | np.ndarray | Sequence[str | np.ndarray],  # one per file
    *,
    file: int = 0,
    dated: bool = True,
    margin_s: float = 0.0,  # how long the capture ran before the first and after the last segment
    resolution_ns: int = 1000,
) -> PointData:
    """A point that captured this traffic; an undated one prints times of day."""
    parts = [traffic] if isinstance(traffic, (str, np.ndarray)) else list(traffic)
    registry, sources, rows = Points(), [], []
    for number, part in enumerate(parts, file):
        batch = segments(part) if isinstance(part, str) else part.copy()
        batch["file"] = number
        if not dated:
            batch["ts_ns"] %= 86_400 * SECOND
            batch["quirks"] |= int(Quirk.UNDATED)
        source = Source(number, f"{name}{number}.pcap", registry, name)
        source.dated, source.resolution_ns = dated, resolution_ns
        for ts in (batch["ts_ns"].min() - margin_s * SECOND, batch["ts_ns"].max()):
            source.seen(int(ts))
        source.seen(int(batch["ts_ns"].max() + margin_s * SECOND))
        sources.append(source)
        rows.append(batch)
    tracker = ReferenceTracker()
    everything = np.concatenate(rows)
    everything = everything[np.argsort(everything["ts_ns"], kind="stable")]
    error = everything["quirks"] & int(Quirk.ICMP_ERROR) != 0
    tracker.feed(everything[~error])
    return PointData(name, tracker.finish(), sources, everything[error])


def ts(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def endpoint(text: str) -> tuple[str, int]:
    host, number = text.rsplit(":", 1)
    return host.strip("[]"), int(number)


def logged(**facts: Any) -> dict[str, Any]:
    """A row of LOG_CONNECTIONS; `orig`, `resp` and their `…_mapped` as ``host:port``."""
    row: dict[str, Any] = {"device": "fw", "orientation": "log", "teardown": None}
    for side in ("orig", "resp"):
        real = facts.pop(side)
        row[f"{side}_h"], row[f"{side}_p"] = endpoint(real)
        mapped = facts.pop(f"{side}_mapped", real)
        row[f"{side}_mapped_h"], row[f"{side}_mapped_p"] = endpoint(mapped)
    for what in ("built", "teardown"):
        moment = facts.pop(f"{what}_at", None)
        if moment is not None:
            row[f"{what}_ts"], row[f"{what}_file"] = ts(moment), "asa.log"
            row[f"{what}_line"] = 1 if what == "built" else 2
    return row | facts


def log(*rows: dict[str, Any]) -> pl.DataFrame:
    return _frame(rows, polars_schema(LOG_CONNECTIONS))


def denied(**facts: Any) -> dict[str, Any]:
    """A row of DENIALS + DENIAL_FACTS; `src` and `dst` as ``host:port``."""
    row: dict[str, Any] = {"device": "fw", "file": "asa.log", "line": 9, "unit": "line"}
    row |= {"proto": "tcp", "ts": ts(facts.pop("at"))}
    for side in ("src", "dst"):
        row[f"{side}_h"], row[f"{side}_p"] = endpoint(facts.pop(side))
    return row | facts


def denials(*rows: dict[str, Any]) -> pl.DataFrame:
    return _frame(rows, polars_schema(DENIALS) | polars_schema(DENIAL_FACTS))


def _frame(rows: Sequence[dict[str, Any]], schema: dict[str, pl.DataType]) -> pl.DataFrame:
    numbered = [{"row": number} | row for number, row in enumerate(rows)]
    return pl.DataFrame(numbered, schema=schema)
