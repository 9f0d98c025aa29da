"""Protocol inspection ended the connection.

## What happened
The firewall reads this protocol and objected to something in it.

## Evidence
The teardown reason (ASA: `Flow closed by inspection`, `Deny Terminate`), often with 507003 or
108003 before it, which say what was objected to.

## Look-alikes
IPS (END503) has reasons of its own; a reset without a reason is END501.

## Harm
Depends: a legitimate conversation was cut, or one that was not.

## What to change
Look up the message that precedes the teardown; adjust the inspection.

## References
Cisco ASA syslog 302014: Flow closed by inspection, Deny Terminate; Cisco ASA syslog 507003
"""

from __future__ import annotations

from finis.diagnosis.causes._stated import FirewallStated
from finis.terms import Harm


class ClosedByInspection(FirewallStated):
    id, name = "END502", "closed-by-inspection"
    title = "protocol inspection ended the connection"
    reasons = ("inspection",)
    harm = Harm.DEPENDS
    harm_why = "on whether the conversation was legitimate: the inspection objected to it"
    remedy = {
        "ASA": "messages 507003, 108003 or 415001 to 415020 of this time name what the inspection"
        " objected to, `show service-policy` the inspections that are on; drop that inspect, or"
        " relax its policy map, for {server} port {server_p}",
    }
    references = (
        "Cisco ASA syslog 302014: Flow closed by inspection, Deny Terminate",
        "Cisco ASA syslog 507003",
    )
