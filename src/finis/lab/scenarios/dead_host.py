"""The server's host is down: SYNs reach its cable and nothing comes back."""

from __future__ import annotations

import time

from finis.lab.admission import Policy
from finis.lab.scenario import HARMFUL, Lab, Truth

TRUTH = Truth(("syn-unanswered",), ("reset-per-log",), HARMFUL, "unanswered", "none", "none")
POLICY = Policy(embryonic=2)
NEEDS = ("nft",)


def run(lab: Lab) -> None:
    lab.cut("server")
    with lab.client(timeout=1.6) as client:
        try:
            client.connect((lab.address, 443))
        except TimeoutError:
            lab.told["client"] = "nothing"
    time.sleep(0.6)
