"""A second SYN of the same tuple with another initial number, while the first was unanswered.

## What happened
Two different SYNs of one address and port asked for the same connection within seconds. A
retransmitted SYN repeats its number; these numbers differ, so that two attempts share a port: a
program bound to one source port tries again, two machines hide behind one address, or somebody
forges SYNs.

## Evidence
A SYN without answer, and at most half a minute later another SYN of the same tuple with a
different ISN, also unanswered. An ASA reports it (419002) and counts it as `tcp-seq-syn-diff`
in `show asp drop`.

## Look-alikes
A retransmitted SYN has the same ISN (END102). A port used again after a connection that lived is
END108. A device that rewrites numbers differently per packet gives one SYN two numbers.

## Harm
Depends: on whether the client is real; a firewall that keeps the first number drops the second
SYN.

## What to change
Let the client use ephemeral ports rather than a fixed one; for forged SYNs, an embryonic limit or
SYN cookies.

## References
RFC 9293 §3.4.1 (initial numbers); Cisco ASA syslog 419002; RFC 4987.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, missing, telling
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.terms import Confidence, Harm

if TYPE_CHECKING:
    from finis.correlation.stories import Story

_SOON_S = 30.0  # while a firewall still holds the embryonic connection (ASA: embryonic 0:0:30)


class DuplicateSyn(Cause):
    id, name, table = "END111", "duplicate-syn", "connections"
    title = "a second SYN with another initial number, while the first was unanswered"
    beats = ("END102", "END108", "END601")
    confidence = Confidence.POSSIBLE
    harm = Harm.DEPENDS
    harm_why = "on whether the client is real, and on what answers neither of the two"
    remedy = {
        "client": "do not bind {client} to one source port; wait longer before a new attempt",
        "ASA": "show asp drop | include syn-diff; for forged SYNs set connection "
        "per-client-embryonic-max 10 in the class that holds {server}",
        "Linux": "sysctl net.ipv4.tcp_syncookies=1 on {server}, if the SYNs are forged",
    }
    references = ("RFC 9293 §3.4.1", "Cisco ASA syslog 419002", "RFC 4987")
    not_this = ("not a retransmission: the initial sequence number differs",)

    @classmethod
    def where(cls) -> pl.Expr:
        return (
            facts.ended("unanswered")
            & (pl.col("r_syns") == 0)
            & facts.positive("o_syns")
            & pl.col("reuse_unanswered")
            & (pl.col("reuse_gap_s") >= 0)
            & (pl.col("reuse_gap_s") <= _SOON_S)
        )

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        gap = story.row.get("reuse_gap_s") or 0.0
        claims = telling.syn(story)
        shown = claims[0].proofs if claims else ()
        text = (
            f"{telling.span(gap)} before, another SYN of the same addresses and ports, with "
            "another initial number, had gone unanswered."
        )
        return [*claims, Claim(text, shown), *telling.silence(story)]

    @classmethod
    def alternatives(cls, story: Story) -> list[Alternative]:
        return [
            Alternative(
                "The server is down, and the client tries again from a fixed port.",
                "whether other clients reach the server at the same time",
            ),
            Alternative(
                "Somebody forges SYNs in this address's name.",
                missing.tcpdump(missing.Where.of(story.row), "client"),
            ),
        ]
