"""An orderly close, begun by the server.

## What happened
The server sent FIN, the client acknowledged it and sent its own, the server acknowledged that. If
a silence of a round number of seconds came before, the server's idle timer closed the connection.

## Evidence
Both FINs, each covered by an ACK of the other side.

## Look-alikes
A final ACK that was not seen (END205), a client that aborts after the server's FIN (END302), a
request that crosses the server's FIN (END313).

## Harm
None; it depends if the client had sent something and the server closed without a single byte of
an answer, or answered with nothing but a TLS alert that cannot be read: it may be a farewell, or
the reason why the server refused (a client's certificate, a record it could not decrypt).

## What to change
Nothing. Clients that reuse connections should give them up before the server does.

## References
RFC 9293 §3.6; RFC 9112 §9.5 (idle connections of HTTP).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, telling
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.causes import _orderly
from finis.terms import Harm, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story

_WORTH_SAYING_S = 1.0


class ServerClosedFirst(Cause):
    id, name, table = "END202", "server-closed-first", "connections"
    names_side = True
    title = "orderly close, begun by the server"
    beats = ("END207",)
    harm = facts.harm(
        (
            facts.packets()
            & (
                (facts.ORIG.bytes > 0) & facts.RESP.sent_nothing
                | facts.RESP.fin_first & facts.RESP.alert_for_answer
            ),
            Harm.DEPENDS,
        ),
        otherwise=Harm.HARMLESS,
    )
    harm_why = (
        "both sides closed and acknowledged each other's FIN; a request to which the server never "
        "sent a byte, or nothing but an encrypted TLS alert, may have been lost"
    )
    remedy = {
        "client": "where the request went unanswered: the server's log at that moment; repeat"
        " idempotent requests",
    }
    references = ("RFC 9293 §3.6", "RFC 9112 §9.5")
    not_this = ("not reset: both FINs were acknowledged before anything else came",)

    @classmethod
    def where(cls) -> pl.Expr:
        return _orderly.closed_by(facts.RESP)

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        claims = _orderly.claims(story, Side.RESP)
        gap = story.row.get("closing_gap_s")
        if gap is not None and gap >= _WORTH_SAYING_S:
            text = f"The connection had been silent for {telling.span(gap)} before the FIN."
            claims.insert(0, Claim(text, claims[0].proofs if claims else ()))
        return claims
