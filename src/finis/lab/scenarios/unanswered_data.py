"""The server's host drops off the network; the client repeats its data and gives up in silence.

TCP_USER_TIMEOUT ends the connection at the client after two seconds, without a RST.
"""

from __future__ import annotations

import socket
import time

from finis.lab.scenario import HARMFUL, Lab, Truth, fate

TRUTH = Truth(
    ("retransmissions-unanswered",), ("still-open", "capture-ended", "reset-per-log"), HARMFUL,
    first_fin="none",
)  # fmt: skip
NEEDS = ("nft",)


def run(lab: Lab) -> None:
    client, _server = lab.pair(5432)
    lab.cut("server")
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 2000)
    client.sendall(b"select 1")
    lab.told["client"] = fate(client, 5)
    time.sleep(0.2)
    client.close()
