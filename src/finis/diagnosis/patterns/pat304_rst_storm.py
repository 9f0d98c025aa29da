"""RSTs without a connection in great numbers towards one address and port.

## What happened
The firewall refused very many RSTs for which it knew no connection, all towards the same host and
port: somebody sweeps numbers or ports to break connections of that host, or its address was forged
in an attack elsewhere.

## Evidence
A hundred or more RSTs without connection towards one address and port within a minute.

## Look-alikes
Backscatter (PAT303): one host answers many addresses. A host without state answers late segments,
a few per connection (DNY205).

## Harm
Depends: harmless at the firewall, which drops them; harmful where they reach the host by another
way.

## What to change
Filter forged sources at the edge; look whether connections of that host ended by reset at the same
time (END316, END319).

## References
RFC 5961; RFC 4953; RFC 2827.
"""

from __future__ import annotations

import polars as pl

from finis.diagnosis.cause import Claim
from finis.diagnosis.denials import _facts
from finis.diagnosis.patterns._api import Pattern, PatternFinding
from finis.diagnosis.patterns._rows import TOLD, distinct, examples, moment
from finis.diagnosis.patterns._whole import Whole
from finis.terms import Confidence, Harm
from finis.words import endpoint

MIN_IN_A_MINUTE = 100


class RstStorm(Pattern):
    id = "PAT304"
    name = "rst-storm"
    title = "RSTs without a connection in great numbers towards one port"
    fewest = MIN_IN_A_MINUTE
    harm = Harm.DEPENDS
    confidence = Confidence.LIKELY
    remedy = {
        "ASA": "`ip verify reverse-path` on the interface they come from; `show threat-detection"
        " rate`",
        "network": "filter forged sources at the edge (RFC 2827)",
    }
    references = ("RFC 5961", "RFC 4953", "RFC 2827")
    not_this = ("backscatter would show one source at many targets (PAT303)",)

    @classmethod
    def find(
        cls, connections: pl.LazyFrame, denials: pl.LazyFrame, whole: Whole
    ) -> list[PatternFinding]:
        asked = _facts.IN_FULL
        stray = asked["state"] & asked["unmatched"] & asked["rst"]
        stray &= pl.col("dst_h").is_not_null()
        rows = distinct(denials).filter(stray)
        target = ["dst_h", "dst_p"]
        rows = whole.likely(rows, target, MIN_IN_A_MINUTE)
        many = rows.group_by(target).len().filter(pl.col("len") >= MIN_IN_A_MINUTE)
        rows = (
            rows.join(many, on=target, how="semi", nulls_equal=True).select(*TOLD).collect().lazy()
        )
        peak = (
            rows.group_by(*target, minute=pl.col("ts").dt.truncate("1m"))
            .len("n")
            .group_by(target)
            .agg(peak=pl.col("n").max())
            .filter(pl.col("peak") >= MIN_IN_A_MINUTE)
        )
        grouped = (
            rows.join(peak, on=target, nulls_equal=True)
            .group_by(target)
            .agg(
                n=pl.len(),
                peak=pl.col("peak").first(),
                sources=pl.col("src_h").n_unique(),
                first=pl.col("ts").min(),
                last=pl.col("ts").max(),
            )
            .with_columns(key="dst_h")
            .collect()
        )
        grouped = whole.named(grouped, "dst_h").sort(
            ["n", *target], descending=[True, False, False]
        )
        return [cls._finding(row, rows, whole) for row in grouped.iter_rows(named=True)]

    @classmethod
    def _finding(cls, row: dict, rows: pl.LazyFrame, whole: Whole) -> PatternFinding:  # type: ignore[type-arg]
        mine = rows.filter(
            (pl.col("dst_h") == row["key"]) & pl.col("dst_p").eq_missing(row["dst_p"])
        )
        return cls.finding(
            f"{endpoint(row['dst_h'], row['dst_p'])} was sent {row['n']} RSTs without a connection",
            denials=row["n"],
            first_ts=moment(row["first"]),
            last_ts=moment(row["last"]),
            hosts=(row["dst_h"],),
            claims=(
                Claim(f"Up to {row['peak']} came in one minute, from {row['sources']} addresses."),
                *examples(mine, whole),
            ),
        )
