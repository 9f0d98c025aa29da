"""A live connection met a host that had forgotten it.

## What happened
In the middle of an established connection, with no FIN before, a side answered a segment as a
host does that knows no such connection. Its state was lost: a restart, a failover of a load
balancer or proxy, an idle timer in a device that then answers in the host's name.

## Evidence
A RST without ACK bit whose SEQ is the ACK of the data or keep-alive it answers; no FIN of either
side; usually a long silence before.

## Look-alikes
After the side's own FIN it is END311 or END310. A forged RST (END316). A firewall that removed the
idle connection drops silently or says so in its log (END401, END402).

## Harm
Harmful: the connection was in use and is lost; it depends where its beginning was not captured.

## What to change
Shorter keep-alive than any idle timer on the path; look for a restart of the host, or of whatever
answers in its name, in the silence before.

## References
RFC 9293 §3.5.1 (half-open connections) and §3.10.7.1; RFC 9293 §3.8.4 (keep-alives).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, missing, origin, telling
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.terms import Confidence, Harm, Role, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


def _forgot(side: facts.Half) -> pl.Expr:
    return (
        side.stateless_rst
        & side.rst_answers("data", "keep-alive", "ack", "challenge-ack")
        & facts.no(side.fin)
        & facts.no(side.peer.fin)
        # What the capture missed of it may have been its FIN or its own abort.
        & facts.no(pl.col("gap"))
        & pl.col("established")
        & facts.no(side.col("rst_accept") == "outside")
        & facts.no(pl.col("created_rst") != "none")
    )


def _opens_anew(side: facts.Half) -> pl.Expr:
    """It had sent a SYN for a new connection and answered the challenge ACK: half-open discovery
    (RFC 9293 §3.5.1, RFC 5961 §4)."""
    return side.stateless_rst & side.rst_answers("challenge-ack")


class StateLost(Cause):
    id, name, table = "END312", "state-lost", "connections"
    title = "a live connection met a host that had forgotten it"
    beats = ("END311", "END207", "END391", "END331")
    # A FIN that the capture missed would make it an answer after the side's own close.
    confidence = facts.confidence(
        (pl.col("capture_loss") | pl.col("midstream"), Confidence.POSSIBLE),
        otherwise=Confidence.LIKELY,
    )
    # Where the beginning is missing, so may be the FINs: it need not have been in use.
    harm = facts.harm(
        (pl.col("midstream") | _opens_anew(facts.ORIG) | _opens_anew(facts.RESP), Harm.DEPENDS),
        otherwise=Harm.HARMFUL,
    )
    harm_why = "to both, if the connection was still in use when it was lost"
    remedy = {
        "client": "keep-alive below every idle timer on the path (Linux: tcp_keepalive_time 300)",
        "server": "look for a restart or failover of {server} during the silence",
        "load balancer": "idle timeout above the application's longest pause; reset on expiry",
        "Linux": "SO_KEEPALIVE in the program with sysctl net.ipv4.tcp_keepalive_time=300 (or"
        " TCP_KEEPIDLE of the socket)",
        "Windows": "KeepAliveTime (milliseconds,"
        " HKLM\\SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters) or TCP_KEEPIDLE of the"
        " socket",
        "HAProxy": "option clitcpka and option srvtcpka; or timeout client and timeout server"
        " below the timer",
        "AWS": "the NAT gateway and the NLB forget after 350 s of silence (NLB:"
        " tcp.idle_timeout.seconds of the listener)",
        "Azure": "az network lb rule update --idle-timeout 30 --enable-tcp-reset true; the same"
        " for outbound rules",
        "GCP": "keep-alive below 600 s; gcloud compute routers nats update"
        " --tcp-established-idle-timeout for Cloud NAT",
    }
    references = ("RFC 9293 §3.5.1", "RFC 9293 §3.10.7.1", "RFC 9293 §3.8.4")
    not_this = (
        "not a reply after the side's own close: it had sent no FIN",
        "not an abort: the RST has no ACK bit and the SEQ of the segment answered",
    )

    @classmethod
    def where(cls) -> pl.Expr:
        return _forgot(facts.ORIG) | _forgot(facts.RESP)

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        claims = []
        for side in (Side.ORIG, Side.RESP):
            if telling.public(story, side, "rst_class") in ("no-state", "no-state-ack"):
                claims += telling.stateless_reply(story, side)
                claims += origin.compared(story, side)
                claims += _silence(story, side)
        return [*claims, *telling.log_end(story)]

    @classmethod
    def alternatives(cls, story: Story) -> list[Alternative]:
        return [
            Alternative(
                "The host restarted, or its process was moved to another address.",
                "the host's uptime and log",
            ),
            Alternative(
                "A device on the path that had dropped the idle connection answered for the host.",
                _deciding(story),
            ),
        ]

    @classmethod
    def missing(cls, story: Story) -> list[str]:
        return missing.both_sides(missing.Where.of(story.row))


def _silence(story: Story, side: Side) -> list[Claim]:
    """The silence in which the state was lost: before the segment that met none, not after it."""
    gap, idle = story.row.get("closing_gap_s") or 0.0, story.row.get("idle_s") or 0.0
    proof = telling.proofs(story, Role.RST, side)
    if idle > 2 * gap and idle >= 1:
        return [Claim(f"The longest silence before it was {telling.span(idle)}.", proof)]
    if gap:
        text = f"The connection had been silent for {telling.span(gap)} before the end."
        return [Claim(text, proof)]
    return []


def _deciding(story: Story) -> str:
    """Which device answered, as far as the RST shows."""
    side = Side.ORIG if telling.public(story, Side.ORIG, "rst_class") != "none" else Side.RESP
    return origin.deciding(story, side)
