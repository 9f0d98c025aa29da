"""A RST after an orderly close.

## What happened
Both sides had closed and acknowledged each other's FIN; then a RST came. Some programs do it to
skip TIME-WAIT, some stacks answer a late segment with it.

## Evidence
Both FINs acknowledged, and a RST after that.

## Look-alikes
A RST before the second FIN was acknowledged ended the connection (END302 and following).

## Harm
None: there was nothing left to reset.

## What to change
Nothing.

## References
RFC 9293 §3.10.7.4 (TIME-WAIT); RFC 1337 (what a RST in TIME-WAIT may do).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, telling
from finis.diagnosis.cause import Cause, Claim
from finis.terms import Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


class RstAfterClose(Cause):
    id, name, table = "END206", "rst-after-close", "connections"
    title = "a RST after both sides had closed"
    only_contributes = True
    harm_why = "there was nothing left to reset"
    references = ("RFC 9293 §3.10.7.4", "RFC 1337")

    @classmethod
    def where(cls) -> pl.Expr:
        return facts.ended("closed") & (_late(facts.ORIG) | _late(facts.RESP))

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        return [*telling.rst(story, Side.ORIG), *telling.rst(story, Side.RESP)]


def _late(side: facts.Half) -> pl.Expr:
    """Its RST came after both FINs."""
    at = side.col("rst_s")
    return side.rst & (at >= side.col("fin_s")) & (at >= side.peer.col("fin_s"))
