"""Both sides closed at the same time.

## What happened
Each side sent its FIN before it had seen the other's. Both pass through CLOSING and TIME-WAIT.

## Evidence
Neither FIN acknowledges the other, and the two are closer together than the path is long.

## Look-alikes
At a point in the middle of the path an ordinary close may look crossed; the margin is checked
against the round trip where one was seen.

## Harm
None.

## What to change
Nothing. Firewalls that free a connection after the second FIN refuse the last ACK of such a close;
on an ASA `sysopt connection timewait` keeps it for a while.

## References
RFC 9293 §3.6 (case 3, figure 13); Cisco command reference, sysopt connection timewait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, telling
from finis.diagnosis.cause import Cause, Claim
from finis.terms import Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


class ClosedSimultaneously(Cause):
    id, name, table = "END203", "closed-simultaneously", "connections"
    title = "orderly close, begun by both sides at once"
    beats = ("END207",)
    harm_why = "both sides closed and acknowledged each other's FIN"
    remedy = {"ASA": "sysopt connection timewait, if the last ACKs of such closes are refused"}
    references = ("RFC 9293 §3.6",)
    not_this = ("not one after the other: neither FIN acknowledges the other",)

    @classmethod
    def where(cls) -> pl.Expr:
        return facts.ended("closed") & pl.col("simultaneous_close")

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        return [
            *telling.fin(story, Side.ORIG),
            *telling.fin(story, Side.RESP),
            *telling.log_end(story),
        ]
