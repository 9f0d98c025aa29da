"""The last ACK of a connection came after the firewall had forgotten it.

## What happened
The hosts ended the connection, the firewall removed it at once, and a segment with nothing but ACK
was still on its way: the ACK of the last FIN, a duplicate of it, or the answer to a retransmission.

## Evidence
`flags ACK`, refused within minutes of a Teardown by FINs or by a reset of the same tuple; usually
in the same second.

## Look-alikes
A full-sized data segment in the middle of a burst also prints `flags ACK`: only PSH marks the end
of a burst. After a reset it may therefore carry data for the host that reset; that host no longer
wanted it. Keep-alive probes long after the end are DNY209.

## Harm
Harmless: both hosts were done, or the addressee had reset the connection.

## What to change
Nothing. If the noise disturbs, filter by tuple and lag in the log analysis rather than silencing
the message: it also reports DNY301 and DNY401, which are harmful.

## References
RFC 9293 §3.6 (closing a connection).
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm


class LateAck(Cause):
    id = "DNY201"
    name = "late-ack"
    title = "a last ACK arrived after the firewall had removed the connection"
    table = "denials"
    beats = ("DNY316",)
    confidence = _facts.choose(_facts.same_moment, Confidence.LIKELY, Confidence.POSSIBLE)
    # A full-sized data segment may have no PSH; an ACK alone is not sent again and again.
    _again = (pl.col("repeats") >= 3) & ~_facts.same_moment.fill_null(True)
    harm = _facts.choose(_again, Harm.DEPENDS, Harm.HARMLESS)
    harm_why = (
        "harmless: the hosts had already ended the connection; repeated over seconds it may be data"
        " (a full-sized segment carries no PSH) that nobody takes"
    )
    remedy = {
        "anyone": "leave it",
        "ASA": "`sysopt connection timewait` keeps a normally closed connection for at least 15 s"
        " and absorbs what still arrives (global; more entries in the table)",
        "netfilter": "none needed; a rule that drops `ct state invalid` without a log line for "
        "`tcp flags ack` quietens it",
    }
    references = ("RFC 9293 §3.6", "Cisco ASA syslog message 106015")
    not_this = ("data after an idle timeout: there the Teardown states one (DNY301)",)

    @classmethod
    def where(cls) -> pl.Expr:
        return _facts.all_but_closed & _facts.late & _facts.ack

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return _words.history(story)
