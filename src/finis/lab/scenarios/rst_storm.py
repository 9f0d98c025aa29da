"""Many RSTs, from many addresses, towards a port that has no such connections."""

from __future__ import annotations

import time

from finis.lab.packet import RST
from finis.lab.scenario import DEPENDS, Lab, Truth, not_across

COUNT = 150
TRUTH = Truth(
    ("host-without-state", "one-direction-only", "reset-unexplained", "undetermined"), (), DEPENDS
)
DENIALS = ("rst-without-connection", "history-unknown", "backscatter-denied")
PATTERNS = ("rst-storm",)
CONNECTIONS = None
KINDS = ("asa", "netfilter")


def run(lab: Lab) -> None:
    not_across(60, 4)
    for number in range(COUNT):
        source = (f"192.0.2.{1 + number % 200}", 20_000 + number * 31)
        lab.raw(RST, 1_000_000 + number * 70_001, 0, source, (lab.network.server_ip, 443), ttl=50)
        time.sleep(0.002)
