"""An inspection engine asked the firewall to drop the packet.

## What happened
The intrusion prevention or next-generation module decided against the packet, or was down while the
policy says to refuse in that case.

## Evidence
ASA 420001 (module down), 420002, 420003, 434002; FTD 430001; `ips-request` and
`ips-fail-close` in an asp-drop capture.

## Look-alikes
Segments refused after the module ended a connection come as DNY312.

## Harm
Depends: protection against an attack, or a false positive that breaks an application. A module that
is down harms everything.

## What to change
Look up the rule that fired in the module's own events; tune it if it is a false positive.

## References
The event log of the inspection module.
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm


class RefusedByIps(Cause):
    id = "DNY110"
    name = "refused-by-ips"
    title = "dropped on request of the inspection module"
    table = "denials"
    confidence = Confidence.CERTAIN
    harm = _facts.choose(
        _facts.drop("ips-fail-close", "ssm-app-fail") | _facts.msg(*_facts.IPS_DOWN_IDS),
        Harm.HARMFUL,
        Harm.DEPENDS,
    )
    harm_why = "protection or a false positive: the module's own event tells which"
    remedy = {"FTD": "find the intrusion event of this tuple; tune the rule if it is wrong"}
    references = ("Cisco ASA syslog messages 420002, 420003, 434002; FTD 430001",)

    @classmethod
    def where(cls) -> pl.Expr:
        return _facts.msg(*_facts.IPS_IDS) | _facts.drop_group("ips")

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return [_words.denied(story), *_words.said(story), *_words.drop_reason(story)]
