"""The firewall resets a live connection towards both sides."""

from __future__ import annotations

import time

from finis.lab.scenario import HARMFUL, Lab, Truth, fate

TRUTH = Truth(
    ("firewall-reset",),
    ("client-aborted", "server-aborted", "reset-unexplained", "forged-rst"),
    HARMFUL,
)
KINDS = ("asa", "asa-nat", "asa-asa")


def run(lab: Lab) -> None:
    client, server = lab.pair()
    time.sleep(0.1)
    lab.asa.reset()
    time.sleep(0.1)
    lab.told["client"], lab.told["server"] = fate(client), fate(server)
