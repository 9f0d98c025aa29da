"""Segments of an established connection that this firewall never saw opened.

## What happened
Two hosts talk to each other, but the firewall saw neither handshake nor Built of their connection:
this direction comes through it, the other does not, or the connection was opened on another path
and moved here.

## Evidence
ACK, data or FIN with no connection of the tuple before it, on a device whose log would have shown
it.

## Look-alikes
A log that begins late (DNY901), a failover (DNY315), and a scan with ACK segments (DNY602: one
source, many targets).

## Harm
Harmful with ACK or data: the connection stalls. A lone FIN depends: somebody is closing it.

## What to change
Bring both directions through the same firewall. If the path changed on purpose, have the hosts
reconnect.

## References
RFC 9293 §3.10.7.
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm


class NeverBuilt(Cause):
    id = "DNY402"
    name = "never-built"
    title = "segments of a connection this firewall never saw opened (asymmetric routing)"
    table = "denials"
    confidence = Confidence.LIKELY
    harm = _facts.choose(_facts.fin, Harm.DEPENDS, Harm.HARMFUL)
    harm_why = "refused data stalls the connection; a lone FIN only closes it"
    remedy = {
        "routing": "bring both directions through the same firewall",
        "ASA": "`set connection advanced-options tcp-state-bypass` for this pair as a last resort",
        "netfilter": "`sysctl net.netfilter.nf_conntrack_tcp_loose=1` picks up connections in "
        "their middle; `notrack` for this pair as a last resort",
        "Linux": "ip route get {client} from {server} on every hop; net.ipv4.conf.all.rp_filter=2"
        " (loose) where two ways are meant",
        "AWS": "one appliance for both directions: aws ec2 modify-transit-gateway-vpc-attachment"
        " --options ApplianceModeSupport=enable",
        "Azure": "user-defined routes of both subnets through the same firewall; one load"
        " balancer with HA ports in front of a pair",
    }
    references = ("RFC 9293 §3.10.7", "Cisco ASA syslog message 106015")
    not_this = (
        "a log that begins late: this one reaches back beyond the idle timer (DNY901)",
        "a failover: none is logged in the hour before (DNY315)",
    )

    @classmethod
    def where(cls) -> pl.Expr:
        form = _facts.ack | _facts.data | _facts.fin
        return _facts.state & _facts.never & ~_facts.to_own_mapping & form

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return [*_words.history(story), _words.never_built(story)]

    @classmethod
    def alternatives(cls, story: Refusal) -> list[Alternative]:
        return [
            _words.would_decide(
                story, "The connection is older than the log reaches and was silent until now."
            )
        ]

    @classmethod
    def missing(cls, story: Refusal) -> list[str]:
        return _words.captures(story)
