"""A server closes connections that have been idle for a fixed time.

## What happened
The server has an idle timer (keep-alive timeout). When a connection has carried nothing for that
long, the server closes it. Many closes of this server come after the same silence.

## Evidence
Of the connections this server closed first after two seconds of silence or more, at least eight and
at least six in ten closed after the same silence, within 5 %. The value is their median.

## Look-alikes
Silences spread over a wide range come from users or from the application's work, not from a timer.
A load balancer or proxy in the server's address has a timer of its own, and shows in the same way.

## Harm
Harmless by itself. If a client, proxy or load balancer in front keeps idle connections longer than
this, some requests will meet a closing connection (keep-alive race).

## What to change
Let whatever reuses connections to this server give them up a few seconds earlier than the server.

## References
RFC 9112 §9.5 (failures and timeouts).
"""

from __future__ import annotations

import math

import polars as pl

from finis.correlation.stories import PLACE
from finis.diagnosis.cause import Claim
from finis.diagnosis.patterns._api import Pattern, PatternFinding
from finis.diagnosis.patterns._rows import first, moment, timer
from finis.diagnosis.patterns._whole import Whole
from finis.terms import Confidence, Harm
from finis.words import endpoint, share

MIN_GAP_S = 2.0  # a shorter silence is the work between two requests
MIN_CLOSES = 8
MIN_SHARE = 0.6
SPREAD = 0.05  # relative width of a cluster
KNOWN = {
    5: "the default of Apache httpd (KeepAliveTimeout) and Node.js",
    60: "a usual value of load balancers (AWS ALB)",
    65: "a usual value of nginx configurations",
    75: "the default of nginx (keepalive_timeout)",
    120: "the default of IIS",
    240: "the value of Azure Load Balancer",
    300: "a usual value of load balancers",
    350: "the value of AWS Network Load Balancer",
    600: "the value of Google Cloud load balancing",
    900: "the value of Linux IPVS",
}


class ServerIdleTimer(Pattern):
    id = "PAT101"
    name = "server-idle-timer"
    title = "a server closes idle connections after a fixed time"
    of_connections_alone = True
    fewest = MIN_CLOSES
    harm = Harm.HARMLESS
    confidence = Confidence.LIKELY
    remedy = {
        "client": "keep idle connections to this server for less than its timer",
        "server": "a timer longer than that of any proxy or load balancer in front of it",
        "AWS": "ALB: idle_timeout.timeout_seconds below the targets' keep-alive",
        "HAProxy": "timeout http-keep-alive and timeout server below the server's timer",
        "nginx": "keepalive_timeout in the upstream block below the server's timer",
    }
    references = ("RFC 9112 §9.5",)
    not_this = ("user behaviour: the silences would be spread over a wide range",)

    @classmethod
    def find(
        cls, connections: pl.LazyFrame, denials: pl.LazyFrame, whole: Whole
    ) -> list[PatternFinding]:
        server = ["resp_h", "resp_p"]
        by_server = (pl.col("first_fin") == "resp") | (
            pl.col("first_fin").is_in(["none"]) & (pl.col("first_rst") == "resp")
        )
        closes = (
            connections.filter(by_server & (pl.col("closing_gap_s") >= MIN_GAP_S))
            .select(*server, "row", *PLACE, "orig_h", "last_ts", gap="closing_gap_s")
            .collect()
        )
        enough = closes.group_by(server).len("n").filter(pl.col("n") >= MIN_CLOSES)
        closes = closes.join(enough, on=server, how="semi")
        clusters = densest(closes, server, "gap", SPREAD)
        grouped = (
            closes.join(clusters, on=server)
            .group_by(server)
            .agg(
                total=pl.len(),
                hit=pl.col("gap").is_between("low", "high").sum(),
                value=pl.col("gap").filter(pl.col("gap").is_between("low", "high")).median(),
                first=pl.col("last_ts").min(),
                last=pl.col("last_ts").max(),
                stories=first(pl.col("gap").is_between("low", "high")),
            )
            .filter((pl.col("hit") >= MIN_CLOSES) & (pl.col("hit") >= MIN_SHARE * pl.col("total")))
        )
        grouped = whole.named(grouped, "resp_h").sort(
            ["hit", *server], descending=[True, False, False]
        )
        return [cls._finding(row) for row in grouped.iter_rows(named=True)]

    @classmethod
    def _finding(cls, row: dict) -> PatternFinding:  # type: ignore[type-arg]
        value, hit, total = row["value"], row["hit"], row["total"]
        server = endpoint(row["resp_h"], row["resp_p"])
        claims = [
            Claim(
                f"{hit} of its {total} closes after a silence ({share(hit, total)}) came"
                f" {timer(value)} after the last segment."
            )
        ]
        usual = next((why for at, why in KNOWN.items() if abs(value - at) <= 0.03 * at), None)
        if usual:
            claims.append(Claim(f"That is {usual}."))
        return cls.finding(
            f"{server} closes connections after {timer(value)} of silence",
            connections=hit,
            first_ts=moment(row["first"]),
            last_ts=moment(row["last"]),
            hosts=(row["resp_h"],),
            claims=tuple(claims),
            stories=tuple(row["stories"]),
        )


def densest(frame: pl.DataFrame, keys: list[str], column: str, spread: float) -> pl.DataFrame:
    """Per key the interval ``[low, high]`` of relative width `spread` that holds most values.

    Values are counted in logarithmic bins, once more shifted by half a bin, so that a cluster
    on a bin's edge is not cut in two.  Values must be positive.
    """
    width = math.log1p(spread)
    scaled = pl.col(column).log() / width
    binned = pl.concat(
        frame.select(*keys, at=(scaled + shift).floor() - shift) for shift in (0.0, 0.5)
    )
    return (
        binned.group_by(*keys, "at")
        .len("n")
        .sort(["n", "at"], descending=[True, False])
        .group_by(keys, maintain_order=True)
        .first()
        .select(*keys, low=(pl.col("at") * width).exp(), high=((pl.col("at") + 1) * width).exp())
    )
