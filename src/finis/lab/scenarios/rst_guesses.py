"""Somebody who knows the ports, and the numbers only roughly, sends RSTs inside the window.

None has the exact number: the server answers with challenge ACKs (RFC 5961 section 3), and the
connection stays.  Netfilter lets them pass; an ASA would forget the connection at the first.
"""

from __future__ import annotations

import time

from finis.lab.packet import RST
from finis.lab.scenario import HARMLESS, Lab, Truth, numbers

TRUTH = Truth(("still-open",), ("capture-ended", "rst-ignored"), HARMLESS, "open", "none")
BESIDE = ("rst-flood", "rst-ignored")
KINDS = ("netfilter",)


def run(lab: Lab) -> None:
    client, _server = lab.pair()
    snd_nxt, _ = numbers(client)
    here, there = client.getsockname(), client.getpeername()
    for step in range(1, 15):
        lab.raw(RST, snd_nxt + step * 2500, 0, here, there)
        time.sleep(0.005)
    time.sleep(2)
