"""The SYN takes a second path past the firewall; only the answer meets it.

An extra cable leads from the client to the server; the server's way back is the firewall.
"""

from __future__ import annotations

import time

from finis.lab.scenario import HARMFUL, Lab, Truth
from finis.lab.scenarios import _paths

TRUTH = Truth(("syn-ack-without-syn",), ("syn-ack-unanswered", "one-direction-only"), HARMFUL)
DENIALS = ("asymmetric-syn-ack",)
BACKGROUND = False


def run(lab: Lab) -> None:
    _paths.second_path(lab)
    with lab.listen(), lab.client(timeout=2.5) as client:
        try:
            client.connect((lab.address, 443))
        except TimeoutError:
            lab.told["client"] = "nothing"
        time.sleep(0.2)
