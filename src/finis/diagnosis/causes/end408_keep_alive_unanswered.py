"""Keep-alive probes went unanswered, and the prober reset the connection.

## What happened
A side tested a silent connection; the peer, or the path to it, was gone. After its last probe the
side reset the connection.

## Evidence
Keep-alive probes of the side (SEQ one below its next), nothing from the peer after them, then its
own RST.

## Look-alikes
Probes that are answered and a later abort for another reason (END305, END306).

## Harm
Harmful: the peer had vanished, or a device on the path had forgotten the connection.

## What to change
See what lies on the path: an idle timer shorter than the keep-alive interval makes this happen.

## References
RFC 9293 §3.8.4; RFC 1122 §4.2.3.6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, missing, telling
from finis.diagnosis.cause import Cause, Claim
from finis.terms import Confidence, Harm, Role, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


_SILENT_S = 1.0  # the peer's last segment lies this long before the end: no answer to the probes


class KeepAliveUnanswered(Cause):
    id, name, table = "END408", "keep-alive-unanswered", "connections"
    title = "keep-alive probes went unanswered and the prober gave up"
    beats = (*facts.ABORTS, "END207", "END391", "END331")
    confidence = Confidence.LIKELY
    harm = Harm.HARMFUL
    harm_why = "to both sides: the peer or the path had vanished"
    remedy = {
        "ASA": "compare `show run timeout` (conn) with the keep-alive interval of {client}",
        "netfilter": "compare `sysctl net.netfilter.nf_conntrack_tcp_timeout_established` with the "
        "keep-alive interval of {client}",
        "Linux": "net.ipv4.tcp_keepalive_time below every idle timer on the path",
        "Windows": "KeepAliveTime (milliseconds,"
        " HKLM\\SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters) or TCP_KEEPIDLE of the"
        " socket",
        "AWS": "the NAT gateway and the NLB forget after 350 s of silence (NLB:"
        " tcp.idle_timeout.seconds of the listener)",
        "Azure": "az network lb rule update --idle-timeout 30 --enable-tcp-reset true; the same"
        " for outbound rules",
        "GCP": "keep-alive below 600 s; gcloud compute routers nats update"
        " --tcp-established-idle-timeout for Cloud NAT",
    }
    references = ("RFC 9293 §3.8.4", "RFC 1122 §4.2.3.6")
    not_this = ("not an abort by a program: unanswered probes came before it",)

    @classmethod
    def where(cls) -> pl.Expr:
        return _gave_up(facts.ORIG) | _gave_up(facts.RESP)

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        claims = []
        for side in (Side.ORIG, Side.RESP):
            probes = telling.column(story, side, "keep_alives") or 0
            if probes and telling.column(story, side, "rsts"):
                text = (
                    f"{telling.upper(telling.who(story, side))} sent "
                    f"{telling.count(probes, 'keep-alive probe')}; no answer to the last of them "
                    "was seen."
                )
                claims.append(Claim(text, telling.proofs(story, Role.RST, side)))
                claims += telling.rst(story, side)
        return claims

    @classmethod
    def missing(cls, story: Story) -> list[str]:
        return missing.both_sides(missing.Where.of(story.row))


def _gave_up(side: facts.Half) -> pl.Expr:
    return (
        (side.col("keep_alives") >= 2)
        & side.aborted
        & side.rst_answers("none")
        & side.no_fin_before_rst
        & facts.no(side.peer.fin)
        & (side.peer.col("last_seg_s") >= _SILENT_S)
    )
