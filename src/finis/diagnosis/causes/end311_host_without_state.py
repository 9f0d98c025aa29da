"""A segment met a host that held no state for the connection.

## What happened
A side answered a segment of an existing connection as a host does that knows no such connection:
with a RST that has no ACK bit and whose SEQ is the ACK of the segment it answers. Its state was
gone: freed after its own FIN (a short FIN-WAIT-2 timer, an orphan limit, a load balancer that owns
the address), lost in a restart, or never there.

## Evidence
The form of the RST, and the segment whose ACK is its SEQ. A RST is never answered with a RST, so
where a FIN and a RST arrived together it is the FIN that was answered.

## Look-alikes
An abort carries the ACK bit and the sender's own next number (END305, END306). Some stacks (lwIP)
set the ACK bit on every RST; then the SEQ decides. After a long silence in mid-connection it is
END312; after data following the side's own FIN, END310.

## Harm
Harmless after the side's own FIN; depends otherwise.

## What to change
After a FIN: nothing, or a longer FIN-WAIT-2 at that side.

## References
RFC 9293 §3.10.7.1 (CLOSED).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, origin, telling
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.diagnosis.causes import _aborts
from finis.terms import Confidence, Harm, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


def _answered(side: facts.Half) -> pl.Expr:
    return side.stateless_rst & facts.no(side.rst_answers("syn", "syn-ack", "challenge-ack"))


def _after_own_fin(side: facts.Half) -> pl.Expr:
    answer = side.rst_answers("fin", "ack", "keep-alive")  # one unseen may have been data
    return side.stateless_rst & answer & (side.col("rst_after_own_fin_s") >= 0)


class HostWithoutState(Cause):
    id, name, table = "END311", "host-without-state", "connections"
    title = "a segment was answered by a host without state for the connection"
    beats = ("END207", "END331", "END391")
    contributes = True
    confidence = facts.confidence(
        (facts.RESP.rst_answers("unseen") | facts.ORIG.rst_answers("unseen"), Confidence.LIKELY),
        # With the ACK bit an abort just before that segment arrived looks the same.
        (
            facts.RESP.rst_class("no-state-ack") | facts.ORIG.rst_class("no-state-ack"),
            Confidence.LIKELY,
        ),
        # Where the beginning was not seen: it may have closed, and refuse data (RFC 1122
        # §4.2.2.13); or have a SYN out and answer a challenge ACK (RFC 9293 §3.10.7.3).
        (pl.col("midstream"), Confidence.LIKELY),
        # An abort of that host may have been lost before it came to the only point, or be taken
        # for the firewall's own.
        (facts.no(pl.col("paired")) | (pl.col("created_rst") != "none"), Confidence.LIKELY),
        otherwise=Confidence.CERTAIN,
    )
    harm = facts.harm(
        (facts.data_lost(), Harm.DEPENDS),
        (
            # Where the capture misses segments, what was answered may have been data.
            (_after_own_fin(facts.RESP) | _after_own_fin(facts.ORIG))
            & facts.no(pl.col("capture_loss")),
            Harm.HARMLESS,
        ),
        otherwise=Harm.DEPENDS,
    )
    harm_why = "harmless after that side's own FIN; else the connection was cut"
    remedy = {
        "host": "a longer FIN-WAIT-2 at the side that held no state: host, load balancer or proxy",
        "Linux": "net.ipv4.tcp_fin_timeout, TCP_LINGER2, net.ipv4.tcp_max_orphans",
        "HAProxy": "timeout client-fin and timeout server-fin: how long a session waits after the"
        " first FIN",
        "nginx": "lingering_close on with a longer lingering_timeout keeps the socket for late"
        " segments",
    }
    references = ("RFC 9293 §3.10.7.1",)
    not_this = ("not an abort: no ACK bit, and the SEQ is taken from the segment answered",)

    @classmethod
    def where(cls) -> pl.Expr:
        return facts.no(facts.peaceful()) & (_answered(facts.ORIG) | _answered(facts.RESP))

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        return [
            *telling.stateless_reply(story, Side.RESP),
            *telling.stateless_reply(story, Side.ORIG),
            *origin.compared(story, Side.RESP),
            *origin.compared(story, Side.ORIG),
            *telling.firewall_dropped(story),
            *telling.log_end(story),
            *telling.denied_after(story),
        ]

    @classmethod
    def alternatives(cls, story: Story) -> list[Alternative]:
        return [
            *_aborts.server_state(story, Side.RESP),
            *_aborts.server_state(story, Side.ORIG),
        ]

    @classmethod
    def missing(cls, story: Story) -> list[str]:
        return _aborts.captures(story)
