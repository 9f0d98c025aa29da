"""The client's host forgets the connection; the server then sends."""

from __future__ import annotations

import time

from finis.lab.scenario import HARMFUL, Lab, Truth, fate, vanish

TRUTH = Truth(
    ("state-lost",), ("reset-per-log", "host-without-state"), HARMFUL, "reset", "none", "orig"
)
KINDS = ("asa", "netfilter", "asa-asa", "netfilter-eager")


def run(lab: Lab) -> None:
    client, server = lab.pair(5432)
    time.sleep(0.2)  # until the last acknowledgement is out
    vanish(client)
    time.sleep(1)
    server.sendall(b"notify")
    lab.told["server"] = fate(server)
    server.close()
