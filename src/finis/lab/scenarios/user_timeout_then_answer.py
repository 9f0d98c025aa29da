"""The client gives up in silence (TCP_USER_TIMEOUT); the server, cut off until then, sends.

The client's host has no state any more and answers with a RST.
"""

from __future__ import annotations

import socket

from finis.lab.scenario import HARMFUL, Lab, Truth, fate

TRUTH = Truth(
    ("gave-up-silently",),
    ("retransmissions-unanswered", "state-lost", "reset-per-log", "host-without-state"), HARMFUL,
    first_fin="none", first_rst="orig",
)  # fmt: skip
NEEDS = ("nft",)


def run(lab: Lab) -> None:
    client, server = lab.pair(5432)
    lab.cut("server")
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1500)
    client.sendall(b"select 1")
    lab.told["client"] = fate(client, 5)
    client.close()
    lab.mend("server")
    server.sendall(b"notify")
    lab.told["server"] = fate(server)
    server.close()
