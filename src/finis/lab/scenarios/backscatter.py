"""SYN ACKs for SYNs that somebody else sent in the names of our unused addresses."""

from __future__ import annotations

import time

from finis.lab.packet import ACK, SYN
from finis.lab.scenario import HARMLESS, Lab, Truth

TRUTH = Truth(("unsolicited-syn-ack", "syn-ack-without-syn", "one-direction-only"), (), HARMLESS)
DENIALS = ("backscatter-denied", "asymmetric-syn-ack")
KINDS = ("asa",)
CONNECTIONS = None


def run(lab: Lab) -> None:
    for number in range(60):
        target = (f"172.17.77.{100 + number}", 30000 + number * 71)
        lab.raw(SYN | ACK, 9_000_000 + number * 70_001, 77 + number, ("192.0.2.80", 80), target)
        time.sleep(0.002)
