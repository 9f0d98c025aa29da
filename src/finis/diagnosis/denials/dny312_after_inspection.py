"""The firewall ended the connection by inspection or policy; what follows is refused.

## What happened
An inspection, the intrusion prevention, the TCP normaliser, a URL filter or a limit ended the
connection. The hosts went on, and their segments meet no connection.

## Evidence
A Teardown that states it (`Flow closed by inspection`, `Flow terminated by IPS`, `IPS fail-close`,
`Unauth Deny`, `TCP bad retransmission` …), then a segment of the same tuple.

## Look-alikes
The firewall's reset for other reasons is DNY311.

## Harm
Depends: protection that works, or an inspection that breaks a legitimate application. Look at the
connection's own finding. Harmful where the inspection module was down, unless the host was ending
the connection anyway.

## What to change
Find the rule in the firewall's log (507003, 420002, 430001 …); adjust or exempt this traffic if it
is legitimate.

## References
Application inspection in the firewall's configuration guide.
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm, Teardown, word


class AfterInspection(Cause):
    id = "DNY312"
    name = "after-inspection"
    title = "a segment after inspection or policy had ended the connection"
    table = "denials"
    beats = ("DNY316",)
    confidence = Confidence.CERTAIN
    harm = _facts.choose(
        (pl.col("teardown") == word(Teardown.IPS_DOWN)) & ~(_facts.rst | _facts.fin),
        Harm.HARMFUL,
        Harm.DEPENDS,
    )
    harm_why = "protection that works, or an inspection that breaks an application"
    remedy = {
        "ASA": "by the reason that the Teardown states. Inspection: messages 507003, 108003, 415001"
        " to 415020; IPS: 420002, 420003, 430001; `fail-close`: `show module`; normaliser: the"
        " class's `tcp-map`; `Unauth Deny`: the URL filter or authorisation server; SYN: a capture"
        " of it",
    }
    references = ("Cisco ASA syslog messages 302014, 507003, 420002, 420003",)
    not_this = ("not an access list: such a rule refuses the SYN (DNY101)",)

    @classmethod
    def where(cls) -> pl.Expr:
        return _facts.after(*_facts.REFUSED_BY_FIREWALL)

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return _words.history(story)
