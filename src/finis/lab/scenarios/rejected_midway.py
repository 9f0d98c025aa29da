"""A rule added while the connection lives answers the next data with a RST to its sender."""

from __future__ import annotations

import time

from finis.lab.scenario import HARMFUL, Lab, Truth, fate

TRUTH = Truth(
    ("firewall-reset", "firewall-dropped-segments", "cut-off-by-firewall"),
    ("server-aborted", "state-lost", "host-without-state", "reset-unexplained", "still-open",
     "capture-ended", "closed-per-log", "client-closed-first", "reset-per-log"),
    HARMFUL,
)  # fmt: skip
KINDS = ("netfilter",)
DENIALS = ("refused-by-acl",)


def run(lab: Lab) -> None:
    client, _server = lab.pair()
    lab.network.device.reset()
    client.sendall(b"GET /more")
    time.sleep(0.1)
    lab.told["client"] = fate(client)
    client.close()
