"""The client shuts down its sending side; the server still answers, then closes."""

from __future__ import annotations

import socket

from finis.lab.scenario import HARMLESS, Lab, Truth, fate, read

TRUTH = Truth(
    ("half-close-used",),
    ("closed-per-log", "client-closed-first"),
    HARMLESS,
    "closed",
    "orig",
    "none",
)
DENIALS = ("late-ack",)  # on a busy machine the last ones cross
KINDS = ("asa", "netfilter", "asa-pat", "asa-asa")


def run(lab: Lab) -> None:
    client, server = lab.pair()
    client.shutdown(socket.SHUT_WR)
    lab.told["server"] = fate(server)
    server.sendall(b"d" * 20000)
    server.close()
    lab.told["client"] = str(len(read(client, 30000)))
    client.close()
