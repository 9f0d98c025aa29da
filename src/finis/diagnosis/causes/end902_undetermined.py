"""The evidence does not tell how the connection ended.

## What happened
What was read does not suffice for a verdict.

## Evidence
The facts that are there; the report names what is missing and the commands that would show it.

## Look-alikes
All of them.

## Harm
Depends: on what it was.

## What to change
Collect what is missing.

## References
RFC 9293 §3.6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import missing, telling
from finis.diagnosis.cause import Cause, Claim
from finis.terms import Confidence, Harm, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


class Undetermined(Cause):
    id, name, table = "END902", "undetermined", "connections"
    title = "the evidence does not tell how it ended"
    fallback = True
    confidence = Confidence.POSSIBLE
    harm = Harm.DEPENDS
    harm_why = "on how it ended, which is not known"
    remedy = {
        "network": "capture on both sides of the firewall, from before the SYN: the report names"
        " the commands",
    }
    references = ("RFC 9293 §3.6",)

    @classmethod
    def where(cls) -> pl.Expr:
        return pl.lit(True)

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        lacking = [Claim(text) for text in missing.lacking(story.row)]
        return [
            *telling.fin(story, Side.ORIG),
            *telling.fin(story, Side.RESP),
            *telling.log_end(story),
            *lacking,
        ]

    @classmethod
    def missing(cls, story: Story) -> list[str]:
        return missing.both_sides(missing.Where.of(story.row))
