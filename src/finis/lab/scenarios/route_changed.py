"""The firewall drops the connection because its route changed; the client sends on."""

from __future__ import annotations

import time

from finis.lab.scenario import HARMFUL, Lab, Truth, abort, fate

TRUTH = Truth(
    ("route-change", "firewall-dropped-segments", "cut-off-by-firewall"),
    ("retransmissions-unanswered", "still-open", "capture-ended",
     "rst-dropped-by-firewall", "client-aborted"), HARMFUL,
)  # fmt: skip
DENIALS = ("after-route-change",)
KINDS = ("asa", "asa-nat")


def run(lab: Lab) -> None:
    client, _server = lab.pair()
    time.sleep(0.2)
    lab.asa.clear("Route change")
    client.sendall(b"GET /more")
    lab.told["client"] = fate(client, 1.5)
    abort(client)
    time.sleep(0.1)
