"""No translated address or port was left for a new connection.

## What happened
The firewall translates many inside hosts to few outside addresses, one port per connection. All
ports of the pool were taken: the first packet was dropped and never left.

## Evidence
ASA 202010 (pool exhausted), 305016 (no block of ports left in the pool), 305023 (port map of an
address exhausted), 202001 (no translation slot).

## Look-alikes
A host that has used up its own share (DNY117): others get ports. A limit of connections (DNY104) or
of embryonic connections (DNY114) refuses although ports are left. No rule at all is DNY107.

## Harm
Harmful: clients that the policy allows cannot connect, any of them, by chance.

## What to change
Find the hosts that hold most translations, add addresses to the pool, let idle ones go earlier.

## References
Cisco ASA syslog 202001, 202010, 305016, 305023; RFC 6269 §13 (shared addresses); RFC 7857.
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm


class TranslationPortsExhausted(Cause):
    id = "DNY113"
    name = "translation-ports-exhausted"
    title = "no translated port was left"
    table = "denials"
    beats = ("DNY104",)
    confidence = Confidence.CERTAIN
    harm = Harm.HARMFUL
    harm_why = "harmful to every client behind the translation"
    remedy = {
        "ASA": "`show nat pool`, `show xlate count`, `show local-host | include host|count`; more"
        " addresses in the pool, `nat … pat-pool NAME extended`, a shorter `timeout conn`",
        "Linux": "netfilter: `--to-source` with a range of addresses; `conntrack -S` (drop,"
        " insert_failed), `nf_conntrack_max`",
        "AWS": "NAT gateway: CloudWatch ErrorPortAllocation; add secondary addresses (`aws ec2"
        " associate-nat-gateway-address`)",
        "Azure": "NAT gateway with more addresses, or more `allocatedOutboundPorts` in the outbound"
        " rule; watch the SNAT connection count",
        "GCP": "`gcloud compute routers nats update --min-ports-per-vm=1024`, or"
        " `--enable-dynamic-port-allocation`",
    }
    references = ("Cisco ASA syslog messages 202001, 202010, 305016, 305023", "RFC 6269 §13")
    not_this = ("a limit of connections: its message names that limit (DNY104)",)

    @classmethod
    def where(cls) -> pl.Expr:
        return _facts.msg(*_facts.POOL_IDS)

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return [_words.denied(story), *_words.said(story)]
