"""A datagram to all hosts of a network, which the firewall got as one of them.

## What happened
A host sent a UDP datagram to a broadcast or multicast address. Every device on that network gets
it, also the firewall, which has no use for it and says so.

## Evidence
ASA 710005 or 710006 for UDP to 255.255.255.255, to an address that ends in 255, or to a multicast
address (224.0.0.0/4).

## Look-alikes
A datagram to the firewall's own address (DNY103). That an address ending in 255 is a broadcast
address follows from how networks are usually cut, not from the message.

## Harm
Harmless: name services, discovery and DHCP of other hosts.

## What to change
Nothing. `no logging message 710005` keeps the lines away.

## References
RFC 919; RFC 1112; Cisco ASA syslog 710005.
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm

_DHCP = 67


class SentToMany(Cause):
    id = "DNY120"
    name = "sent-to-many"
    title = "a broadcast or multicast that the firewall had no use for"
    table = "denials"
    beats = ("DNY103",)
    confidence = Confidence.LIKELY
    harm = Harm.HARMLESS
    harm_why = "harmless: every host of that network gets such datagrams"
    remedy = {
        "ASA": "nothing; `no logging message 710005` keeps the lines away, also those of other"
        " datagrams",
    }
    references = ("RFC 919", "RFC 1112", "Cisco ASA syslog message 710005")
    not_this = ("meant for the firewall itself: that has an address of its own (DNY103)",)

    @classmethod
    def where(cls) -> pl.Expr:
        datagram = pl.col("proto").str.to_lowercase() == "udp"
        return _facts.msg("710005", "710006") & datagram & _facts.to_many

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return [_words.denied(story)]

    @classmethod
    def alternatives(cls, story: Refusal) -> list[Alternative]:
        if story.row.get("dst_p") != _DHCP:
            return []
        return [
            Alternative(
                "Clients there rely on this firewall for DHCP.",
                "`show dhcpd state`, `show dhcprelay state`: is it meant to serve that interface?",
            )
        ]
