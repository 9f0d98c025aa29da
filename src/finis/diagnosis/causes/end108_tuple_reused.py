"""The SYN met an earlier connection of the same tuple.

## What happened
A client used the same address and port again while the server still remembered the last
connection: usually its TIME-WAIT. A SYN with a higher ISN or timestamp is accepted; any other is
answered with an ACK of the old connection, which the client resets before it tries again.

## Evidence
SYN, an ACK that is none of this connection's, the client's RST; or an unanswered SYN within two
segment lifetimes of an earlier connection of the same tuple.

## Look-alikes
A blocked RST (END107) repeats the exchange without success.

## Harm
Depends: usually a second's delay; a failed connection if the client does not try again.

## What to change
More source ports or a longer pause before reuse at the client or the translating device;
on Linux TCP timestamps on both sides let TIME-WAIT accept the new SYN (RFC 6191).

## References
RFC 9293 §3.10.7.4 (TIME-WAIT); RFC 6191; RFC 1122 §4.2.2.13; RFC 5961 §4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, telling
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.diagnosis.causes.end107_challenge_ack_blocked import syn_met_old_connection
from finis.terms import Confidence, Harm, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


class TupleReused(Cause):
    id, name, table = "END108", "tuple-reused", "connections"
    title = "the SYN met an earlier connection of the same tuple"
    beats = ("END207", "END102", "END311", "END331")
    confidence = facts.confidence(
        (syn_met_old_connection(), Confidence.LIKELY), otherwise=Confidence.POSSIBLE
    )
    harm = Harm.DEPENDS
    harm_why = "on whether the client tries again"
    remedy = {
        "client": "more source ports (Linux: net.ipv4.ip_local_port_range), fewer connections",
        "NAT": "a larger pool of translated ports for {client}",
        "Linux": "net.ipv4.tcp_timestamps=1 on both sides",
        "Windows": "netsh int ipv4 set dynamicport tcp start=10000 num=55000",
        "HAProxy": "source 0.0.0.0:1024-65535 in the backend, and http-reuse safe, so that fewer"
        " ports are used",
        "nginx": "keepalive 32 in the upstream block, so that fewer ports are used",
    }
    references = ("RFC 9293 §3.10.7.4", "RFC 6191", "RFC 5961 §4")
    not_this = ("not a plain unanswered SYN: the same tuple was in use shortly before",)

    @classmethod
    def where(cls) -> pl.Expr:
        recent = (pl.col("reuse_gap_s") >= 0) & (pl.col("reuse_gap_s") <= facts.REUSE_S)
        return syn_met_old_connection() | (facts.ended("unanswered") & recent)

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        gap = story.row.get("reuse_gap_s")
        claims = telling.syn(story)
        if gap is not None and gap >= 0:
            text = f"The same tuple was in use until {telling.span(gap)} before this SYN"
            claims.append(Claim(text + "."))
        return [*claims, *telling.challenge(story, Side.RESP), *telling.rst(story, Side.ORIG)]

    @classmethod
    def alternatives(cls, story: Story) -> list[Alternative]:
        return [
            Alternative(
                "The earlier connection has nothing to do with it; the server was unreachable.",
                "whether other clients reach the server at the same time",
            )
        ]
