"""The source is shunned: refused until somebody lifts the block.

## What happened
An operator or the firewall's threat detection put the source on the block list; every packet of it
is dropped, those of established connections included.

## Evidence
ASA 401004; `shunned` in an asp-drop capture.

## Look-alikes
An access list entry (DNY101) names the list.

## Harm
Depends on whether the block was meant for this host: scanning detection also blocks monitoring
systems and busy proxies.

## What to change
Lift the block and exempt the host if it is legitimate.

## References
Threat detection in the firewall's configuration guide.
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm


class RefusedByShun(Cause):
    id = "DNY109"
    name = "refused-by-shun"
    title = "the source is shunned"
    table = "denials"
    confidence = Confidence.CERTAIN
    harm = Harm.DEPENDS
    harm_why = "depends on whether the block was meant for this host"
    remedy = {
        "ASA": "`show shun`, `no shun SRC`; `threat-detection scanning-threat shun except"
        " ip-address` for hosts that scan on purpose",
    }
    references = ("Cisco ASA syslog messages 401002 to 401005",)

    @classmethod
    def where(cls) -> pl.Expr:
        return _facts.msg(*_facts.SHUN_IDS) | _facts.drop_group("shun")

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return [_words.denied(story)]
