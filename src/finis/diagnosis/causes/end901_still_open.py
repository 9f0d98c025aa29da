"""No ending was seen: the connection was still open, or fell silent.

## What happened
Nothing that was read shows an end. The connection may simply have gone on.

## Evidence
The absence of FIN, Teardown and of any RST that its receiver had to accept, in all inputs.

## Look-alikes
A host that vanished leaves the same picture.

## Harm
None: nothing ended. It depends only where data was left unacknowledged or a window closed.

## What to change
Nothing.

## References
RFC 9293 §3.3.2 (ESTABLISHED).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, missing, telling
from finis.diagnosis.cause import Cause, Claim
from finis.terms import Confidence, Harm, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


class StillOpen(Cause):
    id, name, table = "END901", "still-open", "connections"
    title = "no ending was seen"
    beats = ("END902",)
    fallback = True
    confidence = Confidence.LIKELY
    harm = facts.harm(
        (
            facts.data_lost()
            | facts.ORIG.rst
            | facts.RESP.rst
            | pl.col("o_last_win0")
            | pl.col("r_last_win0"),
            Harm.DEPENDS,
        ),
        otherwise=Harm.HARMLESS,
    )
    harm_why = "nothing ended; it depends only where data was left unacknowledged"
    remedy = {
        "client": "nothing, while data is acknowledged; else look again with a longer capture",
    }
    references = ("RFC 9293 §3.3.2",)

    @classmethod
    def where(cls) -> pl.Expr:
        logged = facts.log_only() & pl.col("teardown_ts").is_null() & pl.col("teardown").is_null()
        return facts.ended("open") | logged | facts.teardown("still-open")

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        if (story.row.get("o_rsts") or 0) + (story.row.get("r_rsts") or 0):
            text = "It was still open: its receiver did not have to accept the RST in the capture."
            return [Claim(text), *telling.rst(story, Side.ORIG), *telling.rst(story, Side.RESP)]
        shown = () if story.built is None else (story.built,)
        return [Claim("No FIN, RST or teardown of it is in the inputs.", shown)]

    @classmethod
    def missing(cls, story: Story) -> list[str]:
        return missing.both_sides(missing.Where.of(story.row))
