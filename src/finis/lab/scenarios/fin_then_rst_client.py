"""The client shuts down, and closes while a response lies unread: FIN, then RST."""

from __future__ import annotations

import socket
import time

from finis.lab.scenario import Lab, Truth, fate

TRUTH = Truth(
    ("fin-then-rst-unread-data", "closed-then-aborted"), ("reset-per-log",),
    ended="reset", first_fin="orig", first_rst="orig",
)  # fmt: skip
DENIALS = ("late-data", "late-ack")
KINDS = (
    "asa",
    "netfilter",
    "asa-pat",
    "asa-v6",
    "asa-asa",
    "netfilter-eager",
    "netfilter-nat",
    "netfilter-synproxy",
    "netfilter-far",
)


def run(lab: Lab) -> None:
    client, server = lab.pair()
    server.sendall(b"u" * 3000)
    time.sleep(0.02)
    client.shutdown(socket.SHUT_WR)
    client.close()
    time.sleep(0.1)
    lab.told["server"] = fate(server)
    server.close()
