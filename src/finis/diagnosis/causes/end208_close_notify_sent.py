"""The closing side of a TLS connection said close_notify before its FIN.

## What happened
TLS has a farewell of its own, so that a forged FIN cannot cut a message short unnoticed. Here it
was sent.

## Evidence
An alert record before (or with) the FIN, recognised by its type, or by its size where the type is
hidden or the payload was not captured: then it is likely, not certain.

## Look-alikes
A short record of data of the same size: where other data of that side has it, or the FIN comes
much later, this is not said. An alert before the handshake was complete is a refusal (END324).

## Harm
None.

## What to change
Nothing.

## References
RFC 8446 §6.1; RFC 5246 §7.2.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, telling
from finis.diagnosis.cause import Cause, Claim
from finis.terms import Confidence, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


class CloseNotifySent(Cause):
    id, name, table = "END208", "close-notify-sent", "connections"
    title = "TLS close_notify was sent"
    only_contributes = True
    confidence = facts.confidence(
        (facts.ORIG.notify("yes") | facts.RESP.notify("yes"), Confidence.CERTAIN),
        otherwise=Confidence.LIKELY,
    )
    references = ("RFC 8446 §6.1", "RFC 5246 §7.2.1")

    @classmethod
    def where(cls) -> pl.Expr:
        return facts.ORIG.said_farewell | facts.RESP.said_farewell

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        return [*telling.close_notify(story, Side.ORIG), *telling.close_notify(story, Side.RESP)]
