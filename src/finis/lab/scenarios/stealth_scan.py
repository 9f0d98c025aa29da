"""FIN, NULL and XMAS probes of forty ports: segments that no connection precedes."""

from __future__ import annotations

import time

from finis.lab.packet import FIN, PSH, URG
from finis.lab.scenario import Lab, Truth

TRUTH = Truth(
    ("one-direction-only", "undetermined"), ("still-open", "capture-ended", "half-closed")
)
DENIALS = ("scan-flags", "scan-denied")
CONNECTIONS = None


def run(lab: Lab) -> None:
    for number, port in enumerate(range(2000, 2040)):
        flags = (FIN, 0, FIN | PSH | URG)[number % 3]
        here = (lab.network.client_ip, 45000 + number)
        lab.raw(flags, 5_000_000 + number * 70_001, 0, here, (lab.address, port))
        time.sleep(0.002)
