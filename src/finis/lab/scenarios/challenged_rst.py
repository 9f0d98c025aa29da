"""A forged RST inside the window, but not at its edge: the server asks back.

RFC 5961 section 3: a challenge ACK, and the connection goes on.  An ASA already forgets the
connection; only through netfilter it lives.
"""

from __future__ import annotations

import time

from finis.lab.packet import ACK, RST
from finis.lab.scenario import HARMLESS, Lab, Truth, ask, fate, numbers

TRUTH = Truth(
    ("client-closed-first",), ("rst-ignored", "closed-per-log"), HARMLESS, "closed", "orig"
)
KINDS = ("netfilter",)
BESIDE = ("rst-ignored",)


def run(lab: Lab) -> None:
    client, server = lab.pair()
    snd_nxt, rcv_nxt = numbers(client)
    here, there = client.getsockname(), client.getpeername()
    lab.raw(RST | ACK, snd_nxt + 100, rcv_nxt, here, there, ttl=47)
    time.sleep(0.2)
    ask(client, server)
    client.close()
    lab.told["server"] = fate(server)
    server.close()
