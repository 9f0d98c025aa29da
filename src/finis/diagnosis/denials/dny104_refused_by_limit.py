"""A limit or an exhausted resource refused the packet.

## What happened
The firewall could have allowed the connection but had no room for it: a limit of connections, of
all or of one client, or a full table.

## Evidence
The message is one of a limit (ASA 201xxx, 407001; `tcp-conn-limit` and such in an asp-drop
capture).

## Look-alikes
TCP Intercept answering SYNs in the server's place is a protection, not a refusal. A SYN flood
(PAT302) fills the same limits on purpose.

## Harm
Harmful: connections that the policy allows are refused, and clients see time-outs.

## What to change
Find who holds the entries, then raise the limit or stop that host.

## References
Connection limits in the firewall's configuration guide.
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm


class RefusedByLimit(Cause):
    id = "DNY104"
    name = "refused-by-limit"
    title = "refused because a limit or pool was exhausted"
    table = "denials"
    confidence = Confidence.CERTAIN
    harm = Harm.HARMFUL
    harm_why = "harmful to clients: permitted connections were refused"
    remedy = {
        "ASA": "`show conn count` and `show service-policy set connection`; then raise the limit"
        " that the message tells of: `set connection conn-max` (201011), `set connection"
        " per-client-max` (201013), the license (407001)",
        "netfilter": "the rule's `limit` or `ct count`; `sysctl net.netfilter.nf_conntrack_max` "
        "against `conntrack -C`",
    }
    references = ("Cisco ASA syslog messages 201002 to 201013, 407001",)
    not_this = (
        "a SYN flood that fills the limit would show many handshakes left unfinished (PAT302)",
    )

    @classmethod
    def where(cls) -> pl.Expr:
        return _facts.msg(*_facts.LIMIT_IDS) | _facts.drop_group("limit") | _facts.kind("limit")

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return [_words.denied(story), *_words.said(story), *_words.drop_reason(story)]
