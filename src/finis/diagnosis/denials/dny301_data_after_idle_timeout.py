"""The firewall forgot an idle connection that the hosts went on using.

## What happened
No packet crossed the firewall for as long as its idle timer; it removed the connection silently.
The hosts knew nothing of it. When one of them sent again, the firewall refused it, as it refuses
anything that is not a SYN and belongs to no connection.

## Evidence
A Teardown for idleness (`Conn-timeout`, `Flow timed out`, `Connection timeout`), then data or ACK
of the same tuple with no new Built between. Retransmissions follow at growing distances.

## Look-alikes
After FINs or a reset the same flags are late segments (DNY201, DNY203). A FIN or RST after the
timeout is the application ending it (DNY302).

## Harm
Harmful: the application hangs until its own timer, typically minutes; database pools, SSH sessions
and message queues are hit.

## What to change
Let the hosts send keep-alives more often than the firewall's timer, or raise the timer for this
service, or let the firewall reset both sides when it gives up, so that they notice at once.

## References
RFC 9293 §3.8.4 (keep-alives), RFC 5382 REQ-5 (established idle timer of 2 h 4 min at least).
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.diagnosis.keepalives import keep_alives
from finis.terms import Confidence, Harm, Teardown


class DataAfterIdleTimeout(Cause):
    id = "DNY301"
    name = "data-after-idle-timeout"
    title = "data on a connection the firewall had dropped as idle"
    table = "denials"
    beats = ("DNY316",)
    confidence = _facts.choose(_facts.data, Confidence.CERTAIN, Confidence.LIKELY)
    harm = Harm.HARMFUL
    harm_why = "harmful to the application: it hangs until its own timer"
    remedy = {
        "client": "keep-alives more often than the firewall's timer, which is no longer than the "
        "shortest life in the evidence; a connection pool with maximum idle age below it",
        "ASA": "for a class matching this service: `set connection timeout idle 8:00:00` or `idle"
        " 1:00:00 reset` (both sides learn of it), or `dcd` (dead connection detection)",
        "netfilter": "`sysctl net.netfilter.nf_conntrack_tcp_timeout_established` above the "
        "longest pause, or a `ct timeout` policy for this service",
        **keep_alives(),
        "database pools": "validate connections before use, or retire idle ones before the"
        " firewall's timer (maxLifetime, idleTimeout, pool_pre_ping)",
    }
    references = ("RFC 9293 §3.8.4", "RFC 5382 REQ-5", "Cisco ASA syslog messages 302014, 106015")
    not_this = ("a late segment of a closed connection: there the Teardown states FINs or a reset",)

    @classmethod
    def where(cls) -> pl.Expr:
        return _facts.after(Teardown.IDLE_TIMEOUT) & (_facts.data | _facts.ack)

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return [*_words.history(story), *_words.idle_bound(story)]
