"""Both sides closed, and the capture missed a FIN.

## What happened
One side's FIN was seen. The other acknowledged one number more than it was seen to be sent: that
was the FIN which the capture missed. It closed as well.

## Evidence
One FIN, acknowledged; an ACK of exactly one number beyond the other side's last segment, after
which that side sent nothing but ACKs. Or the FIN itself, at the point further from its sender.

## Look-alikes
A half-close (END405): nothing beyond the last segment was acknowledged. One byte of data that was
not captured looks the same: likely, therefore, never certain.

## Harm
Harmless: both sides had sent all they had.

## What to change
Nothing in the network: a capture with a larger buffer (tcpdump -B) or on less traffic.

## References
RFC 9293 §3.6; RFC 9293 §3.4 (a FIN takes one number).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, telling
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.terms import Confidence, Harm, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


def _closed(side: facts.Half) -> pl.Expr:
    """Its FIN was seen and acknowledged."""
    return side.fin & side.col("fin_acked")


def _missed(side: facts.Half) -> pl.Expr:
    return side.col("fin_missed") & facts.no(side.rst)


class FinMissed(Cause):
    id, name, table = "END211", "fin-missed", "connections"
    title = "both sides closed, and the capture missed a FIN"
    beats = ("END207", "END405", "END410", "END901", "END902", "END903")
    confidence = Confidence.LIKELY
    harm = facts.harm((facts.data_lost(), Harm.DEPENDS), otherwise=Harm.HARMLESS)
    harm_why = "both sides had sent all they had; only the capture lacks a segment"
    remedy = {
        "Linux": "tcpdump -B 16384 (a larger buffer) and -s 96 lose less",
    }
    references = ("RFC 9293 §3.6", "RFC 9293 §3.4")
    not_this = ("not half-closed: a number beyond the last segment was acknowledged",)

    @classmethod
    def where(cls) -> pl.Expr:
        one = pl.any_horizontal(
            (_closed(side) & _missed(side.peer)).fill_null(False) for side in facts.SIDES
        )
        both = (_missed(facts.ORIG) & _missed(facts.RESP)).fill_null(False)
        rst = facts.ORIG.rst | facts.RESP.rst
        return (one | both) & facts.ended("half-closed", "open") & facts.no(rst)

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        claims = []
        for side in (Side.ORIG, Side.RESP):
            claims += telling.fin(story, side)
            if telling.column(story, side, "fin_missed"):
                text = (
                    f"{telling.upper(telling.who(story, Side(1 - side)))} acknowledged one number "
                    f"more than was captured of {telling.who(story, side)}: its FIN."
                )
                claims.append(Claim(text, (), "RFC 9293 §3.4"))
        return [*claims, *telling.log_end(story), *telling.denied_after(story)]

    @classmethod
    def alternatives(cls, story: Story) -> list[Alternative]:
        return [
            Alternative(
                "What was missed is one byte of data: the connection is half-closed.",
                "a capture that misses nothing",
            )
        ]
