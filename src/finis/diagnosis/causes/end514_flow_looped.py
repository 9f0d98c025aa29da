"""The flow came back to the interface it had left by.

## What happened
The firewall found that a connection would leave by the interface it came from, in a way it does
not allow, and removed it. Routing or address translation sends it in a circle.

## Evidence
The teardown reason (ASA: `Flow is a loopback`).

## Look-alikes
A route change (END602).

## Harm
Harmful: the connection cannot work on this path.

## What to change
Find the route or translation that turns the traffic around.

## References
Cisco ASA syslog 302014: Flow is a loopback
"""

from __future__ import annotations

from finis.diagnosis.causes._stated import FirewallStated
from finis.terms import Harm


class FlowLooped(FirewallStated):
    id, name = "END514", "flow-looped"
    title = "the flow came back to the interface it had left by"
    reasons = ("loopback",)
    harm = Harm.HARMFUL
    harm_why = "to both sides: the connection cannot work on this path"
    remedy = {
        "ASA": "show route {server}, show nat detail, and packet-tracer input {client_if} tcp "
        "{client} 50000 {server_seen} {server_seen_p}",
    }
    references = ("Cisco ASA syslog 302014: Flow is a loopback",)
