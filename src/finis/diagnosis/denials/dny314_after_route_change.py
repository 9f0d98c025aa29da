"""The firewall dropped the connection because its path had changed.

## What happened
A better route appeared, and the firewall removed the connections that used the old one. The hosts'
segments now meet no connection.

## Evidence
A Teardown that states it (`Route change`), then a segment of the same tuple.

## Look-alikes
A tunnel, next hop or zone that went away is DNY317, a failover between two firewalls DNY315.

## Harm
Harmful: connections in use were cut. With a RST or FIN it depends, since the host gave up as well.

## What to change
Stabilise the route; find what made it change.

## References
Route change and floating connections in the firewall's configuration guide.
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm, Teardown


class AfterRouteChange(Cause):
    id = "DNY314"
    name = "after-route-change"
    title = "a segment after a route change had removed the connection"
    table = "denials"
    beats = ("DNY316",)
    confidence = Confidence.CERTAIN
    harm = _facts.choose(_facts.rst | _facts.fin, Harm.DEPENDS, Harm.HARMFUL)
    harm_why = "connections in use were cut; a FIN or RST was their end anyway"
    remedy = {
        "ASA": "`show route` and the routing log of this time; `timeout floating-conn 0:0:0`, the"
        " default, keeps connections on their old path",
    }
    references = ("Cisco ASA syslog message 302014",)

    @classmethod
    def where(cls) -> pl.Expr:
        return _facts.after(Teardown.ROUTE)

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return _words.history(story)
