"""One source tried many ports or hosts, and almost nothing answered.

## What happened
A host tried to reach many different address-port pairs. Nearly all attempts were refused, reset
without data, unanswered, or denied by the firewall.

## Evidence
Twenty or more different targets that failed, and failures in at least eight of ten attempts of this
source.

## Look-alikes
A monitoring system or an inventory scanner of your own; a client whose servers are down tries few
targets many times, not many targets.

## Harm
Depends on who it is: from outside it is background noise, from inside it may be a compromised host.

## What to change
From inside: look at the host. From outside: nothing, or block it.

## References
MITRE ATT&CK T1046 (network service discovery).
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import PLACE
from finis.diagnosis.cause import Claim
from finis.diagnosis.patterns._api import Pattern, PatternFinding
from finis.diagnosis.patterns._rows import distinct, examples, first, moment
from finis.diagnosis.patterns._whole import Whole
from finis.terms import Confidence, Ended, Harm, Teardown, word
from finis.words import count, share

MIN_TARGETS = 20
MIN_SHARE = 0.8
FAILED = [word(Ended.REFUSED), word(Ended.UNANSWERED)]
# Not RESET_ORIG: who resets after the answer got one (a health check, or an open port).
RESETS = [word(Teardown.RESET_RESP), word(Teardown.RESET_SIDE_UNKNOWN)]
GIVEN_UP = [word(Teardown.SYN_TIMEOUT), word(Teardown.TCP_INTERCEPT)]
REFUSALS = ["DNY101", "DNY102", "DNY601", "DNY602"]


class PortScan(Pattern):
    id = "PAT301"
    name = "port-scan"
    title = "one source tried many targets, almost nothing answered"
    fewest = MIN_TARGETS
    harm = Harm.DEPENDS
    confidence = Confidence.LIKELY
    remedy = {
        "anyone": "from inside: look at the source host; from outside: nothing, or block it",
        "ASA": "`threat-detection scanning-threat`; `show threat-detection scanning-threat"
        " attacker`",
    }
    references = ("MITRE ATT&CK T1046",)
    not_this = ("a client whose server is down would try few targets many times",)

    @classmethod
    def find(
        cls, connections: pl.LazyFrame, denials: pl.LazyFrame, whole: Whole
    ) -> list[PatternFinding]:
        refused = distinct(denials).filter(pl.col("cause").is_in(REFUSALS))
        failures = [
            whole.likely(rows.filter(pl.col("src_h").is_not_null()), ["src_h"], MIN_TARGETS)
            for rows in (_connections(connections), _denials(refused))
        ]
        counted = pl.concat([rows.group_by("src_h").len("n").collect() for rows in failures])
        often = counted.group_by("src_h").sum().filter(pl.col("n") >= MIN_TARGETS)
        if often.is_empty():  # few sources fail that often
            return []
        many = [rows.join(often.lazy(), on="src_h", how="semi").collect() for rows in failures]
        grouped = (
            pl.concat(many)
            .group_by(source="src_h")
            .agg(
                failed=pl.len(),
                denied=pl.col("row").is_null().sum(),
                targets=pl.struct("host", "port").n_unique(),
                hosts=pl.col("host").n_unique(),
                ports=pl.col("port").n_unique(),
                first=pl.col("ts").min(),
                last=pl.col("ts").max(),
                stories=first(pl.col("row").is_not_null()),
            )
            .filter(pl.col("targets") >= MIN_TARGETS)
        )
        grouped = grouped.with_columns(
            key="source", total=whole.opened(grouped["source"]) + grouped["denied"]
        ).filter(pl.col("failed") >= MIN_SHARE * pl.col("total"))
        grouped = whole.named(grouped, "source").sort(
            ["targets", "source"], descending=[True, False]
        )
        return [cls._finding(row, refused, whole) for row in grouped.iter_rows(named=True)]

    @classmethod
    def _finding(cls, row: dict, refused: pl.LazyFrame, whole: Whole) -> PatternFinding:  # type: ignore[type-arg]
        source, failed, total = row["source"], row["failed"], row["total"]
        mine = refused.filter(pl.col("src_h") == row["key"])
        return cls.finding(
            f"{source} tried {row['targets']} targets ({count(row['hosts'], 'host')},"
            f" {count(row['ports'], 'port')}),"
            f" {share(failed, total)} failed",
            connections=failed - row["denied"],
            denials=row["denied"],
            first_ts=moment(row["first"]),
            last_ts=moment(row["last"]),
            hosts=(source,),
            claims=(
                Claim(f"{failed} of {total} attempts were refused, unanswered or denied."),
                *examples(mine, whole),
            ),
            stories=tuple(row["stories"]),
        )


def failed() -> pl.Expr:
    """A connection attempt that came to nothing, as packets or the log show it."""
    nothing = pl.col("log_bytes") == 0
    by_log = pl.col("teardown").is_in(GIVEN_UP) | (pl.col("teardown").is_in(RESETS) & nothing)
    return (
        pl.col("ended").is_in(FAILED).fill_null(False)
        | (by_log & ~pl.col("established").fill_null(False))
    ).fill_null(False)


def _connections(connections: pl.LazyFrame) -> pl.LazyFrame:
    return connections.filter(failed()).select(
        "row",
        *PLACE,
        ts="first_ts",
        src_h="orig_h",
        host="resp_h",
        port="resp_p",
    )


def _denials(refused: pl.LazyFrame) -> pl.LazyFrame:
    return refused.select(
        pl.lit(None, pl.Int64).alias("row"),
        pl.lit(None, pl.Int64).alias("begin"),
        pl.lit(None, pl.UInt64).alias("tie"),
        ts="ts",
        src_h="src_h",
        host="dst_h",
        port="dst_p",
    )
