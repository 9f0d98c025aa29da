"""A probe or test of the firewall itself.

## What happened
The firewall's own monitoring probe, or a packet-tracer run.

## Evidence
The teardown reason (`Probe …`, `Free the flow created as result of packet injection`, and others).

## Look-alikes
None.

## Harm
None.

## What to change
Nothing.

## References
Cisco ASA syslog 302014: Probe
"""

from __future__ import annotations

from finis.diagnosis.causes._stated import FirewallStated
from finis.terms import Harm


class NotClientTraffic(FirewallStated):
    id, name = "END512", "not-client-traffic"
    title = "not client traffic: the firewall's own probe or test"
    reasons = ("probe", "injected")
    harm = Harm.HARMLESS
    harm_why = "no client and no server took part"
    references = ("Cisco ASA syslog 302014: Probe",)
