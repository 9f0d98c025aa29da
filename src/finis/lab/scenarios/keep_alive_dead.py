"""The server's host drops off the network; the client's keep-alive probes find out."""

from __future__ import annotations

import socket

from finis.lab.scenario import HARMFUL, Lab, Truth, fate

TRUTH = Truth(
    ("keep-alive-unanswered",), ("client-aborted", "reset-per-log"), HARMFUL, first_rst="orig"
)
NEEDS = ("nft",)


def run(lab: Lab) -> None:
    client, server = lab.pair(5432)
    for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL):
        client.setsockopt(socket.IPPROTO_TCP, option, 1)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    lab.cut("server")
    lab.told["client"] = fate(client, 6)
    client.close()
    server.detach()
