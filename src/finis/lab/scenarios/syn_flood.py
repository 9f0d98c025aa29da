"""A flood of SYNs from addresses that do not answer fills the server's backlog."""

from __future__ import annotations

import time

from finis.lab.admission import Policy
from finis.lab.packet import SYN
from finis.lab.scenario import Lab, Truth

TRUTH = Truth(("syn-ack-unanswered", "syn-unanswered"), ("reset-per-log", "syn-ack-without-syn"))
DENIALS = ("syn-ack-after-syn-timeout",)  # the server repeats them
PATTERNS = ("syn-flood",)
CONNECTIONS = 150
POLICY = Policy(embryonic=2)
BACKGROUND = False


def run(lab: Lab) -> None:
    with lab.listen(backlog=200):
        for number in range(150):
            source = (f"192.0.2.{1 + number % 250}", 20000 + number * 7)
            lab.raw(SYN, 7_000_000 + number * 99_991, 0, source, (lab.address, 443))
            time.sleep(0.002)
        time.sleep(2.3)
