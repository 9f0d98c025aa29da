"""The path changed.

## What happened
A better route to one of the hosts appeared, and the firewall removed the connection after the time
set for such a change, so that its next packets take the new path.

## Evidence
The teardown reason (ASA: `Route change`).

## Look-alikes
Failover (END507); a tunnel (END516), next hop (END517) or zone (END518) that went away.

## Harm
Harmful where a host still sends on it and is refused. Else it depends on whether the connection was
in use.

## What to change
Stabilise the path; look at the routing log of this time.

## References
Cisco ASA syslog 302014: Route change; Cisco ASA command reference: timeout floating-conn
"""

from __future__ import annotations

from finis.diagnosis.causes._stated import FirewallStated, still_used


class RouteChanged(FirewallStated):
    id, name = "END602", "route-change"
    title = "the path changed under the connection"
    reasons = ("route",)
    harm = still_used()
    harm_why = "harmful if a side still used it (its segments are refused); harmless if none did"
    remedy = {
        "ASA": "`show route {server}` and the routing log of this time; `timeout floating-conn"
        " 0:0:0`, the default, keeps connections on their old path",
        "Linux": "ip monitor route at that time; a routing daemon's log",
    }
    references = (
        "Cisco ASA syslog 302014: Route change",
        "Cisco ASA command reference: timeout floating-conn",
    )
