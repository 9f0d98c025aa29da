"""The firewall refused the form of the handshake.

## What happened
The firewall saw a SYN with impossible flags, or a connection opened from the wrong side of a
secondary channel.

## Evidence
The teardown reason (ASA: `SYN Control`, `Invalid SYN`, `TCP Invalid SYN`).

## Look-alikes
A SYN timeout (END102).

## Harm
Depends: scanners send such SYNs, broken devices too.

## What to change
Look at the SYN in a capture.

## References
Cisco ASA syslog 302014: SYN Control
"""

from __future__ import annotations

from finis.diagnosis.causes._stated import FirewallStated
from finis.terms import Harm


class SynControl(FirewallStated):
    id, name = "END510", "syn-control"
    title = "the firewall refused the handshake's form"
    reasons = ("syn-control", "invalid-syn")
    harm = Harm.DEPENDS
    harm_why = "on whether the SYN came from a real client"
    remedy = {
        "ASA": "capture the SYN on {client_if}: flags, options, direction",
    }
    references = ("Cisco ASA syslog 302014: SYN Control",)
