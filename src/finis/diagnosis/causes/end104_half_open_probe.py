"""SYN, SYN ACK, RST: the client asked whether the port is open and left.

## What happened
The client started a handshake and reset it as soon as the server had answered. Health checks of
load balancers and port scanners do this on purpose: they learn that the port is open and spend
nothing on a connection.

## Evidence
The client's RST answers the SYN ACK; no data, no FIN. From a log alone: a teardown by a reset of
the client's side with no bytes and no duration, or netfilter's CLOSE after SYN_RECV, which
does not say who reset it: only possible evidence.

## Look-alikes
A client that gave up while the SYN ACK was on its way also resets it: where the SYN ACK took about
a second or more it is END113. A SYN ACK nobody asked for (END106) has no SYN. A SYN that met an old
connection (END107, END108) is answered with an ACK, not a SYN ACK.

## Harm
Harmless where the server answered at once. Depends where the SYN was repeated or the RST came late:
then a real client may have run out of patience.

## What to change
Nothing. To quieten it, let the load balancer check with a full connection and close.

## References
RFC 9293 §3.10.7.3 and §3.5.2; RFC 6298 §2 (first retransmission after a second).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, telling
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.terms import Confidence, Harm, Role, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story

_PATIENCE_S = 0.9  # below the first retransmission of a SYN (RFC 6298 §2: 1 s)


class HalfOpenProbe(Cause):
    id, name, table = "END104", "half-open-probe", "connections"
    title = "the client reset the handshake as soon as the server answered"
    beats = ("END103", "END102", "END331")
    confidence = facts.confidence(
        (facts.log_only(), Confidence.POSSIBLE),
        (facts.ORIG.rst_answers("syn-ack"), Confidence.CERTAIN),
        otherwise=Confidence.LIKELY,
    )
    harm = facts.harm(
        (facts.packets() & (pl.col("o_syns") == 1) & (pl.col("o_rst_s") < _PATIENCE_S),
         Harm.HARMLESS),
        otherwise=Harm.DEPENDS,
    )  # fmt: skip
    harm_why = "harmless as a probe; a client that lost patience could not connect"
    remedy = {
        "load balancer": "use a monitor that completes the connection and closes it with FIN",
        "client": "if {client} is no prober, find out why it gave up",
        "HAProxy": "option httpchk, or option tcp-check with an expect rule, so that a check"
        " completes a conversation",
    }
    references = ("RFC 9293 §3.10.7.3", "RFC 9293 §3.5.2")
    not_this = (
        "not refused: there the server sends the RST",
        "not an abort of a connection in use: it had carried no data",
    )

    @classmethod
    def where(cls) -> pl.Expr:
        by_packets = (
            facts.positive("o_syns")
            & facts.positive("r_syns")
            & facts.ORIG.rst
            & facts.no(pl.col("established"))
            & facts.no(facts.ORIG.fin)
            & facts.no(facts.ORIG.rst_class("suspect", "bad-ack"))
            & facts.no(facts.positive("orig_bytes"))
            & (facts.whole() | facts.ORIG.rst_answers("syn-ack"))
        )
        by_log = (
            facts.log_only()
            & facts.teardown("reset-orig")
            & (pl.col("log_bytes") == 0)
            & (pl.col("log_duration_s") == 0)
        ) | (facts.log_only() & facts.teardown("handshake-reset"))
        return by_packets | by_log

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        claims = telling.syn(story)
        answer = story.find(Role.SYN_ACK, Side.RESP)
        lag = telling.between(answer, story.find(Role.RST, Side.ORIG))
        if answer is not None and lag is not None:
            text = f"The server answered with a SYN ACK; the client's RST came {telling.span(lag)} "
            claims.append(
                Claim(
                    text + "after it.",
                    (answer.proof, *telling.proofs(story, Role.RST, Side.ORIG)),
                )
            )
        return [*claims, *telling.log_end(story)]

    @classmethod
    def alternatives(cls, story: Story) -> list[Alternative]:
        by_server = Alternative(
            "The server sent the RST: the log does not say which side did.",
            "the RST in a capture",
        )
        return [
            *([by_server] if story.row.get("teardown") == "handshake-reset" else []),
            Alternative(
                "A real client gave up, or preferred another address that answered sooner "
                "(RFC 8305).",
                "whether this client does it at regular intervals, and ever sends data",
            ),
        ]
