"""Connections of one host went unanswered at the same time: the host or the way to it vanished.

## What happened
A host that had several connections fell silent in all of them at the same time: it crashed, lost
power or its network, or the path to it broke. The others repeat what they have to say
and give up.

## Evidence
Five or more connections in which this host was the silent one, given up by the others within half a
minute (END407, END408, END410), and at least half of those this host still had then.

## Look-alikes
A process that ends closes or resets its connections (PAT205). A firewall that forgets connections
drops what comes later, one by one. Single deaths happen on lossy paths.

## Harm
Harmful: every connection in use was lost.

## What to change
Look at the host's uptime, console and link at that moment; at the devices on the way to it.

## References
RFC 9293 §3.8.3 and §3.5.1 (half-open connections).
"""

from __future__ import annotations

import polars as pl

from finis.diagnosis.cause import Claim
from finis.diagnosis.patterns._api import EXAMPLES, Pattern, PatternFinding
from finis.diagnosis.patterns._rows import moment, said
from finis.diagnosis.patterns._whole import Whole
from finis.terms import Confidence, Harm

DEATHS = ["END407", "END408", "END410"]
MIN_CONNECTIONS = 5
WITHIN = "30s"
MIN_SHARE = 0.5
SILENT_S = 0.5  # it said nothing while the other side still tried


class HostVanished(Pattern):
    id = "PAT206"
    name = "host-vanished"
    title = "connections of one host went unanswered at the same time"
    of_connections_alone = True
    fewest = (MIN_CONNECTIONS + 1) // 2  # one may go from a host to itself
    harm = Harm.HARMFUL
    confidence = Confidence.LIKELY
    remedy = {
        "host": "its uptime, console and link at that moment (Linux: `last -x`, `journalctl -b -1`;"
        " Windows: event 41 or 6008)",
        "network": "the interfaces and routes towards it at that moment",
        "client": "keep-alive or TCP_USER_TIMEOUT, so that the loss is noticed early",
    }
    references = ("RFC 9293 §3.8.3", "RFC 9293 §3.5.1")
    not_this = ("a process that ended: there its host sends FIN or RST (PAT205)",)

    @classmethod
    def find(
        cls, connections: pl.LazyFrame, denials: pl.LazyFrame, whole: Whole
    ) -> list[PatternFinding]:
        dead = pl.col("cause").is_in(DEATHS).fill_null(False)
        seen = connections.filter(
            pl.col("first_ts").is_not_null() & pl.col("last_ts").is_not_null()
        )
        both = pl.concat(
            seen.select(
                "row",
                "first_ts",
                "last_ts",
                host=f"{side}_h",
                peer=f"{other}_h",
                dead=dead & (pl.col(f"{side[0]}_last_seg_s") > SILENT_S),
            )
            for side, other in (("orig", "resp"), ("resp", "orig"))
        ).filter(pl.col("host").is_not_null())
        died = (
            both.filter("dead")
            .with_columns(slot=pl.col("last_ts").dt.truncate(WITHIN))  # of those who went on
            .group_by("host", "slot")
            .agg(
                n=pl.len(),
                peers=pl.col("peer").n_unique(),
                first=pl.col("last_ts").min(),
                last=pl.col("last_ts").max(),
                stories=pl.col("row").sort().head(EXAMPLES),
            )
            .filter(pl.col("n") >= MIN_CONNECTIONS)
            .sort(["n", "slot"], descending=[True, False])
            .unique("host", keep="first", maintain_order=True)
            .collect()
        )
        if died.is_empty():
            return []
        alive = (
            both.join(died.lazy().select("host", "slot", "first"), on="host")
            .filter(
                (pl.col("first_ts") <= pl.col("first")) & (pl.col("last_ts") >= pl.col("first"))
            )
            .group_by("host", "slot")
            .agg(total=pl.len())
            .collect()
        )
        found = died.join(alive, on=["host", "slot"]).filter(
            pl.col("n") >= MIN_SHARE * pl.col("total")
        )
        found = whole.named(found, "host").sort(
            ["peers", "n", "host"], descending=[True, True, False]
        )
        return [cls._finding(row) for row in found.iter_rows(named=True)]

    @classmethod
    def _finding(cls, row: dict) -> PatternFinding:  # type: ignore[type-arg]
        return cls.finding(
            f"{row['host']} went silent in {row['n']} connections around"
            f" {said(moment(row['first']))}",
            connections=row["n"],
            first_ts=moment(row["first"]),
            last_ts=moment(row["last"]),
            hosts=(row["host"],),
            claims=(Claim(f"It had {row['total']} connections at that moment."),),
            stories=tuple(row["stories"]),
        )
