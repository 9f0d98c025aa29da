"""After a failover many connections were refused at once.

## What happened
The other unit of a firewall pair took over and did not know the connections of the first.

## Evidence
Five or more denials for lack of a connection within an hour of the same failover of one device, and
less than half as many in the hour before it.

## Look-alikes
Asymmetric routing refuses before and after alike. A failover with state shows few or none.

## Harm
Harmful: connections that were alive broke.

## What to change
Stateful failover, and replication of short connections (HTTP) where they matter.

## References
Stateful failover in the firewall's configuration guide.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from finis.diagnosis.cause import Claim
from finis.diagnosis.patterns._api import Pattern, PatternFinding
from finis.diagnosis.patterns._rows import distinct, examples, moment, said
from finis.diagnosis.patterns._whole import Whole
from finis.diagnosis.telling import span
from finis.terms import Confidence, Harm

MIN_DENIALS = 5
CAUSE = "DNY315"
SAME_BEFORE = (CAUSE, "DNY402", "DNY403", "DNY901")  # what DNY315 is without a failover
BEFORE = timedelta(hours=1)
MAX_BEFORE = 0.5  # as many before, per denial after: then the failover explains nothing


class FailoverLosses(Pattern):
    id = "PAT204"
    name = "failover-losses"
    title = "connections lost in a failover"
    fewest = MIN_DENIALS
    harm = Harm.HARMFUL
    confidence = Confidence.LIKELY
    remedy = {
        "ASA": "`failover link`, `failover replication http`; `show failover` shows the state"
    }
    references = ("Cisco ASA syslog messages 104001, 104002, 210005 and following",)
    not_this = ("asymmetric routing would refuse as much before the failover",)

    @classmethod
    def find(
        cls, connections: pl.LazyFrame, denials: pl.LazyFrame, whole: Whole
    ) -> list[PatternFinding]:
        second = pl.duration(seconds=1)
        rows = distinct(denials).filter((pl.col("cause") == CAUSE) & (pl.col("failover_s") >= 0))
        rows = rows.with_columns(
            # Stamps have whole seconds: the same failover may come out one second apart.
            failover=(
                pl.col("ts") - pl.col("failover_s").round().cast(pl.Int64) * second
            ).dt.truncate("10s")
        )
        every = rows.collect()
        counted = every.group_by("device", "failover").len("n").filter(pl.col("n") >= MIN_DENIALS)
        out = []
        for row in counted.sort(["n", "failover"], descending=[True, False]).iter_rows(named=True):
            part = every.filter(
                pl.col("device").eq_missing(row["device"]) & (pl.col("failover") == row["failover"])
            ).sort("ts", "row")
            first, last = moment(part["ts"].min()), moment(part["ts"].max())
            when = None if first is None else first - timedelta(seconds=part["failover_s"][0])
            if when is not None and _before(denials, row["device"], when) > MAX_BEFORE * row["n"]:
                continue
            lasted = span((last - first) / timedelta(seconds=1)) if first and last else "?"
            out.append(
                cls.finding(
                    f"{row['n']} denials after the failover of {row['device'] or 'the firewall'}"
                    f" at {said(when)}",
                    denials=row["n"],
                    first_ts=first,
                    last_ts=last,
                    hosts=whole.top(part.lazy(), "src_h"),
                    claims=(
                        Claim(f"They were refused for lack of a connection over {lasted}."),
                        *examples(part.lazy(), whole),
                    ),
                )
            )
        return out


def _before(denials: pl.LazyFrame, device: str | None, failover: datetime) -> int:
    """Like denials of the device in the hour before its failover."""
    like = (
        distinct(denials)
        .filter(
            pl.col("device").eq_missing(pl.lit(device))
            & pl.col("cause").is_in(SAME_BEFORE)
            & pl.col("ts").is_between(failover - BEFORE, failover, closed="left")
        )
        .select(pl.len())
    )
    return int(like.collect().item())
