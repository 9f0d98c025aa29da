"""There is no translation for the packet.

## What happened
The packet needs an address translation that does not exist or could not be created.

## Evidence
ASA 305005 (no rule), 305006 (creation failed), 106011 (`No xlate`).

## Look-alikes
106011 often follows a reset: the translation ended with the connection, and a late segment of it
is refused. 305006 for a network or broadcast address is a configuration matter.

## Harm
Depends: a late segment is harmless, a connection that never had a translation fails.

## What to change
Add or correct the NAT rule for this source and destination.

## References
NAT in the firewall's configuration guide.
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm


class NoTranslation(Cause):
    id = "DNY107"
    name = "no-translation"
    title = "no address translation for the packet"
    table = "denials"
    confidence = Confidence.CERTAIN
    harm = Harm.DEPENDS
    harm_why = "harmless after a connection ended, harmful where the traffic is wanted"
    remedy = {"ASA": "`show xlate`, `show nat`: add the rule if the traffic is wanted"}
    references = ("Cisco ASA syslog messages 305005, 305006, 106011",)

    @classmethod
    def where(cls) -> pl.Expr:
        return _facts.msg(*_facts.NO_XLATE_IDS)

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        before = [_words.removed(story)] if story.row.get("teardown") else []
        return [_words.denied(story), *_words.said(story), *before]
