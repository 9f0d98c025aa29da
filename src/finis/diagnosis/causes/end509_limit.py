"""A limit ended the connection.

## What happened
A table or quota was full.

## Evidence
The reason, of makes that state one. An ASA does not end connections for a limit: it refuses
new ones and says so (201002 to 201013, DNY104).

## Look-alikes
An embryonic limit leads to TCP intercept (END504).

## Harm
Harmful: new connections fail.

## What to change
Raise the limit, or find who uses it up.

## References
Cisco ASA syslog 302014; Cisco ASA syslog 201011
"""

from __future__ import annotations

from finis.diagnosis.causes._stated import FirewallStated
from finis.terms import Harm


class LimitReached(FirewallStated):
    id, name = "END509", "limit-reached"
    title = "a limit of the firewall ended the connection"
    reasons = ("limit",)
    harm = Harm.HARMFUL
    harm_why = "to whoever connects next: the table is full"
    remedy = {
        "ASA": "show resource usage; show conn count; set connection conn-max for {server}",
    }
    references = (
        "Cisco ASA syslog 302014",
        "Cisco ASA syslog 201011",
    )
