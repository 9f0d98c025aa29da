"""The TCP normaliser ended the connection.

## What happened
The firewall's TCP checks found segments that contradict each other: retransmissions with other
contents, overlaps, a window that shrank.

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
    title = "the TCP normaliser objected to the segments"
    reasons = ("normalizer",)
    harm = Harm.HARMFUL
    harm_why = "to both sides: their segments were refused until the connection died"
    remedy = {
        "ASA": "show asp drop | include tcp names the check; relax it in a tcp-map for {server}"
        " port {server_p} only",
    }
    references = (
        "Cisco ASA syslog 302014: TCP bad retransmission",
        "Cisco firewall configuration guide: TCP normalization",
    )
