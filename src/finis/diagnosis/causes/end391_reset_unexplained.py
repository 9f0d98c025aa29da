"""A reset ended the connection; what kind it was cannot be told.

## What happened
A RST was seen, but its form, or what came before it, is not visible enough to say whether a live
socket, a host without state or something else sent it.

## Evidence
The RST. One beyond the next number that was seen ended the connection all the same if its receiver
sent no challenge ACK and nothing else any more: the capture lacks what came before it.

## Look-alikes
All other resets.

## Harm
Depends.

## What to change
Nothing before a better capture.

## References
RFC 9293 §3.10.5 and §3.10.7.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, missing, telling
from finis.diagnosis.cause import Cause, Claim
from finis.terms import Confidence, Harm, Role, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


class ResetUnexplained(Cause):
    id, name, table = "END391", "reset-unexplained", "connections"
    title = "ended by a reset whose kind cannot be told"
    beats = ("END901", "END902", "END903")
    fallback = True
    confidence = facts.confidence(
        (
            facts.ended("reset")
            | ((facts.ORIG.silencing_rst | facts.RESP.silencing_rst) & facts.watched()),
            Confidence.LIKELY,
        ),
        otherwise=Confidence.POSSIBLE,
    )
    harm = Harm.DEPENDS
    harm_why = "on who sent the RST, and why"
    remedy = {
        "network": "a capture at each end shows who sends the RST, and what came before it",
    }
    references = ("RFC 9293 §3.10.7",)

    @classmethod
    def where(cls) -> pl.Expr:
        unknown = (facts.ORIG.rst & (pl.col("o_rst_accept") == "unknown")) | (
            facts.RESP.rst & (pl.col("r_rst_accept") == "unknown")
        )
        silenced = facts.ORIG.silencing_rst | facts.RESP.silencing_rst
        return facts.ended("reset") | unknown | silenced

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        return [
            *telling.rst(story, Side.ORIG),
            *telling.rst(story, Side.RESP),
            *_unchallenged(story),
            *telling.log_end(story),
        ]

    @classmethod
    def missing(cls, story: Story) -> list[str]:
        return missing.both_sides(missing.Where.of(story.row))


def _unchallenged(story: Story) -> list[Claim]:
    """A RST within the window, after which there was silence."""
    claims = []
    for side in (Side.ORIG, Side.RESP):
        if telling.column(story, side, "rst_accept") == "in-window":
            text = (
                "Its SEQ is beyond the next number that this capture shows, and no challenge ACK "
                f"of the {telling.role(Side(1 - side))} answered it: the capture lacks what came "
                "before it, or an older stack took it all the same."
            )
            claims.append(Claim(text, telling.proofs(story, Role.RST, side), "RFC 5961 §3.2"))
    return claims
