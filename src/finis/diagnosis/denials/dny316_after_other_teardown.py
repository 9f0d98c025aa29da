"""A segment after the firewall had removed its connection for some other reason.

## What happened
The firewall removed the connection for a reason that decides little by itself (unknown, a parent
connection ended, a cluster move), or the flags do not fit what usually follows that reason.

## Evidence
A Teardown of the same tuple before the denial; its words stand in the evidence.

## Look-alikes
All specific causes of the DNY2xx and DNY3xx shelves.

## Harm
Depends on the reason.

## What to change
Read the reason in the firewall's documentation; capture the next case.

## References
The firewall's list of teardown reasons.
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm


class AfterOtherTeardown(Cause):
    id = "DNY316"
    name = "after-other-teardown"
    title = "a segment after its connection had been removed for another reason"
    table = "denials"
    confidence = Confidence.POSSIBLE
    harm = Harm.DEPENDS
    harm_why = "depends on the reason the firewall states"
    remedy = {
        "ASA": "`show conn`, `show log` around the Teardown: its reason tells what ended the"
        " connection",
    }
    references = ("Cisco ASA syslog message 302014",)

    @classmethod
    def where(cls) -> pl.Expr:
        return _facts.state & _facts.known

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return _words.history(story)

    @classmethod
    def missing(cls, story: Refusal) -> list[str]:
        return _words.captures(story)
