"""A side repeated its data in vain, gave up without a word, and later knew nothing of it.

## What happened
TCP gives up silently: when retransmissions run out, or the program's `TCP_USER_TIMEOUT` does, the
socket is freed and no RST is sent. When the peer speaks again, the host answers with the RST of a
host without state.

## Evidence
Retransmissions of a side that were never acknowledged, then a segment of the peer, and the side's
RST without ACK bit in answer to it; no FIN of that side before.

## Look-alikes
A host that lost its state by a restart, or forgot an idle connection (END312), had nothing
unacknowledged. An abort by the process carries the ACK bit (END305, END306).

## Harm
Harmful: what the side had sent was lost; both ends learn of it late.

## What to change
Find the loss. Where the early end is the program's own, `TCP_USER_TIMEOUT` sets how long data may
stay unacknowledged (RFC 5482); Linux without it waits for `tcp_retries2`, about 15 minutes.

## References
RFC 9293 §3.8.3 (R2) and §3.9.1 (user timeout); RFC 5482; Linux ip-sysctl: tcp_retries2; tcp(7):
TCP_USER_TIMEOUT.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, missing, telling
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.terms import Confidence, Harm, Role, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


class GaveUpSilently(Cause):
    id, name, table = "END411", "gave-up-silently", "connections"
    title = "a sender gave up on unacknowledged data, and later answered as a host without state"
    beats = (
        "END207",
        "END311",
        "END312",
        "END331",
        "END391",
        "END407",
        "END901",
        "END902",
        "END903",
    )
    confidence = facts.confidence(
        (pl.col("capture_loss"), Confidence.POSSIBLE),
        ((pl.col("o_rexmit") > 2) | (pl.col("r_rexmit") > 2), Confidence.LIKELY),
        otherwise=Confidence.POSSIBLE,
    )
    harm = Harm.HARMFUL
    harm_why = "to both sides: data was lost, and they learned of it late"
    remedy = {
        "Linux": "ss -tnoi shows retransmissions while they happen; TCP_USER_TIMEOUT of the socket "
        "or net.ipv4.tcp_retries2 sets how long data may stay unacknowledged",
        "Windows": "TcpMaxDataRetransmissions (netsh int tcp show global) bounds the tries",
        "HAProxy": "tcp-ut on the bind or server line is TCP_USER_TIMEOUT: not below the path's "
        "outages",
        "network": "find the loss: captures on both sides of each device between the two",
    }
    references = ("RFC 9293 §3.8.3", "RFC 5482", "Linux ip-sysctl: tcp_retries2")
    not_this = ("not an abort: no ACK bit, and unacknowledged data before it",)

    @classmethod
    def where(cls) -> pl.Expr:
        return pl.col("established") & (_freed(facts.ORIG) | _freed(facts.RESP))

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        claims = []
        for side in (Side.ORIG, Side.RESP):
            if telling.public(story, side, "rst_class") in ("no-state", "no-state-ack"):
                times = telling.column(story, side, "rexmit") or 0
                text = (
                    f"{telling.upper(telling.who(story, side))} sent "
                    f"{telling.count(times, 'segment')} again, in vain."
                )
                if times:
                    claims.append(Claim(text, telling.proofs(story, Role.LAST_DATA, side)))
                claims += telling.stateless_reply(story, side)
        return [*claims, *telling.unacknowledged(story), *telling.log_end(story)]

    @classmethod
    def alternatives(cls, story: Story) -> list[Alternative]:
        return [
            Alternative(
                "The host restarted, or its process was killed, while the path was broken.",
                "the host's uptime and log",
            )
        ]

    @classmethod
    def missing(cls, story: Story) -> list[str]:
        return missing.both_sides(missing.Where.of(story.row))


def _freed(side: facts.Half) -> pl.Expr:
    return (
        side.stateless_rst
        & side.rst_answers("data", "keep-alive", "ack", "fin")
        & facts.no(side.fin)
        & (side.col("unacked") > 0)
        & (side.col("rexmit") > 1)
        & facts.no(side.col("rst_accept") == "outside")
        & facts.no(pl.col("created_rst") != "none")
    )
