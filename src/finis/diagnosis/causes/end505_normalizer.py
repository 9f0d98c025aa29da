"""The TCP normaliser ended the connection.

## What happened
One of the firewall's TCP checks objected to a segment: a retransmission with other contents, an
overlap, a window that changed in a strange way. The firewall ended the connection for it.

## Evidence
The teardown reason (ASA: `TCP bad retransmission`, `TCP segment partial overlap`, `TCP unexpected
window size variation`).

## Look-alikes
Inspection (END502) reads the application, not TCP.

## Harm
Harmful: the connection was cut.

## What to change
Find the device that alters segments; a tcp-map for the class as a last resort.

## References
Cisco ASA syslog 302014: TCP bad retransmission; Cisco firewall configuration guide: TCP
normalization
"""

from __future__ import annotations

from finis.diagnosis.causes._stated import FirewallStated
from finis.terms import Harm


class Normalizer(FirewallStated):
    id, name = "END505", "normalizer"
    title = "the TCP normaliser objected to a segment"
    reasons = ("normalizer",)
    harm = Harm.HARMFUL
    harm_why = "to both sides: the firewall ended the connection for a segment it objected to"
    remedy = {
        "ASA": "`show asp drop | include tcp` counts what each check drops; relax the one that the"
        " reason names in a tcp-map for {server} port {server_p} only (`no check-retransmission`,"
        " `window-variation allow-connection`)",
    }
    references = (
        "Cisco ASA syslog 302014: TCP bad retransmission",
        "Cisco firewall configuration guide: TCP normalization",
    )
