"""The SYN ACK came when the client had already given up.

## What happened
The server, or something before it, took so long to answer that the client no longer waited: its
host knew nothing of the attempt when the SYN ACK came, and reset it.

## Evidence
SYN, the SYN ACK about a second later or more, and at once the client's RST in the form of a host
without state. Mostly the SYN had been repeated: a program that only probes a port does not do that.

## Look-alikes
A half-open probe (END104) is answered and reset within the first second. A repeated SYN ACK that
nobody answers is END103, a SYN ACK the firewall had forgotten is a matter of the denial (DNY208,
DNY304). A probe whose first SYN was lost looks the same.

## Harm
Depends: the client could not connect this way; it may have had another address (RFC 8305).

## What to change
Find the delay: a capture at the server tells whether the SYN came late or the answer left late. A
full queue of the listener, a busy proxy or TCP intercept in front, a lossy path.

## References
RFC 9293 §3.10.7.1; RFC 6298 §2 (the first repetition after a second); RFC 8305 §5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, missing, origin, telling
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.terms import Confidence, Harm, Role, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story

LATE_S = 0.9  # about the first retransmission of a SYN (RFC 6298 §2: 1 s)


class SynAckTooLate(Cause):
    id, name, table = "END113", "syn-ack-too-late", "connections"
    title = "the server's SYN ACK came too late: the client had given up"
    beats = ("END104",)
    confidence = Confidence.LIKELY
    harm = Harm.DEPENDS
    harm_why = "on whether the client reached the service another way: here it could not connect"
    remedy = {
        "server": "find where the delay arose: capture on {server} whether the SYN came late or the"
        " SYN ACK left late",
        "Linux": "nstat -az TcpExtListenOverflows TcpExtListenDrops TcpExtTCPReqQFullDrop: a full"
        " queue of the listener drops SYNs",
        "client": "a longer connect timeout only if the delay is meant to be",
        "ASA": "with TCP intercept or a SYN proxy the answer waits for the server:"
        " show threat-detection statistics tcp-intercept",
    }
    references = ("RFC 9293 §3.10.7.1", "RFC 6298 §2", "RFC 8305 §5")
    not_this = ("not a probe: a probe has its answer at once, and does not ask again",)

    @classmethod
    def where(cls) -> pl.Expr:
        answered_s = pl.col("o_rst_s") - pl.col("o_rst_lag_s")
        return (
            facts.positive("o_syns")
            & facts.positive("r_syns")
            & facts.ORIG.rst
            & facts.ORIG.rst_answers("syn-ack")
            & facts.ORIG.stateless_rst
            & (answered_s >= LATE_S)
            & facts.no(pl.col("established"))
            & facts.no(facts.ORIG.fin)
            & facts.no(facts.positive("orig_bytes"))
        )

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        first, answer = story.find(Role.SYN, Side.ORIG), story.find(Role.SYN_ACK, Side.RESP)
        claims = []
        waited = telling.between(first, answer)
        if first is not None and answer is not None and waited is not None:
            syns = story.row.get("o_syns") or 1
            asked = f", which asked {syns} times" if syns > 1 else ""
            text = (
                f"{telling.upper(telling.who(story, Side.RESP))} sent its SYN ACK "
                f"{telling.span(waited)} after the first SYN of the client{asked}."
            )
            claims.append(Claim(text, (first.proof, answer.proof), "RFC 6298 §2"))
        rst = story.find(Role.RST, Side.ORIG)
        lag = telling.between(answer, rst)
        if rst is not None and lag is not None:
            text = (
                f"The client's RST came {telling.span(lag)} after that, in the form of a host "
                "that knows no such connection: it had given up."
            )
            claims.append(Claim(text, (rst.proof,), telling.NO_CONNECTION_RULE))
        return [*claims, *origin.compared(story, Side.ORIG), *telling.log_end(story)]

    @classmethod
    def alternatives(cls, story: Story) -> list[Alternative]:
        return [
            Alternative(
                "The client preferred another address that answered sooner (RFC 8305).",
                "whether the same client connects elsewhere within that time",
            ),
            Alternative(
                "A probe that wants no connection, the first SYN of which was lost.",
                "whether this client ever sends data",
            ),
        ]

    @classmethod
    def missing(cls, story: Story) -> list[str]:
        return missing.both_sides(missing.Where.of(story.row))
