"""A TLS side closed without close_notify.

## What happened
A side of a TLS connection sent its FIN with no closing alert before it. Many programs do.

## Evidence
TLS records in the connection, the last data before the FIN captured and no alert.

## Look-alikes
An alert of an unusual size, or hidden inside TLS 1.3 padding.

## Harm
None by itself: protocols that carry their own lengths notice a cut. It can never make a TCP stack
send a RST.

## What to change
Nothing, unless the protocol above has no length of its own.

## References
RFC 8446 §6.1; RFC 9110 §8.6; RFC 9112 §9.8 (TLS closure of HTTP).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts
from finis.diagnosis.cause import Cause, Claim
from finis.terms import Confidence

if TYPE_CHECKING:
    from finis.correlation.stories import Story


class CloseNotifyMissing(Cause):
    id, name, table = "END209", "close-notify-missing", "connections"
    title = "TLS closed without close_notify"
    only_contributes = True
    confidence = Confidence.LIKELY
    references = ("RFC 8446 §6.1", "RFC 9112 §9.8")

    @classmethod
    def where(cls) -> pl.Expr:
        tls = facts.ORIG.proto("tls") & facts.RESP.proto("tls")
        return tls & (_silent(facts.ORIG) | _silent(facts.RESP))

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        sides = [
            word
            for word, side in (("client", "orig"), ("server", "resp"))
            if story.row.get(f"{side}_close_notify") == "no" and story.row.get(f"{side[0]}_fin")
        ]
        text = f"No close_notify was seen from the {' and the '.join(sides)} before its FIN."
        return [Claim(text, (), "RFC 8446 §6.1")]


def _silent(side: facts.Half) -> pl.Expr:
    return side.fin & side.notify("no")
