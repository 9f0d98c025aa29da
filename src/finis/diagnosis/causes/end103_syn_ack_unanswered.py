"""The server answered the SYN and the client never completed the handshake.

## What happened
SYN, SYN ACK, then nothing: the third segment of the handshake did not come. The server keeps a
half-made connection and repeats its SYN ACK until it gives up.

## Evidence
SYN ACKs from the server (repeated, usually), no ACK, RST or data from the client after them. Or a
firewall's log that says so: netfilter's entry expired in SYN_RECV, the state after the SYN ACK
(likely, for it is the firewall that saw no ACK).

## Look-alikes
A half-open probe (END104) ends with the client's RST. An unanswered SYN (END102) has no SYN ACK.
A capture that ends a quarter of a second later (END903) shows the same, and one with a filter for
SYN, FIN and RST shows no third segment of any handshake.

## Harm
Depends: forged source addresses (a SYN flood) fill the server's queue; a client that never
receives the SYN ACK, because the way back is broken, cannot connect at all.

## What to change
If the clients are real, follow the SYN ACK back: routing, return rules, address translation. If
many unrelated sources do this to one port, protect the port with SYN cookies or an embryonic
limit.

## References
RFC 9293 §3.5; RFC 4987 (SYN flooding); Cisco firewall configuration guide (embryonic limits).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, missing, telling
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.terms import Confidence, Harm, Role, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


class SynAckUnanswered(Cause):
    id, name, table = "END103", "syn-ack-unanswered", "connections"
    title = "the client never completed the handshake"
    beats = ("END102",)
    confidence = facts.confidence(
        (
            (pl.col("r_syns") > 1) & facts.no(pl.col("simultaneous_open")),
            Confidence.CERTAIN,
        ),
        (pl.col("cut_end") & (pl.col("r_syns") == 1), Confidence.POSSIBLE),
        otherwise=Confidence.LIKELY,
    )
    harm = Harm.DEPENDS
    harm_why = "on whether the source is real (it cannot connect) or forged (a flood)"
    remedy = {
        "ASA": "set connection embryonic-conn-max 100 per-client-embryonic-max 10 in the class "
        "that holds {server}, if the sources are forged",
        "netfilter": "`synproxy` for {server} port {server_p}, if the sources are forged",
        "Linux": "sysctl net.ipv4.tcp_syncookies=1 (the default) keeps the queue from filling",
        "network": "follow the SYN ACK from {server} to {client}: routing, return rules, NAT",
    }
    references = ("RFC 9293 §3.5", "RFC 4987")
    not_this = ("not a half-open probe: no RST of the client was seen",)

    @classmethod
    def where(cls) -> pl.Expr:
        by_log = (
            facts.teardown("syn-ack-timeout")
            & (facts.no(facts.packets()) | facts.ended("open"))
            & facts.no(pl.col("established"))
        )
        return by_log | (
            facts.ended("unanswered")
            & facts.positive("o_syns")
            & facts.positive("r_syns")
            & facts.no(facts.ORIG.rst)
            & facts.no(facts.RESP.rst_class("suspect"))  # beyond its SYN ACK: more was sent
            & facts.no(facts.ORIG.pkts > pl.col("o_syns"))  # it sent something else
            # An answer that may have come after the capture, or that a filter left out.
            & ((facts.whole() & facts.watched()) | (pl.col("r_syns") > 1))
        )

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        claims = telling.syn(story)
        sent = story.row.get("r_syns")
        if sent:
            text = f"The server sent {telling.count(sent, 'SYN ACK')}; nothing came back."
            claims.append(Claim(text, telling.proofs(story, Role.SYN_ACK, Side.RESP)))
        return [*claims, *telling.log_end(story)]

    @classmethod
    def alternatives(cls, story: Story) -> list[Alternative]:
        past = Alternative(
            "The client did complete it, on a path past this firewall (asymmetric routing).",
            "an ACK of the client, in a capture taken at the server",
        )
        return [
            Alternative(
                "The SYN ACK never reached the client.",
                missing.tcpdump(missing.Where.of(story.row), "client"),
            ),
            Alternative(
                "The SYN came with a forged source address.",
                "many sources that each send SYNs and nothing else",
            ),
            *([] if story.row.get("has_packets") else [past]),
        ]

    @classmethod
    def missing(cls, story: Story) -> list[str]:
        return missing.both_sides(missing.Where.of(story.row))
