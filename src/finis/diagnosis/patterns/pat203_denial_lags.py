"""How long after the end of their connection denials come.

## What happened
Most firewalls forget a TCP connection the moment it ends. What is still under way then is refused.
How late it comes tells what it is: crossing segments within a second, retransmissions within
minutes, applications that never noticed after hours.

## Evidence
The denials whose connection the log shows removed before, by lag and by the reason of the removal.

## Look-alikes
Lags have the log's resolution of one second. Denials without a known Teardown are not counted.

## Harm
Harmless where all of them are; otherwise it depends on those that are not, which have findings of
their own.

## What to change
Where most come within fifteen seconds of a normal close, a firewall that remembers closed
connections for that long (ASA: `sysopt connection timewait`) refuses fewer. The number given is an
upper bound: how it treats a connection that ended FIN, FIN, RST is not documented.

## References
RFC 9293 §3.6.1 (TIME-WAIT), Cisco ASA command reference: sysopt connection timewait.
"""

from __future__ import annotations

import polars as pl

from finis.diagnosis.cause import Claim
from finis.diagnosis.patterns._api import Pattern, PatternFinding
from finis.diagnosis.patterns._rows import SUMMARY, distinct, examples, summary
from finis.diagnosis.patterns._whole import Whole
from finis.terms import Confidence, Harm, Teardown, word
from finis.words import share

MIN_DENIALS = 10
CLASSES = (
    (1.0, "within 1 s: crossing segments and answers"),
    (15.0, "within 15 s: first retransmissions"),
    (240.0, "within 4 min: retransmissions, FIN-WAIT-2 and TIME-WAIT"),
    (float("inf"), "later: an application that did not know"),
)
TIMEWAIT_S = 15.0


class DenialLags(Pattern):
    id = "PAT203"
    name = "denial-lags"
    title = "how long after the end of their connection denials come"
    fewest = MIN_DENIALS
    harm = Harm.DEPENDS
    confidence = Confidence.CERTAIN
    remedy = {
        "ASA": "`sysopt connection timewait` keeps normally closed connections for at least 15 s"
        " (global, off by default; the table grows by closes per second times 15)",
    }
    references = ("RFC 9293 §3.6.1", "Cisco ASA command reference: sysopt connection timewait")

    @classmethod
    def find(
        cls, connections: pl.LazyFrame, denials: pl.LazyFrame, whole: Whole
    ) -> list[PatternFinding]:
        rows = distinct(denials).filter(
            pl.col("teardown").is_not_null() & pl.col("lag_s").is_not_nan()
        )
        closed = pl.col("teardown") == word(Teardown.FINS)
        hows = (
            rows.group_by(
                "teardown", at=pl.sum_horizontal(pl.col("lag_s") > high for high, _ in CLASSES)
            )
            .agg(
                *SUMMARY,
                soon=(pl.col("lag_s") <= 1.0).sum(),
                kept=(closed & (pl.col("lag_s") < TIMEWAIT_S)).sum(),
            )
            .collect()
            .sort(["n", "teardown"], descending=[True, False])
        )
        every = pl.col("n", "soon", "kept").sum(), pl.col("first").min(), pl.col("last").max()
        [told] = hows.select(*every, pl.col("grave").any()).to_dicts()
        of, soon, kept = summary(told), told["soon"], told["kept"]
        total = of.n
        if total < MIN_DENIALS:
            return []
        claims = []
        for number, (_, what) in enumerate(CLASSES):
            after = hows.filter(pl.col("at") == number)
            if n := int(after["n"].sum()):
                reasons = ", ".join(after["teardown"].head(3))
                claims.append(Claim(f"{n} ({share(n, total)}) {what} (after {reasons})."))
        if kept:
            claims.append(
                Claim(
                    f"At most {kept} ({share(kept, total)}) would be absorbed by a firewall that"
                    " remembers normally closed connections for 15 s."
                )
            )
        return [
            cls.finding(
                f"{share(soon, total)} of {total} denials after a Teardown came within 1 s of it",
                harm=of.harm,
                denials=total,
                first_ts=of.first,
                last_ts=of.last,
                hosts=whole.top(rows, "src_h"),
                claims=(*claims, *examples(rows, whole)),
            )
        ]
