"""A TLS side closed without close_notify.

## What happened
A side of a TLS connection sent its FIN with no closing alert before it. Many programs do.

## Evidence
TLS records in the connection, the last data before the FIN captured and no alert.

## Look-alikes
An alert of an unusual size, or hidden inside TLS 1.3 padding. Where the FIN came within a record,
the cut is told (END325).

## Harm
It depends where the side that closed first sent data in the second before its FIN: whether that
was whole only the protocol above can tell, if it carries lengths of its own (HTTP mostly does).
None after a silence: what had been asked was answered before. It can never make a TCP stack send a
RST.

## What to change
Nothing, unless the protocol above has no length of its own.

## References
RFC 8446 §6.1; RFC 9110 §8.6; RFC 9112 §9.8 (TLS closure of HTTP).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, telling
from finis.diagnosis.cause import Cause, Claim
from finis.terms import Confidence, Harm, Role, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


def _silent(side: facts.Half) -> pl.Expr:
    return side.fin & side.notify("no")


def _may_be_cut(side: facts.Half) -> pl.Expr:
    """It closed first, right after data of its own."""
    at_once = side.col("fin_s") - side.col("data_s") <= facts.FAREWELL_S
    return _silent(side) & side.fin_first & at_once


class CloseNotifyMissing(Cause):
    id, name, table = "END209", "close-notify-missing", "connections"
    title = "TLS closed without close_notify"
    only_contributes = True
    confidence = Confidence.LIKELY
    harm = facts.harm(
        (_may_be_cut(facts.ORIG) | _may_be_cut(facts.RESP), Harm.DEPENDS), otherwise=Harm.HARMLESS
    )
    harm_why = (
        "on whether the protocol above carries lengths of its own (RFC 9112 §9.8): without "
        "close_notify a message that was cut off cannot be told from a whole one"
    )
    remedy = {
        "server": "say close_notify before closing (SSL_shutdown), where answers end with the "
        "connection",
        "client": "take answers that have no length of their own for incomplete",
    }
    references = ("RFC 8446 §6.1", "RFC 9112 §9.8")

    @classmethod
    def where(cls) -> pl.Expr:
        tls = facts.ORIG.proto("tls") & facts.RESP.proto("tls")
        return tls & facts.no(facts.tls_unfinished()) & (_silent(facts.ORIG) | _silent(facts.RESP))

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        claims = []
        for side in (Side.ORIG, Side.RESP):
            silent = telling.public(story, side, "close_notify") == "no"
            if silent and telling.column(story, side, "fin"):
                text = f"No close_notify was seen from the {telling.role(side)} before its FIN."
                shown = (
                    *telling.proofs(story, Role.LAST_DATA, side),
                    *telling.proofs(story, Role.FIN, side),
                )
                claims.append(Claim(text, shown, "RFC 8446 §6.1"))
        return claims
