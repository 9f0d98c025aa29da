"""The standby unit takes over without the connections (no stateful failover).

The client's next request meets no connection.
"""

from __future__ import annotations

import time

from finis.lab.scenario import HARMFUL, Lab, Truth, abort, fate

TRUTH = Truth(
    ("cut-off-by-firewall", "firewall-dropped-segments"),
    ("retransmissions-unanswered", "still-open", "capture-ended",
     "rst-dropped-by-firewall", "client-aborted"), HARMFUL,
)  # fmt: skip
DENIALS = ("after-failover",)
KINDS = ("asa", "asa-nat")


def run(lab: Lab) -> None:
    client, _server = lab.pair()
    time.sleep(0.2)
    lab.asa.failover()
    client.sendall(b"GET /more")
    lab.told["client"] = fate(client, 1.5)
    abort(client)
    time.sleep(0.1)
