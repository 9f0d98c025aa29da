"""A FIN came after the firewall had forgotten the connection: a retransmission, or a slow closer.

## What happened
The firewall saw the connection end and removed it. One host had not yet seen its own FIN
acknowledged and sent it again, or sent its first FIN after the other had reset.

## Evidence
`FIN ACK` within minutes of a Teardown by FINs or by a reset of the same tuple. Repeated refusals
at doubling distances (0.2, 0.6, 1.4, 3, 6 s after the first) are retransmissions.

## Look-alikes
`FIN PSH ACK` also carries the last data, which then never arrived. A FIN after an idle timeout is
DNY302.

## Harm
Harmless without PSH: the host waits some seconds or minutes in LAST-ACK or FIN-WAIT-1 and gives up.
With PSH it depends: the data it carries is a retransmission, or was never delivered.

## What to change
Nothing, or let the firewall remember closed connections for some seconds.

## References
RFC 9293 §3.6, RFC 6298 (retransmission timer).
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm


class LateFin(Cause):
    id = "DNY202"
    name = "late-fin"
    title = "a FIN arrived after the firewall had removed the connection"
    table = "denials"
    beats = ("DNY316",)
    confidence = Confidence.LIKELY
    harm = _facts.choose(_facts.fin_data, Harm.DEPENDS, Harm.HARMLESS)
    harm_why = "harmless unless it carries data (PSH) that was never delivered"
    remedy = {
        "anyone": "leave it",
        "ASA": "`sysopt connection timewait` absorbs those that come within 15 s of a normal close",
        "netfilter": "`nf_conntrack_tcp_timeout_time_wait` holds entries longer that ended in "
        "TIME_WAIT, `_close` those in CLOSE, `_last_ack` those in LAST_ACK (see the evidence)",
    }
    references = ("RFC 9293 §3.6", "RFC 6298", "Cisco ASA syslog message 106015")
    not_this = ("a FIN scan: its FINs have no ACK bit, and no connection before them (DNY601)",)

    @classmethod
    def where(cls) -> pl.Expr:
        return _facts.all_but_closed & _facts.late & _facts.fin

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return _words.history(story)
