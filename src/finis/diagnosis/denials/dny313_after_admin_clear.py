"""An operator cleared the connection; the hosts went on using it.

## What happened
Somebody cleared connections or translations, or changed the configuration so that they were
cleared. The hosts were not told.

## Evidence
A Teardown that states it (`Xlate Clear`), then a segment of the same tuple.

## Look-alikes
A failover loses many connections at once, too, but is logged as such (DNY315).

## Harm
Harmful to whoever used the connection, once.

## What to change
Clear only the connections that need it (`clear conn address …`), at a quiet hour.

## References
RFC 9293 §3.5.1 (half-open connections).
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm, Teardown


class AfterAdminClear(Cause):
    id = "DNY313"
    name = "after-admin-clear"
    title = "a segment after an operator had cleared the connection"
    table = "denials"
    beats = ("DNY316",)
    confidence = Confidence.CERTAIN
    harm = _facts.choose(_facts.rst | _facts.fin, Harm.DEPENDS, Harm.HARMFUL)
    harm_why = "harmful once, to whoever used the connection; a FIN or RST was its end anyway"
    remedy = {
        "ASA": "`clear conn address IP` instead of clearing everything",
        "netfilter": "`conntrack -D` with addresses instead of `conntrack -F`",
    }
    references = ("Cisco ASA syslog messages 302014, 111009, 111010",)

    @classmethod
    def where(cls) -> pl.Expr:
        return _facts.after(Teardown.ADMIN)

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return _words.history(story)
