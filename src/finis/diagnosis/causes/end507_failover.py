"""A failover ended the connection.

## What happened
The unit that held the connection stopped being the active one.

## Evidence
The teardown reason (ASA: `Failover primary closed`).

## Look-alikes
A route change (END602).

## Harm
Harmful: connections in use are lost unless their state is replicated.

## What to change
Stateful failover with replication for this kind of connection.

## References
Cisco ASA syslog 302014: Failover primary closed; Cisco ASA syslog 104001
"""

from __future__ import annotations

from finis.diagnosis.causes._stated import FirewallStated
from finis.terms import Harm


class EndedByFailover(FirewallStated):
    id, name = "END507", "failover"
    title = "the connection ended with a failover"
    reasons = ("failover",)
    harm = Harm.HARMFUL
    harm_why = "to both sides: the connection was not carried over"
    remedy = {
        "ASA": "show failover; configure a state link (failover link) and, for HTTP, failover "
        "replication http",
    }
    references = (
        "Cisco ASA syslog 302014: Failover primary closed",
        "Cisco ASA syslog 104001",
    )
