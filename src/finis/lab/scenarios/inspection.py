"""The firewall's inspection objects to a request: it resets both sides."""

from __future__ import annotations

import time

from finis.lab.admission import Policy
from finis.lab.scenario import HARMFUL, Lab, Truth, fate

TRUTH = Truth(
    ("closed-by-inspection", "firewall-reset"),
    ("client-aborted", "server-aborted", "reset-unexplained", "forged-rst"),
    HARMFUL,
)
DENIALS = ("after-inspection",)
POLICY = Policy(forbidden=b"DELETE")
KINDS = ("asa", "asa-nat")


def run(lab: Lab) -> None:
    client, server = lab.pair()
    client.sendall(b"DELETE /")
    time.sleep(0.1)
    lab.told["client"], lab.told["server"] = fate(client), fate(server)
