"""Only one direction of the connection passed this point.

## What happened
Segments of one side were seen, and none of the other, although the other was evidently speaking:
the directions take different paths, or only one of them was captured.

## Evidence
ACKs or data of one side that acknowledge growing numbers, no segment of the other.

## Look-alikes
SYNs without an answer (END102). A SYN ACK without a SYN (END105). A capture filter for one
direction. VLAN tags that differ by direction (a mirror port of two VLANs, private VLANs): each VLAN
is followed by itself, so that the other half stands as a connection of its own.

## Harm
Depends: harmful at a firewall with state, which refuses such segments; no matter at a mere tap.

## What to change
Capture where both directions pass, or make both pass the firewall.

## References
RFC 9293 §3.4; Cisco firewall configuration guide, TCP state bypass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, missing, telling
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.terms import Confidence, Harm, Role, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


def _alone(side: facts.Half) -> pl.Expr:
    """Nothing but this side was seen, and more of it than an attempt to connect."""
    spoke = side.pkts > side.col("syns") + side.col("rsts")
    return (side.pkts > 0) & (side.peer.pkts == 0) & (facts.no(facts.positive("o_syns")) | spoke)


class OneDirection(Cause):
    id, name, table = "END601", "one-direction-only", "connections"
    title = "only one direction passed this point"
    beats = ("END405", "END901", "END902", "END903")
    confidence = Confidence.POSSIBLE
    harm = Harm.DEPENDS
    harm_why = "on whether a firewall with state stands here"
    remedy = {
        "network": "route {client} → {server} and {server} → {client} by the same path",
        "Linux": "ip route get {client} from {server} on every hop; net.ipv4.conf.all.rp_filter=2"
        " (loose) where two ways are meant",
        "AWS": "one appliance for both directions: aws ec2 modify-transit-gateway-vpc-attachment"
        " --options ApplianceModeSupport=enable",
        "Azure": "user-defined routes of both subnets through the same firewall; one load"
        " balancer with HA ports in front of a pair",
    }
    references = ("RFC 9293 §3.4",)
    not_this = ("not an unanswered SYN: the side spoke as in an established connection",)

    @classmethod
    def where(cls) -> pl.Expr:
        return (
            facts.packets()
            & (_alone(facts.ORIG) | _alone(facts.RESP))
            & facts.no(facts.ended("unanswered", "refused"))
        )

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        silent = Side.ORIG if telling.public(story, Side.ORIG, "pkts") == 0 else Side.RESP
        speaker = Side(1 - silent)
        total = telling.public(story, speaker, "pkts") or 0
        text = (
            f"{telling.count(total, 'segment')} of {telling.who(story, speaker)} and none of "
            f"{telling.who(story, silent)} were seen."
        )
        shown = (
            *telling.proofs(story, Role.LAST_DATA, speaker),
            *telling.proofs(story, Role.LAST_ACK, speaker),
        )
        return [Claim(text, shown), *telling.denied_after(story), *telling.log_end(story)]

    @classmethod
    def alternatives(cls, story: Story) -> list[Alternative]:
        return [
            *_other_tag(story),
            Alternative("The capture's filter shows one direction only.", "the capture's filter"),
            Alternative("The directions take different paths.", "a capture at the other side"),
        ]

    @classmethod
    def missing(cls, story: Story) -> list[str]:
        return missing.both_sides(missing.Where.of(story.row))


def _other_tag(story: Story) -> list[Alternative]:
    """Each VLAN is followed by itself: the other direction may have passed in another one."""
    vlan = story.row.get("vlan")
    if vlan is None:
        return []
    return [
        Alternative(
            f"The other direction passed here, too, with another VLAN tag than {vlan} or none, and "
            "is listed as a connection of its own.",
            "finis connections --port with the client's port: does it show the same hosts and "
            "ports in another VLAN, with the other side's segments? Then remove the tags "
            "(tcprewrite --enet-vlan=del) and read the capture again",
        )
    ]
