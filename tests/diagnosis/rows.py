"""Rows of the judged tables, written by what matters in a case; all other facts are null."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from finis import tables

DENIAL = tables.polars_schema(tables.DENIALS + tables.DENIAL_FACTS)

NEUTRAL: dict[str, Any] = {
    "device": "fw",
    "file": "asa.log",
    "line": 7,
    "unit": "line",
    "msg_id": "106015",
    "kind": "state",
    "proto": "tcp",
    "interface": "inside",
    "src_h": "10.0.0.5",
    "src_p": 443,
    "dst_h": "198.51.100.7",
    "dst_p": 50000,
    "flags": "ACK",
    "count": 1,
    "seen_before": "yes",
    "pending_syn": False,
    "repeat": 0,
    "repeats": 1,
    "src_fanout": 1,
    "src_refused": 1,
    "dst_fanin": 1,
}


def denial(**values: Any) -> dict[str, Any]:
    """A denial row: ASA 106015 `ACK` from a server, about a connection the log knows; every fact
    not given is null."""
    unknown = set(values) - set(DENIAL)
    assert not unknown, unknown
    return dict.fromkeys(DENIAL) | NEUTRAL | values


CONNECTION = tables.polars_schema(tables.CONNECTIONS + tables.STORY_FACTS)
START = datetime(2024, 5, 1, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def connections(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Stories from orig 192.0.2.1 to resp 10.0.0.5:443, established, one minute long; facts not
    given are null."""
    full = []
    for number, row in enumerate(rows):
        start = row.pop("start", 0.0)
        assert not set(row) - set(CONNECTION), row
        full.append(
            dict.fromkeys(CONNECTION)
            | {
                "row": number,
                "orig_h": "192.0.2.1",
                "orig_p": 40000 + number % 20000,
                "resp_h": "10.0.0.5",
                "resp_p": 443,
                "first_ts": at(start),
                "last_ts": at(start + 60),
                "established": True,
                "device": "fw",
            }
            | row
        )
    return pl.DataFrame(full, schema=CONNECTION)


def denials(rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(
        [denial(**({"row": n, "line": n + 1} | row)) for n, row in enumerate(rows)], schema=DENIAL
    )
