"""The firewall had nowhere to send the packet.

## What happened
No route, no next hop or no working interface leads to the packet's destination.

## Evidence
ASA 110002, 110003; `no-route`, `no-adjacency`, `interface-down` in an asp-drop capture.

## Look-alikes
A connection that lost its route while open ends with `Route change`, and its segments are DNY314.

## Harm
Harmful if anybody needs that destination; a stray packet to an unused address looks the same.

## What to change
Correct the route, or find who sends there.

## References
Routing in the firewall's configuration guide.
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm


class NoRoute(Cause):
    id = "DNY111"
    name = "no-route"
    title = "the firewall had nowhere to send the packet"
    table = "denials"
    confidence = Confidence.CERTAIN
    harm = Harm.HARMFUL
    harm_why = "harmful to whoever needs that destination"
    remedy = {
        "ASA": "`show route DST`, `show arp`, `show interface ip brief`",
        "Linux": "ip route get DST; ip neigh show",
    }
    references = ("Cisco ASA syslog messages 110002, 110003",)

    @classmethod
    def where(cls) -> pl.Expr:
        return _facts.msg(*_facts.NO_ROUTE_IDS) | _facts.drop_group("route")

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return [_words.denied(story), *_words.said(story), *_words.drop_reason(story)]
