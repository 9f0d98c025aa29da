"""The silence before the reset fits the idle timer of a well-known load balancer.

## What happened
Load balancers and address translators in the cloud forget a connection that is silent for too long.
Some say so with a RST at that moment, some answer the next segment with a RST, some drop it in
silence. The silence before this connection's reset fits one of their timers.

## Evidence
A reset that comes by itself after a silence that equals a timer of the table below to within a
second or one part in a hundred; or a reset that answers the first segment after a silence longer
than the shortest of them.

| seconds | product | at expiry | setting |
|---|---|---|---|
| 60 | AWS ALB, Classic Load Balancer | FIN or RST | `idle_timeout.timeout_seconds` |
| 240 | Azure Load Balancer | silence; RST if `enableTcpReset` | `idleTimeoutInMinutes` |
| 300 | F5 BIG-IP (TCP profile) | RST both ways | `idle-timeout` |
| 350 | AWS NLB, NAT Gateway | RST to the next segment | `tcp.idle_timeout.seconds` (NLB) |
| 600 | Google Cloud, connections of a VPC | silence | none |
| 1200 | Google Cloud NAT | silence | `--tcp-established-idle-timeout` |

(AWS, Azure and Google by their documentation; F5 and what the Application Load Balancer sends are
common knowledge, not checked.)

## Look-alikes
A server with a timer of the same length (PAT101), a firewall (END401, END402): values like 60 and
300 are everybody's favourites.

## Harm
Depends: on whether the application opens a new connection by itself.

## What to change
Keep-alive well below the shortest timer on the path, or a longer timer where there is a setting.

## References
AWS: Network Load Balancers, connection idle timeout; Azure: Load Balancer TCP reset and idle
timeout; Google Cloud: VPC, idle connections, and Cloud NAT timeouts; RFC 5382 §5 (REQ-5: at least
2 hours 4 minutes).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, telling
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.terms import Confidence, Harm, Role, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story

TIMERS: dict[float, str] = {
    60.0: "AWS Application or Classic Load Balancer",
    240.0: "Azure Load Balancer",
    300.0: "F5 BIG-IP",
    350.0: "AWS Network Load Balancer or NAT Gateway",
    600.0: "Google Cloud VPC connection tracking",
    1200.0: "Google Cloud NAT",
}
_FORGETS_S = 240.0  # the shortest timer of those that answer what comes later
_PART = 0.01
_SLACK_S = 1.0
_ANSWER_S = 1.0


def _silence_s() -> pl.Expr:
    """The silence right before the first RST."""
    return pl.col("closing_gap_s")


def _fits() -> pl.Expr:
    gap = _silence_s()
    return pl.any_horizontal(
        (gap >= timer - _SLACK_S) & (gap <= timer + max(_SLACK_S, timer * _PART))
        for timer in TIMERS
    )


def _forgotten(side: facts.Half) -> pl.Expr:
    """The side's RST answers the first data after a long silence."""
    again = (side.peer.col("last_data_s") <= _ANSWER_S) | side.rst_answers("keep-alive")
    return (
        side.stateless_rst
        & facts.no(side.fin)
        & side.rst_answers("data", "ack", "keep-alive")
        & (pl.col("idle_s") >= _FORGETS_S)
        & again
    )


class LoadBalancerIdle(Cause):
    id, name, table = "END314", "load-balancer-idle", "connections"
    title = "the silence before the reset fits a load balancer's idle timer"
    only_contributes = True
    confidence = Confidence.POSSIBLE
    harm = Harm.DEPENDS
    harm_why = "on whether the application opens a new connection by itself"
    remedy = {
        "AWS": "NLB: aws elbv2 modify-listener-attributes --attributes "
        "Key=tcp.idle_timeout.seconds,Value=3600; ALB: aws elbv2 modify-load-balancer-attributes "
        "--attributes Key=idle_timeout.timeout_seconds,Value=300",
        "Azure": "az network lb rule update --idle-timeout 30 --enable-tcp-reset true",
        "GCP": "keep-alive below 600 s; Cloud NAT: gcloud compute routers nats update "
        "--tcp-established-idle-timeout=7200",
        "Linux": "sysctl net.ipv4.tcp_keepalive_time=120 with SO_KEEPALIVE in the program",
        "Windows": "SIO_KEEPALIVE_VALS or TCP_KEEPIDLE of the socket, 120 s",
        "HAProxy": "timeout client and timeout server below the balancer's timer, or option "
        "clitcpka and srvtcpka",
        "nginx": "listen … so_keepalive=2m; proxy_socket_keepalive on",
    }
    references = (
        "AWS: Network Load Balancers, connection idle timeout",
        "Azure: Load Balancer TCP reset and idle timeout",
        "Google Cloud: Cloud NAT timeouts",
        "RFC 5382 §5",
    )
    not_this = ("not proven to be a load balancer: servers and firewalls use the same values",)

    @classmethod
    def where(cls) -> pl.Expr:
        reset = facts.packets() & facts.ended("reset") & pl.col("established")
        alone = facts.RESP.reset_it & facts.RESP.rst_answers("none") & _fits()
        return reset & (alone | _forgotten(facts.RESP) | _forgotten(facts.ORIG))

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        gap = max(story.row.get("closing_gap_s") or 0.0, 0.0)
        if not any(abs(gap - timer) <= max(_SLACK_S, timer * _PART) for timer in TIMERS):
            gap = story.row.get("idle_s") or 0.0
            text = f"The connection was silent for {telling.span(gap)}; the timers of "
            named = [who for timer, who in TIMERS.items() if _FORGETS_S <= timer <= gap]
            text += f"{', '.join(named)} are shorter."
        else:
            named = [
                who
                for timer, who in TIMERS.items()
                if abs(gap - timer) <= max(_SLACK_S, timer * _PART)
            ]
            text = f"The reset came after {telling.span(gap)} of silence, the timer of {named[0]}."
        shown = [
            found.proof
            for side in (Side.ORIG, Side.RESP)
            for found in story.find_all(Role.RST, side)
        ]
        return [Claim(text, tuple(shown))]

    @classmethod
    def alternatives(cls, story: Story) -> list[Alternative]:
        return [
            Alternative(
                "A timer of the server or of a firewall has the same length.",
                "what stands between client and server, and its configured timers",
            )
        ]
