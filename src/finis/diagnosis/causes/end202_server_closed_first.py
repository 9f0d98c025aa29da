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
from finis.terms import Harm, Role, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story

_WORTH_SAYING_S = 1.0
_MET_S = 1.0  # the close came so soon after the client's data that it may be the answer


def _unheard() -> pl.Expr:
    """The client's data crossed the FIN, and it was more than a farewell."""
    return pl.col("o_past_fin") > facts.LARGEST_ALERT_BYTES


def _unanswered() -> pl.Expr:
    """The client spoke last: in HTTP a request without a response.  What else a client says last
    may need no answer, unless the close is all that it got."""
    last = pl.col("o_data_s") > pl.col("r_data_s")
    farewell = facts.ORIG.notify("yes", "likely")
    met = (pl.col("r_fin_after_data_s") >= 0) & (pl.col("r_fin_after_data_s") <= _MET_S)
    return last & facts.no(farewell) & (facts.ORIG.proto("http") | met)


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
        (_unheard() | _unanswered(), Harm.DEPENDS),
        otherwise=Harm.HARMLESS,
    )
    harm_why = (
        "both sides closed and acknowledged each other's FIN; a request that got no answer, or "
        "nothing but an encrypted TLS alert, may have been lost"
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
        return [*claims, *_last_words(story)]


def _last_words(story: Story) -> list[Claim]:
    """What the client said last, where the server never answered it."""
    shown = telling.proofs(story, Role.LAST_DATA, Side.ORIG)
    past = telling.column(story, Side.ORIG, "past_fin") or 0
    if past > facts.LARGEST_ALERT_BYTES:
        text = (
            f"The server's FIN does not acknowledge {telling.count(past, 'byte')} of the client: "
            "they crossed its close, and no answer could follow."
        )
        return [Claim(text, (*shown, *telling.proofs(story, Role.FIN, Side.RESP)), "RFC 9112 §9.5")]
    spoke, answered = (telling.column(story, side, "data_s") for side in (Side.ORIG, Side.RESP))
    if spoke is None or answered is None or spoke <= answered:
        return []
    if telling.public(story, Side.ORIG, "close_notify") in ("yes", "likely"):
        return []
    text = f"The client's last data came {telling.span(spoke - answered)} after the server's last."
    return [Claim(text, shown)]
