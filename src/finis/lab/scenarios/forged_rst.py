"""Somebody on the client's path sends a RST in the client's name, with the right number.

It travelled another way: its TTL differs.  The client knows nothing of it and goes on.
"""

from __future__ import annotations

import time

from finis.lab.packet import ACK, RST
from finis.lab.scenario import HARMFUL, Lab, Truth, fate, numbers

TRUTH = Truth(
    ("forged-rst",),
    ("client-aborted", "cut-off-by-firewall", "reset-per-log", "state-lost", "host-without-state"),
    HARMFUL, first_rst="orig",
)  # fmt: skip
DENIALS = ("late-data", "late-fin", "late-rst", "injected-rst-denied")
KINDS = ("asa", "netfilter", "asa-asa")


def run(lab: Lab) -> None:
    client, server = lab.pair()
    snd_nxt, rcv_nxt = numbers(client)
    here, there = client.getsockname(), client.getpeername()
    lab.raw(RST | ACK, snd_nxt, rcv_nxt, here, there, ttl=47)
    lab.told["server"] = fate(server)
    client.sendall(b"GET /more")
    time.sleep(0.5)
    lab.told["client"] = fate(client, 0.2)
    client.close()
    server.close()
