"""A SYN ACK nobody asked for was answered with a RST.

## What happened
A SYN ACK reached a host that had sent no SYN, and the host reset it, as it must. Somebody else sent
the SYN, with this host's address as the source: this is the backscatter of a flood against the
server, or the host had already forgotten its own SYN.

## Evidence
No SYN from the host, a SYN ACK to it, and its RST with SEQ = the SYN ACK's ACK.

## Look-alikes
A half-open probe (END104), where the SYN was seen. A capture that began after the SYN.

## Harm
Depends: harmless to this host; the server named here may be under a SYN flood.

## What to change
Nothing here. Tell the server's owner if it goes on; filter forged sources at the edge (RFC 2827).

## References
RFC 9293 §3.10.7.1 and §3.5.1; RFC 4987; RFC 2827.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, telling
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.terms import Confidence, Harm, Role, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


class UnsolicitedSynAck(Cause):
    id, name, table = "END106", "unsolicited-syn-ack", "connections"
    title = "a SYN ACK that nobody had asked for, reset by its receiver"
    beats = ("END103", "END105", "END311", "END601")
    confidence = facts.confidence(
        (facts.no(pl.col("near_start")), Confidence.LIKELY), otherwise=Confidence.POSSIBLE
    )
    harm = Harm.DEPENDS
    harm_why = "harmless to the receiver; the sender may be under a SYN flood"
    remedy = {"network": "filter packets with forged sources at the edge (RFC 2827, RFC 3704)"}
    references = ("RFC 9293 §3.10.7.1", "RFC 4987", "RFC 2827")
    not_this = ("not a half-open probe: its SYN was never seen",)

    @classmethod
    def where(cls) -> pl.Expr:
        return (
            facts.packets()
            & (pl.col("o_syns") == 0)
            & facts.positive("r_syns")
            & facts.ORIG.rst
            & facts.ORIG.rst_answers("syn-ack")
        )

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        text = (
            f"{telling.upper(telling.who(story, Side.RESP))} sent a SYN ACK; no SYN of "
            f"{telling.who(story, Side.ORIG)} was seen, and that host answered with a RST."
        )
        proofs = (
            *telling.proofs(story, Role.SYN_ACK, Side.RESP),
            *telling.proofs(story, Role.RST, Side.ORIG),
        )
        return [Claim(text, proofs, telling.NO_CONNECTION_RULE)]

    @classmethod
    def alternatives(cls, story: Story) -> list[Alternative]:
        return [
            Alternative(
                "The host did send the SYN, by another path or before the capture, and gave up.",
                "a capture at the host itself",
            )
        ]
