"""The server's host forgets the connection (power cut, restart); the client then sends."""

from __future__ import annotations

import time

from finis.lab.scenario import HARMFUL, Lab, Truth, fate, vanish

TRUTH = Truth(
    ("state-lost",), ("reset-per-log", "host-without-state"), HARMFUL, "reset", "none", "resp"
)
KINDS = (
    "asa",
    "asa-nat",
    "asa-pat",
    "asa-v6",
    "asa-asa",
    "netfilter",
    "netfilter-eager",
    "netfilter-v6",
    "netfilter-nat",
    "netfilter-far",
)


def run(lab: Lab) -> None:
    client, server = lab.pair(5432)
    time.sleep(0.2)  # until the last acknowledgement is out
    vanish(server)
    time.sleep(1)
    client.sendall(b"select 1")
    lab.told["client"] = fate(client)
    client.close()
