"""Many connections of one host ended within the same second.

## What happened
A host ended connections that had begun at different times, all at once: a process or the host was
stopped or restarted, a pool was emptied, or a device in front of it gave up.

## Evidence
Ten or more connections ended by the same host within one second, begun at least ten seconds apart,
and twenty times more than this host usually ends per second.

## Look-alikes
A browser or scanner that opens and closes many connections together: they also begin together. A
busy server that ends as many in every second.

## Harm
Depends on whether a restart was intended.

## What to change
Look at the host's log at that moment.

## References
RFC 9293 §3.10.5 (what a host sends when a process ends).
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import PLACE
from finis.diagnosis.cause import Claim
from finis.diagnosis.patterns._api import Pattern, PatternFinding
from finis.diagnosis.patterns._rows import first, moment, said
from finis.diagnosis.patterns._whole import Whole
from finis.diagnosis.telling import span
from finis.terms import Confidence, Harm

MIN_CONNECTIONS = 10
MIN_APART_S = 10.0
TIMES_USUAL = 20.0
NS = 1_000_000_000


class EndedAtOnce(Pattern):
    id = "PAT205"
    name = "ended-at-once"
    title = "many connections of one host ended within the same second"
    of_connections_alone = True
    fewest = MIN_CONNECTIONS
    harm = Harm.DEPENDS
    confidence = Confidence.LIKELY
    remedy = {
        "host": "look at its log at that moment: a restart, a deployment, memory exhausted",
        "Linux": "journalctl --since around that moment; systemctl status; dmesg | grep -i oom",
        "AWS": "deregistration and health checks of the target group at that moment",
        "HAProxy": "hard-stop-after bounds how long a reload lets old sessions live",
    }
    references = ("RFC 9293 §3.10.5",)
    not_this = (
        "connections opened and closed together (a browser, a scanner): these had begun apart",
    )

    @classmethod
    def find(
        cls, connections: pl.LazyFrame, denials: pl.LazyFrame, whole: Whole
    ) -> list[PatternFinding]:
        ends = ended_by(whole.ended_often())
        many = (  # few hosts have any second like that
            ends.group_by("host", "second")
            .len("n")
            .filter(pl.col("n") >= MIN_CONNECTIONS)
            .select(pl.col("host").unique())
        )
        ends = ends.join(many, on="host", how="semi").collect().lazy()
        per_second = ends.group_by("host", "second").agg(
            n=pl.len(),
            first_start=pl.col("first_ts").min(),
            last_start=pl.col("first_ts").max(),
            ts=pl.col("ended_ts").min(),
            till=pl.col("ended_ts").max(),
            stories=first(),
        )
        usual = ends.group_by("host").agg(
            total=pl.len(),
            seconds=(pl.col("ended_ts").max() - pl.col("ended_ts").min()).dt.total_seconds() + 1,
        )
        apart = (pl.col("last_start") - pl.col("first_start")).dt.total_seconds()
        others = (pl.col("total") - pl.col("n")) / pl.col("seconds")
        found = (
            per_second.join(usual, on="host")
            .with_columns(apart=apart, others=others)
            .filter(
                (pl.col("n") >= MIN_CONNECTIONS)
                & (pl.col("apart") >= MIN_APART_S)
                & (pl.col("n") >= TIMES_USUAL * pl.col("others"))
            )
            .collect()
        )
        found = whole.named(found, "host").sort(
            ["n", "host", "second"], descending=[True, False, False]
        )
        return [
            cls.finding(
                f"{row['host']} ended {row['n']} connections within the second of"
                f" {said(moment(row['ts']))}",
                connections=row["n"],
                first_ts=moment(row["ts"]),
                last_ts=moment(row["till"]),
                hosts=(row["host"],),
                claims=(
                    Claim(f"They had begun over {span(row['apart'])}."),
                    Claim(f"Otherwise this host ended {row['others']:.2g} per second."),
                ),
                stories=tuple(row["stories"]),
            )
            for row in found.iter_rows(named=True)
        ]


def ended_by(connections: pl.LazyFrame) -> pl.LazyFrame:
    """One row per connection a host is known to have ended: host, ended_ts, second, first_ts."""
    by_packets = (
        pl.when(pl.col("first_fin").is_in(["orig", "resp"]))
        .then(pl.col("first_fin"))
        .when(pl.col("first_rst").is_in(["orig", "resp"]))
        .then(pl.col("first_rst"))
    )
    after = [
        pl.when(pl.col("first_fin") == side)
        .then(pl.col(f"{letter}_fin_s"))
        .when(pl.col("first_rst") == side)
        .then(pl.col(f"{letter}_rst_s"))
        for side, letter in (("orig", "o"), ("resp", "r"))
    ]
    by = pl.coalesce(by_packets, "teardown_by")
    packets_ts = pl.col("first_ts") + pl.duration(nanoseconds=pl.coalesce(*after) * NS)
    ended = pl.coalesce(
        pl.when(by_packets.is_not_null()).then(packets_ts), "teardown_ts", "last_ts"
    )
    return (
        connections.filter(pl.col("established").fill_null(True))
        .select(
            "row",
            *PLACE,
            "first_ts",
            host=pl.when(by == "orig").then("orig_h").when(by == "resp").then("resp_h"),
            ended_ts=ended,
        )
        .filter(pl.col("host").is_not_null() & pl.col("ended_ts").is_not_null())
        .with_columns(second=pl.col("ended_ts").dt.truncate("1s"))
    )
