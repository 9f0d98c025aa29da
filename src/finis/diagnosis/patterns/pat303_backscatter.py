"""One host answers many addresses that never asked: backscatter of an attack elsewhere.

## What happened
Somebody attacks a server with packets whose forged sources include your addresses. The server's
answers arrive here and are refused.

## Evidence
SYN ACK or RST of one address and port to ten or more different targets without a connection, of
which at least eight in ten open no connection in the whole log.

## Look-alikes
Asymmetric routing concerns hosts that are in use, and open connections that this log shows.

## Harm
Harmless for you.

## What to change
Nothing.

## References
RFC 4987 (SYN flooding); Moore, Voelker, Savage: Inferring Internet Denial-of-Service Activity,
USENIX Security 2001.
"""

from __future__ import annotations

import polars as pl

from finis.diagnosis.cause import Claim
from finis.diagnosis.denials import _facts
from finis.diagnosis.patterns._api import Pattern, PatternFinding
from finis.diagnosis.patterns._rows import TOLD, distinct, examples, moment
from finis.diagnosis.patterns._whole import Whole
from finis.terms import Confidence, Harm
from finis.words import endpoint, share

MIN_TARGETS = 10
MIN_SHARE = 0.8


class Backscatter(Pattern):
    id = "PAT303"
    name = "backscatter"
    title = "one host answers many addresses that never asked"
    fewest = MIN_TARGETS
    harm = Harm.HARMLESS
    confidence = Confidence.LIKELY
    remedy = {"anyone": "leave it"}
    references = ("RFC 4987", "Moore, Voelker, Savage (2001)")
    not_this = (
        "asymmetric routing would show targets that open connections of their own (DNY401)",
    )

    @classmethod
    def find(
        cls, connections: pl.LazyFrame, denials: pl.LazyFrame, whole: Whole
    ) -> list[PatternFinding]:
        asked = _facts.IN_FULL
        answer = asked["state"] & asked["unmatched"] & (asked["syn_ack"] | asked["rst"])
        rows = distinct(denials).filter(answer & pl.col("src_h").is_not_null())
        source = ["src_h", "src_p"]
        rows = whole.likely(rows, source, MIN_TARGETS)
        many = rows.group_by(source).len().filter(pl.col("len") >= MIN_TARGETS)
        rows = (
            rows.join(many, on=source, how="semi", nulls_equal=True).select(*TOLD).collect().lazy()
        )
        target, silent = pl.struct("dst_h", "dst_p"), pl.col("opened") == 0
        hosts = rows.select("dst_h").unique().collect()["dst_h"]
        # Without any connection in the input nobody opens anything: that shows nothing.
        if not len(hosts) or not whole.any_opened():
            return []
        opened = pl.DataFrame({"dst_h": hosts, "opened": whole.opened(hosts)}).lazy()
        grouped = (
            rows.join(opened, on="dst_h", how="left", nulls_equal=True)
            .group_by(source)
            .agg(
                n=pl.len(),
                targets=target.n_unique(),
                silent=target.filter(silent).n_unique(),
                first=pl.col("ts").min(),
                last=pl.col("ts").max(),
            )
            .filter(
                (pl.col("targets") >= MIN_TARGETS)
                & (pl.col("silent") >= MIN_SHARE * pl.col("targets"))
            )
            .with_columns(key="src_h")
            .collect()
        )
        grouped = whole.named(grouped, "src_h").sort(
            ["n", *source], descending=[True, False, False]
        )
        out = []
        for row in grouped.iter_rows(named=True):
            mine = rows.filter(
                (pl.col("src_h") == row["key"]) & pl.col("src_p").eq_missing(row["src_p"])
            )
            out.append(
                cls.finding(
                    f"{endpoint(row['src_h'], row['src_p'])} answered {row['targets']} targets"
                    " that never asked",
                    denials=row["n"],
                    first_ts=moment(row["first"]),
                    last_ts=moment(row["last"]),
                    hosts=(row["src_h"],),
                    claims=(
                        Claim(
                            f"{share(row['silent'], row['targets'])} of these targets open no"
                            " connection in this log."
                        ),
                        *examples(mine, whole),
                    ),
                )
            )
        return out
