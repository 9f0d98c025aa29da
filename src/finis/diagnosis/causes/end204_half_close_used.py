"""One side closed its half and went on receiving: a half-close put to use.

## What happened
After one side's FIN the other kept sending data, and the first accepted it until the second FIN.
TCP allows that: a FIN says "I have no more to send", not "I am gone".

## Evidence
New data after the peer's FIN, acknowledged, and both FINs acknowledged in the end.

## Look-alikes
A retransmission after the FIN is not new data and is not counted. A closing TLS alert after the
FIN is a farewell, not a transfer (END208). Data that draws a RST is END310.

## Harm
None. It would be harmful only where a firewall's half-closed timer is shorter than the transfer.

## What to change
Nothing; keep half-closed timers longer than the longest transfer (ASA default 10 minutes).

## References
RFC 9293 §3.6 (half-closed connections); RFC 1122 §4.2.2.13.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, telling
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.causes import _orderly
from finis.terms import Confidence, Role, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


class HalfCloseUsed(Cause):
    id, name, table = "END204", "half-close-used", "connections"
    title = "orderly close with a half-close put to use"
    beats = ("END201", "END202")
    contributes = True
    # Without its SYN a new connection of the same ports may look like the rest of an old one.
    confidence = facts.confidence(
        (pl.col("midstream"), Confidence.LIKELY), otherwise=Confidence.CERTAIN
    )
    harm_why = "the data sent after the first FIN was accepted"
    remedy = {
        "ASA": "set connection timeout half-closed 1:00:00, if such transfers are long",
        "netfilter": "a `ct timeout` policy with a longer close_wait, if such transfers are long",
    }
    references = ("RFC 9293 §3.6",)
    not_this = ("not data after close: the side that had sent FIN still took the data",)

    @classmethod
    def where(cls) -> pl.Expr:
        return (
            facts.ended("closed")
            & facts.no(pl.col("simultaneous_close"))
            & (_used(facts.ORIG) | _used(facts.RESP))
        )

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        closer = telling.side_of(story.row.get("first_fin")) or Side.ORIG
        sender = Side(1 - closer)
        size = telling.column(story, sender, "data_after_fin") or 0
        text = (
            f"{telling.upper(telling.who(story, sender))} sent {telling.count(size, 'new byte')} "
            f"after the {telling.role(closer)}'s FIN."
        )
        sent = Claim(text, telling.proofs(story, Role.LAST_DATA, sender), "RFC 9293 §3.6")
        return [sent, *_orderly.claims(story, closer)]


def _used(sender: facts.Half) -> pl.Expr:
    return (
        sender.peer.fin_first
        & (sender.col("data_after_fin") > 0)
        & facts.no(sender.only_alert_after_fin)
    )
