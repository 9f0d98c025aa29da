"""A stray segment made one side reset the other's TIME-WAIT.

## What happened
Both sides had closed. The side in TIME-WAIT got a late segment and answered it, as it must, with
an ACK; the other side knew no connection any more and answered that ACK with a RST; the RST ended
the TIME-WAIT early. Old segments may then reach a new connection of the same ports.

## Evidence
After both FINs were acknowledged, the side that closed last sends a RST without ACK bit that
answers an ACK of the side that closed first.

## Look-alikes
A RST that answers data or a FIN after the close (END206) does not touch a TIME-WAIT.

## Harm
Depends: nothing is lost of this connection; a new one of the same ports within minutes could take
old segments for its own.

## What to change
Linux ignores such RSTs in TIME-WAIT with `net.ipv4.tcp_rfc1337=1` (the default is 0); timestamps
on both sides protect the next connection all the same.

## References
RFC 1337; RFC 9293 §3.10.7.4; RFC 7323 §5 (PAWS); Linux ip-sysctl: tcp_rfc1337.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, telling
from finis.diagnosis.cause import Cause, Claim
from finis.terms import Confidence, Harm, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


class TimeWaitAssassinated(Cause):
    id, name, table = "END210", "time-wait-assassinated", "connections"
    title = "a RST that ends the other side's TIME-WAIT"
    only_contributes = True
    confidence = Confidence.LIKELY  # whether the receiver still held TIME-WAIT is not seen
    harm = Harm.DEPENDS
    harm_why = "on whether the same ports are used again within minutes"
    remedy = {
        "Linux": "sysctl net.ipv4.tcp_rfc1337=1 on the host that closed first; keep "
        "net.ipv4.tcp_timestamps=1",
    }
    references = ("RFC 1337", "RFC 9293 §3.10.7.4", "Linux ip-sysctl: tcp_rfc1337")
    not_this = ("not part of the close: both FINs had been acknowledged",)

    @classmethod
    def where(cls) -> pl.Expr:
        return facts.ended("closed") & (_killed(facts.ORIG) | _killed(facts.RESP))

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        return [*telling.rst(story, Side.ORIG), *telling.rst(story, Side.RESP)]


def _killed(side: facts.Half) -> pl.Expr:
    """The side's RST answers an ACK of the side that had closed first, after both FINs."""
    at = side.col("rst_s")
    return (
        side.peer.fin_first
        & side.stateless_rst
        & side.rst_answers("ack", "challenge-ack")
        & (at >= side.col("fin_s"))
        & (at >= side.peer.col("fin_s"))
    )
