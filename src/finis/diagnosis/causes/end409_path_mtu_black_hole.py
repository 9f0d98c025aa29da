"""Large segments vanish on the path while small ones get through: a path MTU black hole.

## What happened
Some link of the path takes smaller packets than the hosts send. The router there drops what is too
large and may not be fragmented, and says so by ICMP; if that message is filtered, or the sender
does not heed it, the same full-sized segment is repeated until the connection dies. Handshake,
requests and keep-alives, all small, work: it looks as if the application hangs.

## Evidence
A full-sized data segment with DF that is repeated and never acknowledged; with it an ICMP error
"fragmentation needed" or "packet too big" whose MTU is below that segment's length, or small
segments of the peer that still arrive meanwhile. Without either it is only possible, and only said
where nothing large of that side had got through before.

## Look-alikes
A peer or path that is dead for all sizes (END407): without an ICMP error, and with nothing from
the peer, the two cannot be told apart. A firewall that drops the segment
for another reason (END606) needs captures on both sides.

## Harm
Harmful: transfers in that direction stall for good.

## What to change
Let ICMP type 3 code 4 (ICMPv6 type 2) reach the sender, or clamp the MSS on the narrow hop.

## References
RFC 2923 §2.1 (black holes); RFC 1191 and RFC 8201 (path MTU discovery); RFC 4821 and RFC 8899
(discovery without ICMP).
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

_LARGE_BYTES = 1000  # payload that a path of the usual narrow links (PPPoE, tunnels) may not take
_TRIES = 2


def _stuck(side: facts.Half) -> pl.Expr:
    """A large segment that may not be fragmented was repeated in vain."""
    return (
        (side.col("unacked") > 0)
        & (side.col("rexmit") >= _TRIES)
        & (side.col("stuck_bytes") >= _LARGE_BYTES)
        & side.col("stuck_df")
        & facts.no(side.peer.col("last_win0"))
    )


def _told(side: facts.Half) -> pl.Expr:
    """A router said that it is too big, to its sender."""
    too_big = (pl.col("mtu_bytes") == 0) | (pl.col("mtu_bytes") < side.col("stuck_ip_bytes"))
    return (pl.col("mtu_to") == side.side) & too_big


def _first(side: facts.Half) -> pl.Expr:
    """Nothing large of the side had got through before."""
    return side.col("stuck_after") < _LARGE_BYTES


def _strong(side: facts.Half) -> pl.Expr:
    # What a firewall drops it may drop for many reasons, unless it is all that is large.
    dropped = pl.col("paired") & side.col("dropped_data")
    alone = side.col("stuck_alive") & (facts.no(dropped) | _first(side))
    return _stuck(side) & (_told(side) | alone)


def _weak(side: facts.Half) -> pl.Expr:
    dropped = pl.col("paired") & side.col("dropped_data")
    return _stuck(side) & _first(side) & facts.ended("open", "half-closed") & facts.no(dropped)


class PathMtuBlackHole(Cause):
    id, name, table = "END409", "path-mtu-black-hole", "connections"
    title = "large segments vanished on the path: its MTU is smaller"
    beats = (
        *facts.ABORTS, *facts.FIN_THEN_RST, *facts.ORDERLY_WEAK, "END110", "END310", "END311",
        "END312", "END331", "END391", "END405", "END407", "END410", "END411", "END606", "END901",
        "END902", "END903",
    )  # fmt: skip
    confidence = facts.confidence(
        (pl.col("capture_loss"), Confidence.POSSIBLE),
        (_strong(facts.ORIG) | _strong(facts.RESP), Confidence.LIKELY),
        otherwise=Confidence.POSSIBLE,
    )
    harm = Harm.HARMFUL
    harm_why = "to both sides: what is large never arrives"
    remedy = {
        "ASA": "sysopt connection tcpmss 1360 (or the MTU told, less 40); `icmp permit any "
        "unreachable` on the interfaces and an access list that lets type 3 code 4 pass; inspect "
        "icmp error",
        "Linux": "on the router: nft add rule inet filter forward tcp flags syn tcp option maxseg "
        "size set rt mtu (iptables: -j TCPMSS --clamp-mss-to-pmtu); on the host: sysctl "
        "net.ipv4.tcp_mtu_probing=1; tracepath {server_seen} shows the hop",
        "Windows": "netsh interface ipv4 show subinterfaces; set subinterface NAME mtu=1400; do "
        "not filter ICMP type 3 code 4",
        "AWS": "security groups and network ACLs: allow ICMP type 3 code 4; 1500 bytes at most "
        "through gateways (jumbo frames end there)",
        "Azure": "keep guest MTU 1500; clamp the MSS at VPN gateways to 1350",
        "GCP": "equal MTU of VPC networks that talk (1460 by default), 1460 or less through Cloud "
        "VPN",
    }
    references = ("RFC 2923 §2.1", "RFC 1191", "RFC 8201", "RFC 4821")
    not_this = ("not a dead peer: only what is large stays unacknowledged",)

    @classmethod
    def where(cls) -> pl.Expr:
        found = pl.any_horizontal(rule(side) for rule in (_strong, _weak) for side in facts.SIDES)
        return pl.col("established") & facts.no(facts.peaceful()) & found

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        claims = []
        for side in (Side.ORIG, Side.RESP):
            size = telling.column(story, side, "stuck_bytes") or 0
            if size < _LARGE_BYTES:
                continue
            times = telling.column(story, side, "rexmit") or 0
            text = (
                f"{telling.upper(telling.who(story, side))} repeated a segment of "
                f"{telling.count(size, 'byte')} that may not be fragmented, and never got an ACK "
                f"of it ({telling.count(times, 'retransmission')})."
            )
            claims.append(Claim(text, telling.proofs(story, Role.LAST_DATA, side)))
            if telling.column(story, side, "stuck_alive"):
                text = f"Meanwhile the {telling.role(Side(1 - side))} still sent smaller segments."
                shown = telling.proofs(story, Role.LAST_ACK, Side(1 - side))
                claims.append(Claim(text, shown))
        return [*claims, *_icmp.too_big(story), *telling.log_end(story)]

    @classmethod
    def alternatives(cls, story: Story) -> list[Alternative]:
        if story.row.get("mtu_by"):
            return []
        dropped = story.row.get("o_dropped_data") or story.row.get("r_dropped_data")
        check = Alternative(
            "A check of the firewall that dropped them objects to these segments.",
            missing.asa_drops(missing.Where.of(story.row)),
        )
        return [
            *([check] if dropped else []),
            Alternative(
                "The path, or the peer, is dead for every size.",
                "whether small segments get through: ping with and without a large size and DF",
            ),
        ]

    @classmethod
    def missing(cls, story: Story) -> list[str]:
        return missing.both_sides(missing.Where.of(story.row))
