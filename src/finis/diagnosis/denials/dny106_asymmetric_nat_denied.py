"""The translation of the way there does not fit the way back.

## What happened
The forward flow of a connection matches one NAT rule and the reverse flow another, so the firewall
refuses it.

## Evidence
ASA 305013 says exactly this.

## Look-alikes
A missing translation (DNY107) names no second rule.

## Harm
Harmful: the connection cannot work.

## What to change
Connect to the mapped address, or reorder the NAT rules (an identity rule for this pair above the
dynamic one).

## References
NAT rule order in the firewall's configuration guide.
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm


class AsymmetricNatDenied(Cause):
    id = "DNY106"
    name = "asymmetric-nat-denied"
    title = "NAT rules of the two directions do not match"
    table = "denials"
    confidence = Confidence.CERTAIN
    harm = Harm.HARMFUL
    harm_why = "harmful: the connection cannot work"
    remedy = {
        "ASA": "use the mapped address, or put an identity NAT rule for this pair first"
        " (`show nat detail`, `packet-tracer`)"
    }
    references = ("Cisco ASA syslog message 305013",)

    @classmethod
    def where(cls) -> pl.Expr:
        return _facts.msg(*_facts.ASYMMETRIC_NAT_IDS)

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return [_words.denied(story)]
