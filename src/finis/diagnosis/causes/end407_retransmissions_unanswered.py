"""A side repeated its data, and nobody answered any more.

## What happened
Data was sent again and again without an acknowledgement, until the sender gave up in silence: a
stack that gives up this way sends no RST. The peer, or the path to it, was gone.

## Evidence
Several retransmissions, unacknowledged data at the end, nothing from the peer for the last second
or more, no RST.

## Look-alikes
A capture that ends in the midst of a transfer with losses (END903): there the peer talks until the
end. A closed window (END406): the peer does answer. One direction missing from the capture
(END601). A firewall that drops one side's segments (END604 contributes then).

## Harm
Harmful: the connection died in use.

## What to change
Find where the segments are lost: captures on both sides of each device on the path; large segments
lost while small ones pass mean a path MTU problem.

## References
RFC 9293 §3.8.3; RFC 1122 §4.2.3.5; RFC 2923 §2.1 (path MTU black holes).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, missing, telling
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.diagnosis.causes import _icmp
from finis.terms import Confidence, Harm, Role, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


_ENOUGH = 3  # retransmissions; fewer may be ordinary loss at the end of a capture


class RetransmissionsUnanswered(Cause):
    id, name, table = "END407", "retransmissions-unanswered", "connections"
    title = "data was repeated and nobody answered any more"
    beats = ("END207", "END331", "END405", "END901", "END902", "END903")
    confidence = Confidence.LIKELY
    harm = Harm.HARMFUL
    harm_why = "to both sides: the connection died in use"
    remedy = {
        "network": "capture on both sides of each device between {client} and {server}; if only "
        "large segments are lost, let ICMP type 3 code 4 pass or clamp the MSS",
        "ASA": "sysopt connection tcpmss 1380 where a tunnel narrows the path",
        "netfilter": "tcp option maxseg size set rt mtu where a tunnel narrows the path",
        "Linux": "mtr -T -P {server_seen_p} {server_seen}; nstat -az TcpRetransSegs "
        "TcpExtTCPTimeouts",
        "Windows": "pktmon on both hosts; Get-NetTCPSetting | fl MaxSynRetransmissions",
        "client": "TCP_USER_TIMEOUT or a timeout of the application, so that the loss is noticed"
        " early",
    }
    references = ("RFC 9293 §3.8.3", "RFC 1122 §4.2.3.5", "RFC 2923 §2.1")
    not_this = ("not reset: no RST was seen", "not a closed window: the peer said nothing at all")

    @classmethod
    def where(cls) -> pl.Expr:
        return (
            facts.packets()
            & facts.ended("open", "half-closed")
            & facts.whole()  # what was repeated is the FIN, otherwise
            & pl.col("established")
            & (_gave_up(facts.ORIG) | _gave_up(facts.RESP))
        )

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        claims = []
        for side in (Side.ORIG, Side.RESP):
            times = telling.column(story, side, "rexmit") or 0
            if times >= _ENOUGH and (telling.column(story, side, "unacked") or 0) > 0:
                text = (
                    f"{telling.upper(telling.who(story, side))} sent "
                    f"{telling.count(times, 'segment')} again."
                )
                claims.append(Claim(text, telling.proofs(story, Role.LAST_DATA, side)))
        return [
            *claims,
            *telling.unacknowledged(story),
            *_icmp.rejected(story),
            *telling.firewall_dropped(story),
            *telling.log_end(story),
        ]

    @classmethod
    def alternatives(cls, story: Story) -> list[Alternative]:
        return [
            Alternative("The peer vanished (power, crash, address change).", "its uptime and log"),
            Alternative(
                "A device on the path drops the segments, or only the large ones.",
                "captures on both sides of it",
            ),
        ]

    @classmethod
    def missing(cls, story: Story) -> list[str]:
        return missing.both_sides(missing.Where.of(story.row))


def _gave_up(side: facts.Half) -> pl.Expr:
    return (
        (side.col("rexmit") >= _ENOUGH)
        & (side.col("unacked") > 0)
        & (side.peer.pkts > 0)
        & (side.peer.col("last_seg_s") >= facts.REPEATED_S)
        & facts.no(side.peer.col("last_win0"))
    )
