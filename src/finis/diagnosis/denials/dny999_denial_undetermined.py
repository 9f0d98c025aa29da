"""No cause of the catalogue fits: undetermined.

## What happened
The firewall refused a packet, and nothing known about it leads to one of the catalogued causes.

## Evidence
The line or frame itself.

## Look-alikes
DNY901 is the case where the history of the tuple is missing.

## Harm
Unknown, hence: depends.

## What to change
Look the message up in the firewall's documentation; capture the next case on both sides.

## References
The firewall's list of messages and drop reasons.
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.denials import _words
from finis.terms import Confidence, Harm


class Undetermined(Cause):
    id = "DNY999"
    name = "denial-undetermined"
    title = "refused for a reason finis does not know: undetermined"
    table = "denials"
    fallback = True
    confidence = Confidence.POSSIBLE
    harm = Harm.DEPENDS
    harm_why = "unknown"
    references = ("the firewall's list of messages; Cisco ASA `show asp drop`",)
    remedy = {
        "anyone": "read the message in the firewall's manual; `finis events` shows the line as it"
        " was read",
    }

    @classmethod
    def where(cls) -> pl.Expr:
        return pl.lit(True)

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return [*_words.history(story), *_words.said(story), *_words.drop_reason(story)]

    @classmethod
    def missing(cls, story: Refusal) -> list[str]:
        return _words.captures(story, drop="all")
