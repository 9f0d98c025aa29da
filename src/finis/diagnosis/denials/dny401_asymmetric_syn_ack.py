"""A SYN ACK for a SYN that never passed this firewall.

## What happened
The client's SYN reached the server by another path; the answer comes through this firewall, which
knows no connection and refuses it. Asymmetric routing.

## Evidence
`SYN ACK` with no Built of the tuple, on a device whose log would have shown it.

## Look-alikes
After `SYN Timeout` the answer is merely late (DNY304). Answers to forged SYNs (backscatter, DNY603)
go to many addresses that open nothing themselves. If the log begins late or Built messages are not
logged, nothing can be concluded (DNY901).

## Harm
Harmful: connections between these two cannot be made.

## What to change
Bring both directions through the same firewall: routes, first-hop redundancy, NAT on one of the
paths. Bypassing the state check is the last resort.

## References
RFC 9293 §3.5 (handshake).
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm


class AsymmetricSynAck(Cause):
    id = "DNY401"
    name = "asymmetric-syn-ack"
    title = "a SYN ACK whose SYN took another path (asymmetric routing)"
    table = "denials"
    beats = ("DNY316",)
    confidence = _facts.choose(_facts.never, Confidence.LIKELY, Confidence.POSSIBLE)
    harm = _facts.choose(_facts.never, Harm.HARMFUL, Harm.DEPENDS)
    harm_why = (
        "connections between these hosts cannot be made, if its SYN took another path; a SYN ACK"
        " for a forged SYN harms nobody here"
    )
    remedy = {
        "routing": "bring both directions through the same firewall (routes, HSRP/VRRP, NAT)",
        "ASA": "`set connection advanced-options tcp-state-bypass` for this pair as a last resort;"
        " between two units: `asr-group` or a cluster",
        "netfilter": "`notrack` for this pair as a last resort; between two units: conntrackd",
        "Linux": "ip route get {client} from {server} on every hop; net.ipv4.conf.all.rp_filter=2"
        " (loose) where two ways are meant",
        "AWS": "one appliance for both directions: aws ec2 modify-transit-gateway-vpc-attachment"
        " --options ApplianceModeSupport=enable",
        "Azure": "user-defined routes of both subnets through the same firewall; one load"
        " balancer with HA ports in front of a pair",
    }
    references = ("RFC 9293 §3.5", "Cisco ASA syslog message 106015")
    not_this = (
        "a slow server: there the SYN passed and timed out (DNY304)",
        "backscatter would show many destinations that open no connections (DNY603)",
    )

    @classmethod
    def where(cls) -> pl.Expr:
        # A SYN ACK is not repeated for so long: it answers a later SYN, unseen here.
        old = _facts.closed & (_facts.lag > _facts.SYN_ACK_RETRY_S)
        elsewhere = _facts.state & _facts.never & ~_facts.to_own_mapping
        return (elsewhere | old) & _facts.syn_ack

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        if story.row.get("teardown"):
            text = "A SYN ACK is not repeated for so long: it answers a SYN the log does not show."
            return [*_words.history(story), Claim(text, (story.proof,), "RFC 6298 §5")]
        return [*_words.history(story), _words.never_built(story)]

    @classmethod
    def alternatives(cls, story: Refusal) -> list[Alternative]:
        return [
            _words.would_decide(story, "It answers a SYN that somebody forged with this address.")
        ]

    @classmethod
    def missing(cls, story: Refusal) -> list[str]:
        return _words.captures(story)
