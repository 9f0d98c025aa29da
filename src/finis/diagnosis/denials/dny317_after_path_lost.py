"""The tunnel, next hop or zone that carried the connection was gone.

## What happened
A VPN tunnel went down, a next hop did not answer to its address, or a zone lost its last interface,
and the firewall removed the connections that used it. The hosts' segments now meet no connection.

## Evidence
A Teardown that states it (`Tunnel has been torn down`, `No valid adjacency`, `No interfaces
associated with zone`), then a segment of the same tuple.

## Look-alikes
A route that changed is DNY314; a failover between two firewalls is DNY315.

## Harm
Harmful: connections in use were cut. With a RST or FIN it depends, since the host gave up as well.

## What to change
See the connection's own finding: END516 (tunnel), END517 (next hop) or END518 (zone).

## References
Cisco ASA syslog 302014: the reasons named above.
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm, Teardown


class AfterPathLost(Cause):
    id = "DNY317"
    name = "after-path-lost"
    title = "a segment after the connection's tunnel, next hop or zone was gone"
    table = "denials"
    beats = ("DNY316",)
    confidence = Confidence.CERTAIN
    harm = _facts.choose(_facts.rst | _facts.fin, Harm.DEPENDS, Harm.HARMFUL)
    harm_why = "connections in use were cut; a FIN or RST was their end anyway"
    remedy = {
        "ASA": "by the reason that the Teardown states. Tunnel: `show vpn-sessiondb`, `sysopt"
        " connection preserve-vpn-flows`; adjacency: `show arp`, `show ipv6 neighbor`; zone:"
        " `show zone`",
    }
    references = ("Cisco ASA syslog message 302014",)
    not_this = ("a route change: `timeout floating-conn` does not help (DNY314)",)

    @classmethod
    def where(cls) -> pl.Expr:
        return _facts.after(Teardown.TUNNEL, Teardown.NO_NEXT_HOP, Teardown.ZONE)

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return _words.history(story)
