"""The Cisco ASA dialect: headers, messages, reasons, oddities and damage."""

from __future__ import annotations

import io
from datetime import UTC
from typing import Any

from finis import tables
from finis.wire.dialects import cisco_asa
from finis.wire.source import Points, Reading, Source


def read(text: str | bytes, **reading: Any) -> tuple[Source, list[dict[str, Any]]]:
    data = text.encode() if isinstance(text, str) else text
    source = Source(0, "logs/fw.log", Points(), "fw")
    rows: list[dict[str, Any]] = []
    for batch in cisco_asa.read(io.BytesIO(data), source, Reading(**{"tz": UTC, **reading})):
        assert list(batch) == [column.name for column in tables.EVENTS]
        rows += [dict(zip(batch, row, strict=True)) for row in zip(*batch.values(), strict=True)]
    return source, rows


def test_built_names_both_endpoints_and_who_began() -> None:
    _, [row] = read(
        "<166>Mar 02 2024 08:00:01 fw1 : %ASA-6-302013: Built inbound TCP connection 77 for "
        "outside:198.51.100.7/50123 (198.51.100.7/50123) to dmz:10.1.1.5/443 (192.0.2.5/443)\n"
    )
    assert (row["a_h"], row["a_p"], row["b_h"], row["b_mapped_h"]) == (
        "198.51.100.7", 50123, "10.1.1.5", "192.0.2.5",
    )  # fmt: skip
    assert (row["initiator"], row["device"], row["text_ok"]) == ("a", "fw1", "full")
