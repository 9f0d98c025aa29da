"""The firewall's idle timer runs out in silence; the server then closes."""

from __future__ import annotations

import time

from finis.lab.admission import Policy
from finis.lab.scenario import DEPENDS, Lab, Truth, fate

TRUTH = Truth(
    ("firewall-idle-timeout", "firewall-dropped-segments", "cut-off-by-firewall"),
    ("fin-unanswered", "half-closed",
     "still-open", "capture-ended", "retransmissions-unanswered"), DEPENDS,
)  # fmt: skip
DENIALS = ("close-after-idle-timeout",)
POLICY = Policy(idle=1)


def run(lab: Lab) -> None:
    client, server = lab.pair(5432)
    time.sleep(2.4)
    server.close()
    lab.told["client"] = fate(client, 1.0)
