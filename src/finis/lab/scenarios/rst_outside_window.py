"""A forged RST far outside the window: everybody ignores it, the connection ends in order."""

from __future__ import annotations

import time

from finis.lab.packet import ACK, RST
from finis.lab.scenario import HARMLESS, Lab, Truth, ask, fate, numbers

TRUTH = Truth(
    ("client-closed-first",), ("closed-per-log", "rst-ignored"), HARMLESS, "closed", "orig"
)
# The ASA drops such a RST without a word; netfilter's rule for invalid segments logs it.
DENIALS = ("injected-rst-denied", "open-connection-refused")
BESIDE = ("rst-ignored",)


def run(lab: Lab) -> None:
    client, server = lab.pair()
    snd_nxt, rcv_nxt = numbers(client)
    here, there = client.getsockname(), client.getpeername()
    lab.raw(RST | ACK, snd_nxt + (1 << 30), rcv_nxt, here, there, ttl=47)
    time.sleep(0.2)
    ask(client, server)
    client.close()
    lab.told["server"] = fate(server)
    server.close()
