"""The server's host drops off the network with six connections in use."""

from __future__ import annotations

import socket
import time

from finis.lab.scenario import HARMFUL, Lab, Truth, fate, not_across

TRUTH = Truth(
    ("retransmissions-unanswered",), ("still-open", "capture-ended", "reset-per-log"), HARMFUL,
    first_fin="none",
)  # fmt: skip
PATTERNS = ("host-vanished",)
CONNECTIONS = 6
NEEDS = ("nft",)


def run(lab: Lab) -> None:
    pairs = [lab.pair(5432) for _ in range(CONNECTIONS)]
    not_across(30, 4)
    lab.cut("server")
    for client, _ in pairs:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 2500)
        client.sendall(b"select 1")
    for client, _ in pairs:
        lab.told["client"] = fate(client, 5)
    time.sleep(0.2)
