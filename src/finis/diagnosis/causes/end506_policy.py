"""The policy ended the connection.

## What happened
A rule, or a failed authorisation, ended a connection that had been let through at first.

## Evidence
The teardown reason (ASA: `Deny Terminate`, `Unauth Deny`). FTD: an event whose rule says `Block`,
where packets of both sides had passed: the rule asks for something that they showed.

## Look-alikes
A SYN refused by an access list never becomes a connection.

## Harm
Depends: the policy may be right.

## What to change
Correct the rule or the client.

## References
Cisco ASA syslog 302014: Deny Terminate; Cisco FTD syslog 430002 and 430003
"""

from __future__ import annotations

from finis.diagnosis.causes._stated import FirewallStated
from finis.terms import Harm


class PolicyDenied(FirewallStated):
    id, name = "END506", "policy-terminated"
    title = "the firewall policy ended the connection"
    reasons = ("policy",)
    harm = Harm.DEPENDS
    harm_why = "on whether the policy means this connection"
    remedy = {
        "ASA": "packet-tracer input {client_if} tcp {client} {client_p} {server_seen} "
        "{server_seen_p} names the rule",
        "FTD": "AccessControlRuleName of the event (430002, 430003) names the rule; `show "
        "access-control-config` shows it",
    }
    references = ("Cisco ASA syslog 302014: Deny Terminate", "Cisco FTD syslog 430002, 430003")
