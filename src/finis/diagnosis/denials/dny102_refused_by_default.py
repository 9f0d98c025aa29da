"""The firewall's default refused the packet: no access list is named.

## What happened
A packet met no rule that permits it: traffic from a lower to a higher security level without an
access list, or a default of the interface. No connection was created.

## Evidence
The message states the refusal without naming an access list (ASA 106001 with `SYN`, 106006, 106007,
106010, 106014; `sp-security-failed`).

## Look-alikes
106001 with `ACK`, `RST` or `FIN` is a segment without connection (DNY2xx–DNY4xx), not a refusal by
rule. A scan (DNY602) tries many targets.

## Harm
Depends on whether the traffic is wanted.

## What to change
Nothing, if the traffic is unwanted. Otherwise an access list on the interface named, permitting
exactly this traffic.

## References
Security levels and the implicit deny in the firewall's configuration guide.
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm


class RefusedByDefault(Cause):
    id = "DNY102"
    name = "refused-by-default"
    title = "refused by the firewall's default policy"
    table = "denials"
    confidence = Confidence.CERTAIN
    harm = Harm.DEPENDS
    harm_why = "depends on whether this traffic is wanted"
    remedy = {
        "ASA": "if wanted: an access list on the interface that permits exactly this traffic",
        "netfilter": "if wanted: a rule that accepts exactly this traffic, before the policy of "
        "the chain",
    }
    references = ("Cisco ASA syslog messages 106001, 106006, 106007, 106010, 106014",)
    not_this = (
        "a segment without connection would carry ACK, RST or FIN, and a state check refuse it",
    )

    @classmethod
    def where(cls) -> pl.Expr:
        return _facts.policy & pl.col("acl").is_null() & ~_facts.drop("acl-drop")

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return [_words.denied(story)]
