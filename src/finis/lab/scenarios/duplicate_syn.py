"""Two SYNs with the same addresses and ports and different numbers, from two senders.

The firewall drops the second one.
"""

from __future__ import annotations

import time

from finis.lab.packet import SYN
from finis.lab.scenario import Lab, Truth

TRUTH = Truth(
    ("duplicate-syn", "syn-unanswered", "syn-dropped-by-firewall"),
    ("syn-unanswered", "reset-per-log", "tuple-reused"),
)
KINDS = ("asa",)
CONNECTIONS = None
NEEDS = ("nft",)


def run(lab: Lab) -> None:
    lab.cut("server")
    for seq in (1_000_000, 2_000_000):
        lab.raw(SYN, seq, 0, (lab.network.client_ip, 51000), (lab.address, 443))
        time.sleep(0.3)
