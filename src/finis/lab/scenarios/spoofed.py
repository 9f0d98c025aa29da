"""SYNs come from outside with an address that lies inside."""

from __future__ import annotations

import time

from finis.lab.packet import SYN
from finis.lab.scenario import Lab, Truth

TRUTH = Truth(("syn-dropped-by-firewall", "syn-unanswered"), ())
DENIALS = ("spoofed-source",)
KINDS = ("asa",)
CONNECTIONS = None


def run(lab: Lab) -> None:
    for number in range(5):
        source = ("172.17.77.99", 5000 + number)
        lab.raw(SYN, 3_000_000 + number * 99_991, 0, source, (lab.address, 443))
    time.sleep(0.1)
