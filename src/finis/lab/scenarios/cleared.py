"""An administrator clears the connection; the client's next request meets no connection."""

from __future__ import annotations

import time

from finis.lab.scenario import HARMFUL, Lab, Truth, abort, fate

TRUTH = Truth(
    ("cleared-by-administrator", "firewall-dropped-segments", "cut-off-by-firewall"),
    ("retransmissions-unanswered", "still-open", "capture-ended",
     "rst-dropped-by-firewall", "client-aborted"), HARMFUL,
)  # fmt: skip
DENIALS = ("after-admin-clear",)
NEEDS = ("conntrack",)
KINDS = ("asa", "netfilter", "asa-asa", "asa-pat")


def run(lab: Lab) -> None:
    client, _server = lab.pair()
    time.sleep(0.2)
    lab.network.device.clear()
    client.sendall(b"GET /more")
    lab.told["client"] = fate(client, 1.5)
    abort(client)
    time.sleep(0.1)
