"""An orderly close, begun by the client.

## What happened
The client sent FIN, the server acknowledged it and sent its own, the client acknowledged that.
Nothing was lost and nobody was hurried.

## Evidence
Both FINs, each covered by an ACK of the other side. A three-segment close joins the server's FIN
with its ACK and is the same thing.

## Look-alikes
A final ACK that was not seen (END205), a close followed at once by a RST (END302 and following),
a half-close in use (END204).

## Harm
None.

## What to change
Nothing. A firewall without a TIME-WAIT of its own may still refuse a late copy of these segments;
that is a matter of the denial, not of the connection.

## References
RFC 9293 §3.6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.causes import _orderly
from finis.terms import Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


class ClientClosedFirst(Cause):
    id, name, table = "END201", "client-closed-first", "connections"
    names_side = True
    title = "orderly close, begun by the client"
    beats = ("END207",)
    harm_why = "both sides closed and acknowledged each other's FIN"
    references = ("RFC 9293 §3.6",)
    not_this = ("not reset: both FINs were acknowledged before anything else came",)

    @classmethod
    def where(cls) -> pl.Expr:
        return _orderly.closed_by(facts.ORIG)

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        return _orderly.claims(story, Side.ORIG)
