"""One host accounts for most of the denials.

## What happened
Half or more of all denials concern a single host, as source or as target.

## Evidence
At least twenty denials, at least three hosts among them, and one host in half of them or more.

## Look-alikes
A log filtered to one host shows only that one: with fewer than three hosts nothing is said.

## Harm
Depends on the cause of these denials, which their own findings name.

## What to change
Begin with this host: what it sends, or what is asked of it, explains most of the log.

## References
The findings on the causes of the same denials.
"""

from __future__ import annotations

import polars as pl

from finis.diagnosis.cause import Claim
from finis.diagnosis.patterns._api import Pattern, PatternFinding
from finis.diagnosis.patterns._rows import distinct, examples, summed
from finis.diagnosis.patterns._whole import Whole
from finis.terms import Confidence, Harm
from finis.words import share

MIN_DENIALS = 20
MIN_HOSTS = 3
MIN_SHARE = 0.5


class DenialsOfOneHost(Pattern):
    id = "PAT202"
    name = "denials-of-one-host"
    title = "one host accounts for most of the denials"
    fewest = MIN_DENIALS
    harm = Harm.DEPENDS
    confidence = Confidence.CERTAIN
    remedy = {"anyone": "begin with this host: it explains most of the denials"}
    references = ("the causes of the same denials (their findings)",)
    not_this = ("a log filtered to one host would name no other hosts",)

    @classmethod
    def find(
        cls, connections: pl.LazyFrame, denials: pl.LazyFrame, whole: Whole
    ) -> list[PatternFinding]:
        rows = distinct(denials)
        out = []
        for column, verb in (("src_h", "sends"), ("dst_h", "is the target of")):
            known = rows.filter(pl.col(column).is_not_null())
            total = int(known.select(pl.len()).collect().item())
            if total < MIN_DENIALS or (best := whole.foremost(known, column)) is None:
                continue
            key, n = best
            if n < MIN_SHARE * total:
                continue
            others = whole.differing(known, column) - 1
            if others + 1 < MIN_HOSTS:
                continue
            part = known.filter(pl.col(column) == key)
            [host] = whole.named(part.select(column).head(1).collect(), column)[column].to_list()
            causes = whole.top(part, "cause", 3)
            of = summed(part)
            out.append(
                cls.finding(
                    f"{host} {verb} {share(n, total)} of the denials",
                    harm=of.harm,
                    denials=n,
                    first_ts=of.first,
                    last_ts=of.last,
                    hosts=(host,),
                    claims=(
                        Claim(
                            f"{n} of {total} denials; the others are spread over {others} hosts."
                        ),
                        *((Claim(f"Most often {', '.join(causes)}."),) if causes else ()),
                        *examples(part, whole),
                    ),
                )
            )
        return out
