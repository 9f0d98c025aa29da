"""One side closed, repeated its FIN, and nobody answered.

## What happened
A side sent its FIN, again and again at growing intervals, and got nothing back: the peer or the
path had vanished. The closing host gives up in silence after some tries; a peer that speaks later
meets a host without state.

## Evidence
The same FIN three times or more, no acknowledgement of it, nothing from the peer for the
last second or more.

## Look-alikes
A half-close (END405): there the first FIN was acknowledged. FINs that a firewall dropped (END606)
need captures on both sides. A FIN with unacknowledged data before it is END407.

## Harm
Harmless for the side that closed, whose data had all arrived; the other side keeps a dead
connection until its own timers run out.

## What to change
Find out why the peer went silent. Keep-alive on the other side lets it notice.

## References
RFC 9293 §3.6 and §3.8.3; Linux ip-sysctl: tcp_orphan_retries (8 by default for a socket that its
program has closed).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, missing, telling
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.terms import Confidence, Harm, Role, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story

_TRIES = 3  # fewer may be ordinary loss at the end of a capture


class FinUnanswered(Cause):
    id, name, table = "END410", "fin-unanswered", "connections"
    title = "a FIN was repeated and nobody answered any more"
    beats = ("END207", "END331", "END405", "END901", "END902", "END903")
    confidence = facts.confidence(
        (pl.col("capture_loss"), Confidence.POSSIBLE), otherwise=Confidence.LIKELY
    )
    harm = Harm.DEPENDS
    harm_why = "on whether the silent side had more to say; what the closing side sent had arrived"
    remedy = {
        "Linux": "net.ipv4.tcp_orphan_retries bounds the tries of a closed socket; SO_KEEPALIVE or "
        "TCP_USER_TIMEOUT on the other side frees its half",
        "ASA": "show conn address {client} detail: a connection with one FIN waits for "
        "`timeout half-closed`",
        "network": "find where the FIN is lost: captures on both sides of each device",
    }
    references = ("RFC 9293 §3.6", "RFC 9293 §3.8.3", "Linux ip-sysctl: tcp_orphan_retries")
    not_this = ("not a half-close: the FIN was never acknowledged",)

    @classmethod
    def where(cls) -> pl.Expr:
        return (
            facts.packets()
            & facts.ended("half-closed")
            & facts.no(facts.ORIG.rst | facts.RESP.rst)
            & (_alone(facts.ORIG) | _alone(facts.RESP))
        )

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        side = Side.ORIG if telling.column(story, Side.ORIG, "fin") else Side.RESP
        times = telling.column(story, side, "fins") or 0
        text = f"It was sent {telling.count(times, 'time')}; nothing came back."
        again = Claim(text, telling.proofs(story, Role.FIN, side))
        return [*telling.fin(story, side), again, *telling.log_end(story)]

    @classmethod
    def alternatives(cls, story: Story) -> list[Alternative]:
        return [
            Alternative("The peer vanished (power, crash, address change).", "its uptime and log"),
            Alternative(
                "A device on the path had removed the connection and drops the FIN.",
                "captures on both sides of it; its log",
            ),
        ]

    @classmethod
    def missing(cls, story: Story) -> list[str]:
        return missing.both_sides(missing.Where.of(story.row))


def _alone(side: facts.Half) -> pl.Expr:
    return (
        (side.col("fins") >= _TRIES)
        & ~side.col("fin_acked")
        & (facts.no(side.col("unacked") > 0) | pl.col("flags_only"))
        & facts.no(side.peer.fin)
        & (side.peer.col("last_seg_s") >= facts.REPEATED_S)
    )
