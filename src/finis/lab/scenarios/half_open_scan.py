"""The client probes with SYNs made by hand; its kernel resets what is answered."""

from __future__ import annotations

import time

from finis.lab.packet import SYN
from finis.lab.scenario import Lab, Truth

TRUTH = Truth(
    ("half-open-probe",), ("reset-per-log", "refused", "host-without-state"), first_rst="orig"
)
KINDS = ("asa", "netfilter")


def run(lab: Lab) -> None:
    with lab.listen():
        lab.raw(SYN, 1_000_000, 0, (lab.network.client_ip, 51000), (lab.address, 443))
        time.sleep(0.3)
