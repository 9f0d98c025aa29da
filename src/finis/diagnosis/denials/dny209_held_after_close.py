"""A host still used a connection minutes after the firewall had seen it end.

## What happened
The firewall saw FINs or a reset and removed the connection. More than four minutes later, longer
than any segment may live in the network, one host sends on it: it never learned that the
connection was over, for example because the peer's RST was lost or ignored.

## Evidence
ACK, data, FIN or RST of the same tuple more than 240 s (2 MSL) after a Teardown by FINs or reset,
with no new connection between.

## Look-alikes
A retransmission or a crossing segment comes within 2 MSL (DNY201 to DNY204). After an idle timeout
it is DNY301.

## Harm
Harmful if it is data: it goes nowhere, and the application waits for an answer. Otherwise it
depends on what the application believes.

## What to change
Keep-alives on that host find out sooner; look why the end did not reach it.

## References
RFC 9293 §3.4.2 (MSL), §3.5.1 (half-open connections).
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm


class HeldAfterClose(Cause):
    id = "DNY209"
    name = "held-after-close"
    title = "a host still used a connection that had ended minutes before"
    table = "denials"
    beats = ("DNY316",)
    confidence = Confidence.LIKELY
    harm = _facts.choose(_facts.data, Harm.HARMFUL, Harm.DEPENDS)
    harm_why = "harmful if it sends data: the host does not know that the connection is over"
    remedy = {
        "host": "shorter keep-alive (Linux `tcp_keepalive_time`), so that it notices the end",
    }
    references = ("RFC 9293 §3.4.2, §3.5.1",)

    @classmethod
    def where(cls) -> pl.Expr:
        form = _facts.ack | _facts.data | _facts.fin | _facts.rst
        return _facts.closed & ~_facts.late & form

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return _words.history(story)

    @classmethod
    def alternatives(cls, story: Refusal) -> list[Alternative]:
        return [
            Alternative(
                "A newer connection of the same ports was opened meanwhile, and is not logged.",
                "a silence or missing lines in the log between that Teardown and this line",
            )
        ]

    @classmethod
    def missing(cls, story: Refusal) -> list[str]:
        return _words.captures(story)
