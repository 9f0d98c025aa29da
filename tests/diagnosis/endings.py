"""Rows of connections for tests of rules: neutral facts, and what differs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from finis import tables
from finis.correlation.stories import Stories

SCHEMA = tables.polars_schema(tables.CONNECTIONS + tables.STORY_FACTS)
DENIALS = tables.polars_schema(tables.DENIALS + tables.DENIAL_FACTS)
START = datetime(2018, 6, 20, 11, 58, 45, tzinfo=UTC)

Row = dict[str, Any]

_BOTH_NONE = ("rst_class", "rst_answers")
_PAIR: Row = {
    "fin": False, "fin_acked": None, "fins": 0, "rsts": 0, "rst_accept": "none",
    "data_after_fin": 0, "unacked": 0, "rexmit": 0, "keep_alives": 0, "challenge": 0,
    "out_of_window": 0, "zero_windows": 0, "last_win0": False, "alert": "none", "proto": "other",
    "ttl_min": 64, "ttl_max": 64, "dropped": None,
}  # fmt: skip


def row(**values: Any) -> Row:
    """A row with nothing known; unknown column names are refused."""
    unknown = set(values) - set(SCHEMA)
    assert not unknown, unknown
    ends: Row = {
        "orig_h": "203.0.113.147", "orig_p": 43918, "resp_h": "172.17.77.250", "resp_p": 443,
        "orientation": "syn", "first_ts": START, "last_ts": START + timedelta(seconds=125),
        "has_packets": False, "has_log": False,
    }  # fmt: skip
    return dict.fromkeys(SCHEMA) | ends | values


def seen(**values: Any) -> Row:
    """An established connection in a capture of one point, data both ways, no ending."""
    facts: Row = {
        "has_packets": True, "n_points": 1, "midstream": False, "cut_start": False,
        "cut_end": False, "o_syns": 1, "r_syns": 1, "simultaneous_open": False,
        "simultaneous_close": False, "established": True, "ended": "open", "reset_by": "none",
        "first_fin": "none", "fin_by": "none", "rst_by": "none", "first_rst": "none",
        "orig_pkts": 10, "resp_pkts": 10, "orig_bytes": 500, "resp_bytes": 9000, "duration": 125.0,
        "idle_s": 5.0, "closing_gap_s": 0.1, "rtt_s": 0.02, "reuse_gap_s": None,
        "orig_close_notify": "unseen", "resp_close_notify": "unseen", "paired": False,
        "conn_state": "S1", "history": "ShADad",
    }  # fmt: skip
    for side in ("o", "r"):
        facts |= {f"{side}_{name}": value for name, value in _PAIR.items()}
    for name in _BOTH_NONE:
        facts |= {f"orig_{name}": "none", f"resp_{name}": "none"}
    return row(**(facts | values))


def logged(teardown: str | None = None, **values: Any) -> Row:
    """A connection known from the firewall's log alone."""
    facts: Row = {
        "has_log": True, "orientation": "log", "device": "fw", "fw_conn_id": 47772320,
        "built_ts": START, "orig_if": "outside", "resp_if": "inside",
    }  # fmt: skip
    if teardown is not None:
        facts |= {
            "teardown": teardown, "teardown_reason": teardown, "teardown_by": "unknown",
            "teardown_ts": START + timedelta(seconds=125), "log_duration_s": 125.0,
            "log_bytes": 107244, "denials_after": 0,
        }  # fmt: skip
    return row(**(facts | values))


def both(teardown: str, **values: Any) -> Row:
    """The same connection in a capture and in the log."""
    told = {name: value for name, value in logged(teardown).items() if value is not None}
    del told["has_packets"]
    return seen(**(told | values))


def fins(first: str = "orig", **values: Any) -> Row:
    """Facts of two FINs, both acknowledged."""
    second = "resp" if first == "orig" else "orig"
    return {
        "ended": "closed", "first_fin": first, "fin_by": "both",
        "o_fin": True, "r_fin": True, "o_fins": 1, "r_fins": 1,
        "o_fin_acked": True, "r_fin_acked": True,
        f"{first[0]}_fin_s": 124.0, f"{second[0]}_fin_s": 124.5, "fin_gap_s": 0.5,
    } | values  # fmt: skip


def rst(side: str, kind: str = "abort", answers: str = "none", **values: Any) -> Row:
    """Facts of a RST of one side that its peer had to accept."""
    short = side[0]
    return {
        "ended": "reset", "reset_by": side, "rst_by": side, "first_rst": side,
        f"{short}_rsts": 1, f"{short}_rst_s": 125.0, f"{short}_rst_accept": "exact",
        f"{side}_rst_class": kind, f"{side}_rst_answers": answers, f"{short}_rst_ttl": 64,
    } | values  # fmt: skip


def fin_rst(side: str, first: str, **values: Any) -> Row:
    """Facts of FIN followed by RST of `side`, where `first` had sent the first FIN."""
    short = side[0]
    return (
        fins(first)
        | {f"{short}_fin_acked": False}
        | rst(side)
        | {f"{short}_rst_after_own_fin_s": 0.0}
        | values
    )


def embryonic(ended: str = "unanswered", **values: Any) -> Row:
    """A handshake that came to nothing."""
    facts: Row = {
        "ended": ended, "established": False, "o_syns": 1, "r_syns": 0, "orig_pkts": 1,
        "resp_pkts": 0, "orig_bytes": 0, "resp_bytes": 0, "o_proto": "none", "r_proto": "none",
        "conn_state": "S0", "history": "S",
    }  # fmt: skip
    return seen(**(facts | values))


# DESIGN §7: FIN of the server, FIN and RST of the client, RST of the server that the firewall ate.
REFERENCE: Row = both(
    "fins",
    **fins("resp"),
) | {
    "teardown_by": "resp", "teardown_reason": "TCP FINs from INSIDE", "denials_after": 1,
    "first_denial_lag_s": 0.0, "n_points": 2, "paired": True, "midstream": True, "o_syns": 0,
    "r_syns": 0, "orig_bytes": 0, "resp_bytes": 0, "ended": "reset", "reset_by": "orig",
    "rst_by": "both", "first_rst": "orig", "o_rsts": 1, "r_rsts": 1, "o_rst_accept": "exact",
    "r_rst_accept": "unknown", "orig_rst_class": "abort", "orig_rst_answers": "none",
    "resp_rst_class": "no-state", "resp_rst_answers": "fin", "r_rst_lag_s": 61e-6,
    "o_rst_after_own_fin_s": 0.0, "r_rst_after_own_fin_s": 2.536448, "o_fin_acked": False,
    "r_dropped": 1, "o_dropped": 0, "r_dropped_rst": True, "created_rst": "none",
    "o_unacked": 0, "r_unacked": 0, "closing_gap_s": 0.0, "ending": "<F >. >F >R <R!",
}  # fmt: skip


def frame(rows: list[Row]) -> pl.DataFrame:
    """Rows as a table, numbered."""
    numbered = [values | {"row": at, "conn_id": f"C{at}"} for at, values in enumerate(rows)]
    return pl.DataFrame(numbered, schema=SCHEMA)


def stories(rows: list[Row]) -> Stories:
    """Stories without segments or proofs."""
    return Stories(
        table=frame(rows),
        denials=pl.DataFrame(schema=DENIALS),
        clocks=[],
        seen={},
        pairings={},
        proofs={},
    )
