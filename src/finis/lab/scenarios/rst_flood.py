"""Somebody who does not know the numbers sends a hundred RSTs in the client's name.

None lies in the window: the firewall drops them, and the connection goes on.
"""

from __future__ import annotations

import time

from finis.lab.packet import RST
from finis.lab.scenario import HARMLESS, Lab, Truth, ask, fate, numbers

TRUTH = Truth(("client-closed-first",), ("closed-per-log",), HARMLESS, "closed", "orig")
# The log of conntrack shows the connection open meanwhile.
DENIALS = ("injected-rst-denied", "open-connection-refused")
BESIDE = ("rst-ignored",)


def run(lab: Lab) -> None:
    client, server = lab.pair()
    snd_nxt, _ = numbers(client)
    here, there = client.getsockname(), client.getpeername()
    for step in range(1, 101):
        lab.raw(RST, snd_nxt + step * 20_000_000, 0, here, there, ttl=47)
    time.sleep(0.3)  # what is refused within 0.1 s of the end may belong to it, as logs tell
    ask(client, server)
    client.close()
    lab.told["server"] = fate(server)
    server.close()
