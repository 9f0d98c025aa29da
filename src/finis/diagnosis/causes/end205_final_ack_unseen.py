"""Both sides closed; one FIN was never acknowledged.

## What happened
Both FINs were sent, but the acknowledgement of one of them did not come past this point. Its sender
repeats the FIN until it gives up; the other side has long since closed.

## Evidence
Two FINs, one without an ACK that covers it, no RST. The FIN was repeated: the ACK was lost, or
went another way.

## Look-alikes
A capture that ends right after the second FIN (END903). A firewall that removed the connection in
between (END404 in its log).

## Harm
Harmless where all data had been acknowledged; depends otherwise.

## What to change
Nothing. If it happens to most connections of a host, look for one-sided loss or a second path.

## References
RFC 9293 §3.6 and §3.10.7.4 (LAST-ACK, TIME-WAIT).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, telling
from finis.diagnosis.cause import Cause, Claim
from finis.terms import Confidence, Harm, Role, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


class FinalAckUnseen(Cause):
    id, name, table = "END205", "final-ack-unseen", "connections"
    title = "both sides closed, the last acknowledgement is missing"
    beats = ("END207", "END903")
    confidence = Confidence.LIKELY  # a RST may have come instead, and not been captured
    harm = facts.harm(
        (facts.data_lost(), Harm.DEPENDS),
        otherwise=Harm.HARMLESS,
    )
    harm_why = "both sides had sent all they had; only an acknowledgement is missing"
    remedy = {
        "Linux": "nothing; net.ipv4.tcp_orphan_retries bounds how often a FIN is repeated",
        "ASA": "nothing; `sysopt connection timewait` keeps the connection for the repeated FIN",
    }
    references = ("RFC 9293 §3.6", "RFC 9293 §3.10.7.4")
    not_this = ("not half-closed: both sides sent FIN", "not reset: no RST had to be accepted")

    @classmethod
    def where(cls) -> pl.Expr:
        repeated = (pl.col("o_fins") > 1) | (pl.col("r_fins") > 1)
        return (
            facts.ended("closing")
            & facts.no(facts.ORIG.rst | facts.RESP.rst)
            & (repeated | facts.no(pl.col("cut_end")))
        )

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        claims = []
        for side in (Side.ORIG, Side.RESP):
            claims += telling.fin(story, side)
            times = telling.column(story, side, "fins") or 0
            if times > 1:
                text = f"The {telling.role(side)} sent its FIN {times} times."
                claims.append(Claim(text, telling.proofs(story, Role.FIN, side)))
        return [*claims, *telling.log_end(story), *telling.denied_after(story)]
