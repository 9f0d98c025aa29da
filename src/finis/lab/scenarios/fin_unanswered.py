"""The client closes towards a host that dropped off the network, and repeats its FIN in vain."""

from __future__ import annotations

import time

from finis.lab.scenario import DEPENDS, Lab, Truth

TRUTH = Truth(
    ("fin-unanswered",), ("half-closed", "still-open", "capture-ended"), DEPENDS,
    first_fin="orig", first_rst="none",
)  # fmt: skip
NEEDS = ("nft",)


def run(lab: Lab) -> None:
    client, _server = lab.pair()
    lab.cut("server")
    client.close()
    time.sleep(3.6)
