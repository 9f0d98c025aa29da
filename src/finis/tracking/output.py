"""What following a log gives: rows of connections and of denials, in the order they come.

This is the readable form; `finis.tracking.packed` keeps the same in packed rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from finis.tables import DENIAL_FACTS, DENIALS, LOG_CONNECTIONS, polars_schema
from finis.terms import ICMP_PROTOCOLS, Teardown, word
from finis.tracking.columns import CHUNK, Rows
from finis.tracking.eventrow import (
    A_H,
    A_IF,
    A_P,
    ACL,
    B_H,
    B_P,
    BYTES,
    CONN_ID,
    DENIAL_KIND,
    DURATION_S,
    FILE,
    FLAGS,
    HIT_COUNT,
    INITIATOR,
    KIND,
    LINE,
    MSG_ID,
    PROTO,
    REASON,
    REASON_BY,
    TS,
    USER,
    seconds,
)

if TYPE_CHECKING:
    from finis.tracking.devices import Tracked

LOG = polars_schema(LOG_CONNECTIONS)
AT_END = (
    "teardown_ts", "teardown_file", "teardown_line", "duration_s", "bytes", "reason", "teardown",
    "teardown_by",
)  # fmt: skip
# What denials tell of a connection, and the make of its device.
LATER = ("denials_after", "first_denial_lag_s", "product")
LINGER = ("removed_ts", "certainty")  # of a firewall that logs states
AT_START = [name for name in LOG if name not in (*AT_END, *LATER, *LINGER)]
# Columns of a denial that are known when the line is read; the rest of the two tables is joined or
# stays null.
NOW = (
    "row", "ts", "device", "file", "line", "msg_id", "proto", "interface", "src_h", "src_p",
    "dst_h", "dst_p", "flags", "acl", "count", "lag_s", "seen_before", "duplicate_of", "unit",
    "kind", "reason", "unknown_why", "from_side", "pending_syn", "failover_s", "log_row", "reach_s",
    "permitted_by", "permitted_file", "permitted_line", "segment_file", "segment_frame",
)  # fmt: skip
REFUSED = polars_schema(DENIALS) | polars_schema(DENIAL_FACTS)
STILL_OPEN = word(Teardown.STILL_OPEN)


def refusal_kind(kind: Any, proto: Any, denial_kind: Any) -> tuple[str, Any]:
    """(kind of the denial, protocol to show) of an event that refuses a packet."""
    said = "icmp" if kind == "icmp" else denial_kind
    if said is None or said == "state":  # an ICMP message has no state of its own
        said = "icmp" if proto in ICMP_PROTOCOLS else said or "other"
    # The protocol of the packet that an ICMP error quotes is not the one refused.
    return said, "icmp" if said == "icmp" else proto


def came_in_by(kind: Any, a_if: Any, reason_by: Any) -> Any:
    """The interface that a refused packet came in by: of an ICMP error not that of the packet it
    quotes."""
    return reason_by if kind == "icmp" and reason_by else a_if


class Output:
    """Rows so far.  `built`, `torn`: what is learnt of a denial after its line; `lingers`: of a
    connection whose firewall keeps its entry after the end."""

    def __init__(self) -> None:
        integer, real = pl.Int64(), pl.Float64()
        self.starts = Rows({name: LOG[name] for name in AT_START})
        self.ends = Rows({"row": integer} | {name: LOG[name] for name in AT_END})
        self.denials = Rows({name: REFUSED[name] for name in NOW})
        self.torn = Rows(
            {"row": integer, "late_row": integer, "late_side": pl.String(), "late_lag_s": real}
        )
        self.built = Rows({"row": integer, "syn_after_s": real})
        self.lingers = Rows({"row": integer} | {name: LOG[name] for name in LINGER})

    def start(
        self, count: int, device: str, row: tuple[Any, ...], orig: int, how: str,
        ts: int | None, file: str | None, line: int | None,
    ) -> None:  # fmt: skip
        """What is known when a connection is built (or guessed from its Teardown)."""
        if orig:
            r_if, r_h, r_p, rm_h, rm_p, o_if, o_h, o_p, om_h, om_p = row[A_IF:INITIATOR]
        else:
            o_if, o_h, o_p, om_h, om_p, r_if, r_h, r_p, rm_h, rm_p = row[A_IF:INITIATOR]
        self.starts.pending.append(
            (count, device, row[CONN_ID], o_h, o_p, o_if, om_h, om_p, r_h, r_p, r_if, rm_h,
             rm_p, how, row[USER], ts, file, line, row[FLAGS] == "state-bypass")
        )  # fmt: skip
        if len(self.starts.pending) >= CHUNK:
            self.starts.flush()

    def end(self, count: int, row: tuple[Any, ...], how: str, by: str) -> None:
        """What its Teardown says."""
        self.ends.pending.append(
            (count, row[TS], row[FILE], row[LINE], seconds(row[DURATION_S]), row[BYTES],
             row[REASON], how, by)
        )  # fmt: skip
        if len(self.ends.pending) >= CHUNK:
            self.ends.flush()

    def denial(
        self, number: int, device: Tracked, row: tuple[Any, ...], copy_row: int | None,
        lag_s: float | None, seen: str, why: str | None, side: str | None, pending: bool,
        failover_s: float | None, log_row: int | None, reach_s: float | None,
        permit: tuple[str | None, str | None, int | None],
    ) -> None:  # fmt: skip
        """A denial as known when its line is read."""
        kind, shown = refusal_kind(row[KIND], row[PROTO], row[DENIAL_KIND])
        interface = came_in_by(row[KIND], row[A_IF], row[REASON_BY])
        hits = row[HIT_COUNT]
        self.denials.pending.append(
            (number, row[TS], device.name, row[FILE], row[LINE], row[MSG_ID], shown, interface,
             row[A_H], row[A_P], row[B_H], row[B_P], row[FLAGS], row[ACL],
             1 if hits is None else hits, lag_s, seen, copy_row, "line", kind, row[REASON], why,
             side, pending, failover_s, log_row, reach_s, *permit, None, None)
        )  # fmt: skip
        if len(self.denials.pending) >= CHUNK:
            self.denials.flush()

    def torn_later(self, device: Tracked, denial: int, row: int, side: str, lag_s: float) -> None:
        """A Teardown logged after this denial is of the connection before it."""
        self.torn.pending.append((denial, row, side, lag_s))
        if len(self.torn.pending) >= CHUNK:
            self.torn.flush()

    def built_later(self, device: Tracked, denial: int, after_s: float) -> None:
        """The tuple of this denial is built anew."""
        self.built.pending.append((denial, after_s))
        if len(self.built.pending) >= CHUNK:
            self.built.flush()

    def linger(self, count: int, removed: int | None, certainty: str | None) -> None:
        """When the entry of a connection was removed, and how sure the reason of its end is; what
        is said first counts."""
        self.lingers.pending.append((count, removed, certainty))
        if len(self.lingers.pending) >= CHUNK:
            self.lingers.flush()

    def connections(self) -> pl.DataFrame:
        """tables.LOG_CONNECTIONS in order of row, without what denials tell."""
        ended = pl.col("teardown").is_not_null()
        later = [pl.lit(None, LOG[name]).alias(name) for name in LATER]
        return (
            self.starts.frame()
            .join(self.ends.frame(), on="row", how="left")
            .join(self.lingered(), on="row", how="left")
            .with_columns(
                pl.when(ended).then("teardown").otherwise(pl.lit(STILL_OPEN)),
                *later,
                certainty=pl.when(ended).then(pl.col("certainty").fill_null("stated")),
            )
            .select(list(LOG))
            .sort("row")
        )

    def lingered(self) -> pl.DataFrame:
        """Of every connection whose firewall logs states: its entry's removal, and how sure the
        reason is."""
        return (
            self.lingers.frame()
            .group_by("row")
            .agg(pl.col(name).drop_nulls().first() for name in LINGER)
        )

    def refused(self) -> pl.DataFrame:
        """The columns NOW of all denials."""
        return self.denials.frame()
