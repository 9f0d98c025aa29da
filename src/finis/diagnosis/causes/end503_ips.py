"""Intrusion prevention ended the connection.

## What happened
An intrusion prevention module found a signature and dropped or reset the connection.

## Evidence
The teardown reason (ASA: `Flow reset by IPS`, `Flow terminated by IPS`).

## Look-alikes
A module that is down (END515): no signature was found.
Inspection (END502); a forged RST from elsewhere (END316).

## Harm
Depends: harmful to users if it is a false alarm, else the protection works.

## What to change
Read the module's own event; tune the signature if it is wrong.

## References
Cisco ASA syslog 302014: Flow reset by IPS; Cisco ASA syslog 420002
"""

from __future__ import annotations

from finis.diagnosis.causes._stated import FirewallStated
from finis.terms import Harm


class EndedByIps(FirewallStated):
    id, name = "END503", "ended-by-ips"
    title = "intrusion prevention ended the connection"
    reasons = ("ips", "ips-reset")
    harm = Harm.DEPENDS
    harm_why = "on whether it was an attack or a false alarm: see the signature"
    remedy = {
        "ASA": "the IPS or FTD event of this time names the signature (420002, 420003, 430001)",
        "FTD": "the intrusion event 430001 of this tuple names the rule: tune it if it is wrong",
    }
    references = (
        "Cisco ASA syslog 302014: Flow reset by IPS",
        "Cisco ASA syslog 420002",
    )
