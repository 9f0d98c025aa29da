"""The firewall asks both ends of an idle connection (DCD); the server's host is gone."""

from __future__ import annotations

import time

from finis.lab.admission import Policy
from finis.lab.scenario import DEPENDS, Lab, Truth

TRUTH = Truth(
    ("firewall-idle-timeout",), ("still-open", "capture-ended", "keep-alive-unanswered"), DEPENDS
)
KINDS = ("asa",)
NEEDS = ("nft",)
POLICY = Policy(idle=1, dead_peers=0.2)


def run(lab: Lab) -> None:
    lab.pair(5432)
    lab.cut("server")
    time.sleep(2.2)
