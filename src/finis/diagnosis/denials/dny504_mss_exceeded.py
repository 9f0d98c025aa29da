"""A segment carried more payload than the other side said it takes.

## What happened
In its SYN a host announces the largest segment it accepts (MSS). The firewall saw a segment with
more payload than that and dropped it; the same segment comes again, and again, until the connection
dies. Old servers, and offload that merges segments in front of the firewall, do this.

## Evidence
ASA 419001, or the drop reason `tcp-mss-exceeded` of an asp-drop capture.

## Look-alikes
A black hole of path MTU (END409) loses large segments that respect the MSS.

## Harm
Harmful: small exchanges work, large ones stall.

## What to change
Let such segments pass for the server in question, or let the firewall write a smaller MSS into
both SYNs; switch off receive offload (GRO, LRO) on a bridge or router in front.

## References
RFC 9293 §3.7.1 (MSS); Cisco ASA syslog 419001; Cisco document 65436 (MSS exceeded).
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm


class MssExceeded(Cause):
    id = "DNY504"
    name = "mss-exceeded"
    title = "more payload than the receiver's MSS allows"
    table = "denials"
    beats = ("DNY503",)
    confidence = Confidence.CERTAIN
    harm = Harm.HARMFUL
    harm_why = "harmful: large segments never arrive"
    remedy = {
        "ASA": "`tcp-map LARGE`, `exceed-mss allow`, and `set connection advanced-options LARGE` in"
        " a class for the server; or `sysopt connection tcpmss 1380`",
        "Linux": "on a router in front: `ethtool -K IF gro off lro off`; or `iptables -t mangle -A"
        " FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu`",
    }
    references = ("RFC 9293 §3.7.1", "Cisco ASA syslog message 419001")
    not_this = ("a black hole of path MTU: there the segments respect the MSS",)

    @classmethod
    def where(cls) -> pl.Expr:
        return _facts.msg(*_facts.MSS_IDS) | _facts.drop("tcp-mss-exceeded")

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return [_words.denied(story), *_words.said(story), *_words.drop_reason(story)]
