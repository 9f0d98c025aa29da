"""A request crossed the server's close.

## What happened
The server closed an idle connection that the client kept for reuse; at that moment the client sent
a new request on it. The request met a closed socket and was reset.

## Evidence
A silence, the server's FIN, data of the client within about a round trip after it, and the
server's RST in answer to that data.

## Look-alikes
Data sent long after the FIN (END310): the client had time to see it. A TLS farewell instead of a
request.

## Harm
Harmful: the request failed, and only requests that are safe to repeat are repeated.

## What to change
The client's (or proxy's) idle timer must be shorter than the server's; repeat idempotent requests.

## References
RFC 9112 §9.3.1 and §9.5; RFC 9110 §9.2.2; RFC 9293 §3.10.7.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, telling
from finis.diagnosis.cause import Cause, Claim
from finis.terms import Confidence, Harm, Role, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


_CROSSING_S = 0.5  # a request this soon after the FIN was most likely sent before it arrived
_IDLE_S = 1.0


class KeepAliveRace(Cause):
    id, name, table = "END313", "keep-alive-race", "connections"
    title = "a request crossed the server's close of an idle connection"
    beats = ("END310", "END302", "END204", "END301")
    confidence = Confidence.LIKELY
    harm = Harm.HARMFUL
    harm_why = "to the client: the request failed"
    remedy = {
        "client": "close idle connections before the server does; repeat idempotent requests",
        "nginx": "keepalive_timeout above the idle timer of the proxy or client in front",
        "HAProxy": "timeout http-keep-alive below the server's; retry-on empty-response",
        "load balancer": "idle timeout below the server's keep-alive timeout",
        "AWS": "ALB: keep-alive of the targets above idle_timeout.timeout_seconds (60 s by"
        " default)",
        "GCP": "Application Load Balancer: keep-alive of the backends above its 600 s (nginx:"
        " keepalive_timeout 620s)",
        "Windows": "IIS: connectionTimeout of the site above the idle timer of the proxy in front",
    }
    references = ("RFC 9112 §9.5", "RFC 9110 §9.2.2", "RFC 9293 §3.10.7.1")
    not_this = ("not data long after the close: it came within the crossing of the path",)

    @classmethod
    def where(cls) -> pl.Expr:
        lag = -pl.col("r_fin_after_data_s")
        limit = pl.max_horizontal(pl.col("rtt_s") * 1.5, pl.lit(0.05)).fill_null(_CROSSING_S)
        return (
            facts.RESP.fin_first
            & facts.RESP.rst
            & facts.RESP.rst_answers("data")
            & (
                (pl.col("o_data_after_fin") > 0)
                | (pl.col("o_past_fin") > 0)
                | facts.RESP.rst_class("data-after-close")
            )
            & facts.no(facts.ORIG.farewell_refused)
            & facts.no(facts.ORIG.fin_first)
            & (lag >= -limit)  # near the client the request passes before the FIN
            & (lag <= limit)
            & (
                ((lag >= 0) & (pl.col("closing_gap_s") >= _IDLE_S))
                | ((lag < 0) & (pl.col("idle_s") >= _IDLE_S))
            )
        )

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        fin = telling.proofs(story, Role.FIN, Side.RESP)
        lag = -(telling.column(story, Side.RESP, "fin_after_data_s") or 0.0)
        gap = story.row.get("closing_gap_s" if lag >= 0 else "idle_s") or 0.0
        if lag >= 0:
            size = telling.column(story, Side.ORIG, "data_after_fin") or 0
            crossed = (
                f"The client's {telling.count(size, 'byte')} came {telling.span(lag)} after that "
                "FIN, within the crossing of the path."
            )
        else:
            size = telling.column(story, Side.ORIG, "past_fin") or 0
            crossed = (
                f"The FIN does not acknowledge the client's {telling.count(size, 'byte')} that "
                f"passed here {telling.span(-lag)} before it: they crossed."
            )
        return [
            Claim(f"The connection had been idle for {telling.span(gap)}.", fin),
            *telling.fin(story, Side.RESP, "closed first"),
            Claim(crossed, (*fin, *telling.proofs(story, Role.LAST_DATA, Side.ORIG))),
            *telling.rst(story, Side.RESP),
        ]
