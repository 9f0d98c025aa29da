"""The path changed.

## What happened
A route, tunnel or adjacency that carried the connection went away.

## Evidence
The teardown reason (ASA: `Route change`, `Tunnel has been torn down`, `No valid adjacency`).

## Look-alikes
Failover (END507).

## Harm
Harmful: connections in use are cut.

## What to change
Stabilise the path; look at the routing or VPN log of this time.

## References
Cisco ASA syslog 302014: Route change; Cisco ASA command reference: timeout floating-conn
"""

from __future__ import annotations

from finis.diagnosis.causes._stated import FirewallStated
from finis.terms import Harm


class RouteChanged(FirewallStated):
    id, name = "END602", "route-change"
    title = "the path changed under the connection"
    reasons = ("route",)
    harm = Harm.HARMFUL
    harm_why = "to both sides: the connection was cut when its path changed"
    remedy = {
        "ASA": "show route {server}; timeout floating-conn 0:0:0 keeps connections on their old"
        " path",
    }
    references = (
        "Cisco ASA syslog 302014: Route change",
        "Cisco ASA command reference: timeout floating-conn",
    )
