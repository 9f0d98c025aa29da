"""The path changed.

## What happened
A route, tunnel or adjacency that carried the connection went away.

## Evidence
The teardown reason (ASA: `Route change`, `Tunnel has been torn down`, `No valid adjacency`).

## Look-alikes
Failover (END507).

## Harm
Harmful where a host still sends on it and is refused. Else it depends on whether the connection was
in use: a tunnel that its user closed takes idle connections along.

## What to change
Stabilise the path; look at the routing or VPN log of this time.

## References
Cisco ASA syslog 302014: Route change; Cisco ASA command reference: timeout floating-conn
"""

from __future__ import annotations

import polars as pl

from finis.diagnosis import facts
from finis.diagnosis.causes._stated import FirewallStated
from finis.terms import Harm


class RouteChanged(FirewallStated):
    id, name = "END602", "route-change"
    title = "the path changed under the connection"
    reasons = ("route",)
    harm = facts.harm(
        ((pl.col("data_denied") > 0) | (pl.col("acks_denied") > 0), Harm.HARMFUL),
        otherwise=Harm.DEPENDS,
    )
    harm_why = "harmful if a side still used it (its segments are refused); harmless if none did"
    remedy = {
        "ASA": "show route {server}; timeout floating-conn 0:0:0 keeps connections on their old"
        " path",
        "Linux": "ip monitor route at that time; a routing daemon's log",
    }
    references = (
        "Cisco ASA syslog 302014: Route change",
        "Cisco ASA command reference: timeout floating-conn",
    )
