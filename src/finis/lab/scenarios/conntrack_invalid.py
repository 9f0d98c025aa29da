"""Segments far outside the window reach conntrack: INVALID, dropped; the connection goes on."""

from __future__ import annotations

import time

from finis.lab.packet import ACK, PSH
from finis.lab.scenario import HARMLESS, Lab, Truth, ask, fate, numbers

TRUTH = Truth(("client-closed-first",), ("closed-per-log",), HARMLESS, "closed", "orig", "none")
DENIALS = ("open-connection-refused", "tcp-check")
KINDS = ("netfilter",)


def run(lab: Lab) -> None:
    client, server = lab.pair()
    snd_nxt, rcv_nxt = numbers(client)
    here, there = client.getsockname(), client.getpeername()
    for ahead in (90_000_000, 91_000_000):
        lab.raw(PSH | ACK, snd_nxt + ahead, rcv_nxt, here, there, payload=b"stray")
    time.sleep(0.3)
    ask(client, server)
    client.close()
    lab.told["server"] = fate(server)
    server.close()
