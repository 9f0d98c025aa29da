"""An administrator shuns the client (`shun`) while it is connected."""

from __future__ import annotations

import time

from finis.lab.scenario import HARMFUL, Lab, Truth, abort, fate

TRUTH = Truth(
    ("cut-off-by-firewall", "firewall-dropped-segments"),
    ("retransmissions-unanswered", "still-open", "capture-ended",
     "rst-dropped-by-firewall", "client-aborted", "state-lost"), HARMFUL,
)  # fmt: skip
DENIALS = ("refused-by-shun",)
KINDS = ("asa",)


def run(lab: Lab) -> None:
    client, _server = lab.pair()
    shuns = lab.asa.asa.shuns
    shuns.add(lab.network.client_ip)
    client.sendall(b"GET /more")
    lab.told["client"] = fate(client, 1.5)
    abort(client)
    time.sleep(0.1)
    shuns.clear()
