"""The SYN was answered with an ICMP error.

## What happened
The client asked for a connection; a router, a firewall or the server's host answered with an ICMP
error: the destination cannot be reached, or it is forbidden. Most stacks give up at once.

## Evidence
An ICMP error (destination unreachable or time exceeded) that quotes the client's SYN with its own
sequence number, and no answer of the server.

## Look-alikes
A refusal by RST (END101) comes from whatever owns the address. An unanswered SYN (END102) draws
nothing at all. "Fragmentation needed" is no rejection: END409.

## Harm
Depends: a rule that rejects on purpose says so this way; a route that is missing does too.

## What to change
The reporter's address tells where to look: at the server's own address its packet filter (Linux
`REJECT` gives port unreachable or administratively prohibited), at a router's address its routes
or access lists.

## References
RFC 792; RFC 1122 §4.2.3.9 (TCP and ICMP errors); RFC 4443 §3; RFC 5927 (forged ICMP errors).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, telling
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.diagnosis.causes import _icmp
from finis.terms import Confidence, Harm

if TYPE_CHECKING:
    from finis.correlation.stories import Story


class IcmpRejected(Cause):
    id, name, table = "END109", "icmp-rejected", "connections"
    title = "the SYN was answered with an ICMP error"
    beats = ("END102", "END108", "END111", "END207", "END331", "END601", "END603")
    confidence = facts.confidence(
        (pl.col("icmp_errors") >= pl.col("o_syns"), Confidence.CERTAIN),
        otherwise=Confidence.LIKELY,  # some SYNs drew none: silence may have a reason of its own
    )
    harm = Harm.DEPENDS
    harm_why = "on whether the service was meant to be reached"
    remedy = {
        "Linux": "where the reporter is a Linux host: nft list ruleset (or iptables -S) | grep -i "
        "reject; ip route get {server}",
        "ASA": "packet-tracer input {client_if} tcp {client} 50000 {server_seen} {server_seen_p}; "
        "show route {server}; an ASA sends such errors itself only as `icmp unreachable` allows",
        "Windows": "wf.msc or Get-NetFirewallRule on {server}; route print",
        "network": "look at the device whose address the error carries: its routes and access "
        "lists for {server} port {server_p}",
    }
    references = ("RFC 792", "RFC 1122 §4.2.3.9", "RFC 4443 §3", "RFC 5927")
    not_this = ("not an unanswered SYN: an answer came, by ICMP", "not refused by the host: no RST")

    @classmethod
    def where(cls) -> pl.Expr:
        return (
            facts.ended("unanswered")
            & facts.positive("o_syns")
            & (pl.col("r_syns") == 0)
            & facts.positive("icmp_errors")
            & (pl.col("icmp_to") == "orig")
        )

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        return [*telling.syn(story), *_icmp.rejected(story), *telling.log_end(story)]

    @classmethod
    def alternatives(cls, story: Story) -> list[Alternative]:
        return [
            Alternative(
                "Somebody forged the error: it proves no more than that its sender saw the SYN.",
                "a capture at the device whose address it carries",
            )
        ]
