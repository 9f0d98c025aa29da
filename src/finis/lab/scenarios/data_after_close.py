"""The client closes; the server, unaware, sends a response: it is answered with a RST."""

from __future__ import annotations

import time

from finis.lab.scenario import DEPENDS, Lab, Truth, fate

TRUTH = Truth(
    ("data-after-close",),
    ("reset-per-log", "host-without-state"),
    DEPENDS,
    first_fin="orig",
    first_rst="orig",
)
KINDS = (
    "asa",
    "netfilter",
    "asa-pat",
    "asa-v6",
    "asa-asa",
    "netfilter-eager",
    "netfilter-v6",
    "netfilter-nat",
    "netfilter-synproxy",
    "netfilter-far",
)


def run(lab: Lab) -> None:
    client, server = lab.pair()
    client.close()
    time.sleep(0.3)
    server.sendall(b"late" * 100)
    time.sleep(0.1)
    lab.told["server"] = fate(server)
    server.close()
