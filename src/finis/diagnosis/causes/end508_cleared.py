"""The connection was cleared on the firewall.

## What happened
A command (`clear xlate`, `clear conn`) or a changed translation removed the connection.

## Evidence
The teardown reason (ASA: `Xlate Clear`).

## Look-alikes
Timeouts and failover have reasons of their own.

## Harm
Depends: cut connections that were in use must be opened again.

## What to change
Clear narrowly: by address and port.

## References
Cisco ASA syslog 302014: Xlate Clear; Cisco ASA syslog 111010
"""

from __future__ import annotations

from finis.diagnosis.causes._stated import FirewallStated
from finis.terms import Harm


class ClearedByAdmin(FirewallStated):
    id, name = "END508", "cleared-by-administrator"
    title = "somebody cleared the connection on the firewall"
    reasons = ("admin",)
    harm = Harm.DEPENDS
    harm_why = "on whether it was meant: connections in use are cut"
    remedy = {
        "ASA": "messages 111009 and 111010 around this time name the user and the command",
        "netfilter": "the event names the program: `[USERSPACE] … progname=` (conntrack-tools "
        "1.4.7 and later)",
    }
    references = (
        "Cisco ASA syslog 302014: Xlate Clear",
        "Cisco ASA syslog 111010",
    )
