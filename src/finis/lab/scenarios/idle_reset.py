"""The firewall's idle timer runs out and it resets both sides."""

from __future__ import annotations

import time

from finis.lab.admission import Policy
from finis.lab.scenario import DEPENDS, Lab, Truth, fate

TRUTH = Truth(
    ("firewall-idle-reset", "firewall-reset"),
    ("client-aborted", "server-aborted", "reset-unexplained", "forged-rst"),
    DEPENDS,
)
POLICY = Policy(idle=1, idle_reset=True)
DENIALS = ("after-firewall-reset",)  # of two firewalls each resets, and refuses the other's RSTs
KINDS = ("asa", "asa-nat", "asa-pat", "asa-asa")


def run(lab: Lab) -> None:
    client, server = lab.pair(5432)
    time.sleep(1.3)
    lab.told["client"], lab.told["server"] = fate(client), fate(server)
