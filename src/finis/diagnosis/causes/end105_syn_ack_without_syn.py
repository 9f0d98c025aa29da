"""A SYN ACK was seen, its SYN never: the two directions take different paths.

## What happened
This point saw the server's answer to a SYN it had not seen. A firewall with state refuses such a
SYN ACK (ASA: 106015 `flags SYN ACK`), and the connection cannot be made.

## Evidence
SYN ACKs of one side and nothing else of it, and no segment at all from the other, in a capture that
had begun before. Repeated SYN ACKs show that the answer to them did not come.

## Look-alikes
A capture begun between SYN and SYN ACK. A SYN with a forged source (END106): the host that gets the
SYN ACK resets it, if there is such a host. After a `SYN Timeout` the SYN ACK is late, not astray.

## Harm
Harmful where the SYN ACK is repeated; sent once, it depends, since the handshake may have been
completed on the other path. A point that merely observes one direction shows the same of a healthy
connection.

## What to change
Make both directions pass the same firewall: routing, the server's default gateway, policy routes.
`tcp-state-bypass` only as the last resort, since it gives up the state checks.

## References
RFC 9293 §3.5; Cisco firewall configuration guide, TCP state bypass; Cisco syslog 106015.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, missing, telling
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.terms import Confidence, Harm, Role, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


class SynAckWithoutSyn(Cause):
    id, name, table = "END105", "syn-ack-without-syn", "connections"
    title = "a SYN ACK without its SYN: the directions take different paths"
    beats = ("END102", "END103", "END601")
    confidence = facts.confidence(
        ((pl.col("r_syns") > 1) & facts.no(pl.col("near_start")), Confidence.LIKELY),
        otherwise=Confidence.POSSIBLE,
    )
    harm = facts.harm((pl.col("r_syns") > 1, Harm.HARMFUL), otherwise=Harm.DEPENDS)
    harm_why = (
        "to whoever connects on this path, if a firewall with state is on it: the handshake is "
        "refused; a SYN ACK sent once may have been answered on the other path"
    )
    remedy = {
        "network": "route {client} → {server} and {server} → {client} through the same firewall",
        "ASA": "show route {client} and show route {server}; show conn address {server}; only if "
        "the path cannot be changed: set connection advanced-options tcp-state-bypass",
        "netfilter": "ip route get {client} and ip route get {server}; only if the path cannot be "
        "changed: `notrack` for this pair",
        "Linux": "ip route get {client} from {server} on every hop; net.ipv4.conf.all.rp_filter=2"
        " (loose) where two ways are meant",
        "AWS": "one appliance for both directions: aws ec2 modify-transit-gateway-vpc-attachment"
        " --options ApplianceModeSupport=enable",
        "Azure": "user-defined routes of both subnets through the same firewall; one load"
        " balancer with HA ports in front of a pair",
    }
    references = ("RFC 9293 §3.5", "Cisco ASA syslog 106015")
    not_this = ("not an unanswered SYN ACK: the SYN before it was never seen here",)

    @classmethod
    def where(cls) -> pl.Expr:
        return (
            facts.packets()
            & (pl.col("o_syns") == 0)
            & facts.positive("r_syns")
            & (facts.ORIG.pkts == 0)
            # A server that goes on to send data or FIN got the client's answer: END601.
            & facts.no(facts.positive("resp_bytes"))
            & facts.no(facts.RESP.fin)
        )

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        sent = story.row.get("r_syns") or 0
        text = (
            f"{telling.count(sent, 'SYN ACK')} of {telling.who(story, Side.RESP)} and no segment "
            f"of {telling.who(story, Side.ORIG)} passed this point."
        )
        claims = [Claim(text, telling.proofs(story, Role.SYN_ACK, Side.RESP))]
        return [*claims, *telling.denied_after(story), *telling.log_end(story)]

    @classmethod
    def alternatives(cls, story: Story) -> list[Alternative]:
        return [
            Alternative(
                "The capture's filter, or its beginning, hides the other direction.",
                "the capture's filter and its first packet",
            ),
            Alternative(
                "The SYN carried this address as a forged source (backscatter).",
                "SYN ACKs to many addresses or ports that never sent anything",
            ),
        ]

    @classmethod
    def missing(cls, story: Story) -> list[str]:
        return missing.both_sides(missing.Where.of(story.row))
