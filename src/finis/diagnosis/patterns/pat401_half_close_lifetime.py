"""How long a host keeps a connection it has closed while the peer has not.

## What happened
A host that closes first waits for the peer's FIN (FIN-WAIT-2), but not for ever. A FIN that comes
in time is acknowledged; one that comes later meets no connection and draws a RST without ACK bit.

## Evidence
Over at least three connections of each kind the longest wait that was still acknowledged is shorter
than the shortest that drew a RST: the lifetime lies between.

## Look-alikes
If both kinds overlap, time does not decide: the peer's own RST may have removed the state, or
several hosts share the address. No value is given then.

## Harm
Harmless by itself: both sides had closed. It explains the RSTs a firewall refuses (DNY205).

## What to change
A longer lifetime at this host, or peers that close sooner after the end of the stream.

## References
RFC 9293 §3.6 and §3.10.7.1; Linux tcp(7): tcp_fin_timeout, TCP_LINGER2.
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import PLACE
from finis.diagnosis.cause import Claim
from finis.diagnosis.patterns._api import Pattern, PatternFinding
from finis.diagnosis.patterns._rows import first, moment
from finis.diagnosis.patterns._whole import Whole
from finis.diagnosis.telling import span
from finis.terms import Answers, Confidence, Harm, RstClass, word

MIN_EACH = 3
NO_STATE = [word(RstClass.NO_STATE), word(RstClass.NO_STATE_ACK)]


class HalfCloseLifetime(Pattern):
    id = "PAT401"
    name = "half-close-lifetime"
    title = "how long a host keeps a connection that only it has closed"
    of_connections_alone = True
    fewest = 2 * MIN_EACH
    harm = Harm.HARMLESS
    confidence = Confidence.LIKELY
    remedy = {
        "server": "a longer FIN-WAIT-2 (Linux `net.ipv4.tcp_fin_timeout`, TCP_LINGER2; FIN timer of"
        " a load balancer)",
        "client": "close soon after the end of the stream was read",
        "Linux": "net.ipv4.tcp_fin_timeout (closed sockets in FIN-WAIT-2, 60 s) and TCP_LINGER2",
        "HAProxy": "timeout client-fin, timeout server-fin",
    }
    references = ("RFC 9293 §3.6, §3.10.7.1", "Linux tcp(7)")
    not_this = ("the peer's RST overtaking its FIN: waits of both kinds would overlap",)

    @classmethod
    def find(
        cls, connections: pl.LazyFrame, denials: pl.LazyFrame, whole: Whole
    ) -> list[PatternFinding]:
        waits = pl.concat(
            _waits(connections, first, other) for first, other in (("resp", "o"), ("orig", "r"))
        )
        kept, lost = ~pl.col("reset"), pl.col("reset")
        grouped = (
            waits.group_by("host")
            .agg(
                kept=kept.sum(),
                lost=lost.sum(),
                kept_max=pl.col("wait").filter(kept).max(),
                lost_min=pl.col("wait").filter(lost).min(),
                first=pl.col("last_ts").min(),
                last=pl.col("last_ts").max(),
                stories=first(lost),
            )
            .filter(
                (pl.col("kept") >= MIN_EACH)
                & (pl.col("lost") >= MIN_EACH)
                & (pl.col("kept_max") < pl.col("lost_min"))
            )
        )
        grouped = whole.named(grouped, "host").sort(["lost", "host"], descending=[True, False])
        return [
            cls.finding(
                f"{row['host']} forgets a connection it has closed after"
                f" {span(row['kept_max'])} to {span(row['lost_min'])}",
                connections=row["kept"] + row["lost"],
                first_ts=moment(row["first"]),
                last_ts=moment(row["last"]),
                hosts=(row["host"],),
                claims=(
                    Claim(f"{row['kept']} FINs within {span(row['kept_max'])} were acknowledged."),
                    Claim(
                        f"{row['lost']} FINs after {span(row['lost_min'])} or more drew a RST.",
                        rule="RFC 9293 §3.10.7.1",
                    ),
                ),
                stories=tuple(row["stories"]),
            )
            for row in grouped.iter_rows(named=True)
        ]


def _waits(connections: pl.LazyFrame, first: str, other: str) -> pl.DataFrame:
    """Connections that the side `first` closed first: its host, how long it waited for the peer's
    FIN, and whether that FIN drew a RST (else it was acknowledged)."""
    reset = pl.col(f"{first}_rst_class").is_in(NO_STATE) & (
        pl.col(f"{first}_rst_answers") == word(Answers.FIN)
    )
    return (
        connections.filter(
            (pl.col("first_fin") == first)
            & (pl.col("fin_by") == "both")
            & (pl.col("fin_gap_s") >= 0)
        )
        .select(
            "row",
            *PLACE,
            "last_ts",
            host=f"{first}_h",
            wait=pl.col("fin_gap_s"),
            reset=reset.fill_null(False),
            acked=pl.col(f"{other}_fin_acked").fill_null(False),
        )
        .filter(pl.col("reset") | pl.col("acked"))
        .drop("acked")
        .collect()
    )
