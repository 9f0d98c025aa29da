"""A segment on a connection that the firewall had dropped as half-closed.

## What happened
One side had sent its FIN, the other had not, or the last ACK was missing. The firewall waits only
some minutes in that state and then removes the connection silently. One host went on using it.

## Evidence
A Teardown `FIN Timeout` (or the vendor's word for it), then a segment of the same tuple.

## Look-alikes
`FIN Timeout` also stands for a missing last ACK after both FINs; then only ACKs or FINs follow, and
nothing is lost.

## Harm
Harmful with data: a legal half-close (one side done, the other still sending) was cut off. A RST is
harmless; an ACK or FIN depends on which of the two cases it is.

## What to change
A longer half-closed timer for this service, or an application that closes when its peer does
(sockets in CLOSE-WAIT are the sign).

## References
RFC 9293 §3.6 (a half-closed connection may go on for any time), RFC 5382 REQ-5.
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm, Teardown

_DATA = _facts.data | _facts.fin_data


class AfterHalfClosedTimeout(Cause):
    id = "DNY303"
    name = "after-half-closed-timeout"
    title = "a segment after the firewall's half-closed timer"
    table = "denials"
    beats = ("DNY316",)
    confidence = Confidence.LIKELY  # the same reason stands for a last ACK that never came
    harm = (
        pl.when(_DATA)
        .then(int(Harm.HARMFUL))
        .when(_facts.rst)
        .then(int(Harm.HARMLESS))
        .otherwise(int(Harm.DEPENDS))
    )
    harm_why = "harmful with data: a legal half-close was cut off; a RST after it is harmless"
    remedy = {
        "ASA": "`set connection timeout half-closed 1:00:00` for a class matching this service",
        "netfilter": "a `ct timeout` policy with longer fin_wait and close_wait (of an entry that "
        "ended in LAST_ACK: last_ack) for this service",
        "server": "close the socket when the peer has closed (look for CLOSE-WAIT)",
    }
    references = ("RFC 9293 §3.6", "RFC 5382 REQ-5", "Cisco ASA syslog message 302014")

    @classmethod
    def where(cls) -> pl.Expr:
        form = _facts.ack | _facts.data | _facts.fin | _facts.rst
        cut_off = _facts.after(Teardown.LAST_ACK_TIMEOUT) & _facts.data
        return (_facts.after(Teardown.FIN_TIMEOUT) & form) | cut_off

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return _words.history(story)
