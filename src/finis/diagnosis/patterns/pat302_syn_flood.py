"""Very many SYNs to one port were never completed: a SYN flood.

## What happened
Connection requests from many addresses reached one port faster than it could be, and their
handshakes were never completed. The sources are usually forged.

## Evidence
At least sixty attempts within one minute that were left hanging (a refusal ends an attempt), from
at least fifty addresses in all, and more than half of what was tried at this port.

## Look-alikes
A service that is down is tried again by few clients, slower. A scan comes from one source and
visits many ports (PAT301).

## Harm
Harmful: it fills the server's queue and the firewall's table.

## What to change
SYN cookies on the server, a limit of embryonic connections on the firewall, filtering upstream.

## References
RFC 4987 (SYN flooding).
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import PLACE
from finis.diagnosis.cause import Claim
from finis.diagnosis.patterns._api import Pattern, PatternFinding
from finis.diagnosis.patterns._rows import earliest, moment
from finis.diagnosis.patterns._whole import Whole
from finis.terms import Confidence, Ended, Harm, Teardown, word
from finis.words import endpoint, share

MIN_IN_A_MINUTE = 60
MIN_SOURCES = 50
MIN_SHARE = 0.5


class SynFlood(Pattern):
    id = "PAT302"
    name = "syn-flood"
    title = "very many SYNs to one port were never completed"
    of_connections_alone = True
    fewest = MIN_IN_A_MINUTE
    harm = Harm.HARMFUL
    confidence = Confidence.LIKELY
    remedy = {
        "Linux": "`sysctl net.ipv4.tcp_syncookies=1`, a longer `tcp_max_syn_backlog`",
        "ASA": "`set connection embryonic-conn-max`, so that it answers SYNs with cookies itself",
        "netfilter": "`synproxy` for the service, so that the firewall answers SYNs with cookies "
        "itself",
    }
    references = ("RFC 4987",)
    not_this = ("a service that is down would be tried again by few clients",)

    @classmethod
    def find(
        cls, connections: pl.LazyFrame, denials: pl.LazyFrame, whole: Whole
    ) -> list[PatternFinding]:
        target = ["resp_h", "resp_p"]
        bad = connections.filter(_hanging()).select(*target, "orig_h", "row", *PLACE, ts="first_ts")
        peak = (
            bad.group_by(*target, minute=pl.col("ts").dt.truncate("1m"))
            .len("n")
            .group_by(target)
            .agg(peak=pl.col("n").max())
            .filter(pl.col("peak") >= MIN_IN_A_MINUTE)
            .collect()
        )
        if peak.is_empty():
            return []
        total = peak.select(target).with_columns(total=whole.asked(peak))
        bad = bad.join(peak.lazy(), on=target)
        grouped = (
            bad.group_by(target)
            .agg(
                n=pl.len(),
                peak=pl.col("peak").first(),
                sources=pl.col("orig_h").n_unique(),
                first=pl.col("ts").min(),
                last=pl.col("ts").max(),
            )
            .collect()
            .join(total, on=target)
            .filter(
                (pl.col("sources") >= MIN_SOURCES) & (pl.col("n") >= MIN_SHARE * pl.col("total"))
            )
        )
        if grouped.is_empty():
            return []
        fits = bad.join(grouped.lazy(), on=target, how="semi")
        grouped = grouped.join(earliest(fits, target), on=target)
        grouped = whole.named(grouped, "resp_h").sort(
            ["n", *target], descending=[True, False, False]
        )
        return [
            cls.finding(
                f"{endpoint(row['resp_h'], row['resp_p'])} got {row['n']} SYNs from"
                f" {row['sources']} addresses that were never completed",
                connections=row["n"],
                first_ts=moment(row["first"]),
                last_ts=moment(row["last"]),
                hosts=(row["resp_h"],),
                claims=(
                    Claim(f"Up to {row['peak']} came in one minute."),
                    Claim(f"That is {share(row['n'], row['total'])} of all attempts at this port."),
                ),
                stories=tuple(row["stories"]),
            )
            for row in grouped.iter_rows(named=True)
        ]


def _hanging() -> pl.Expr:
    """An attempt that was neither completed nor refused: that is what fills a queue."""
    by_log = pl.col("teardown").is_in(
        [
            word(reason)
            for reason in (
                Teardown.SYN_TIMEOUT,
                Teardown.SYN_ACK_TIMEOUT,
                Teardown.TCP_INTERCEPT,
            )
        ]
    )
    return (
        (pl.col("ended") == word(Ended.UNANSWERED)).fill_null(False)
        | (by_log & ~pl.col("established").fill_null(False) & pl.col("ended").is_null())
    ).fill_null(False)
