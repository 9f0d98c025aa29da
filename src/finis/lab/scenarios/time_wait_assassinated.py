"""An old segment reaches a socket in TIME-WAIT; its answer meets a host that knows nothing.

The server closed first and waits.  A copy of the client's request makes it repeat its last ACK;
the client's kernel answers that with a RST, which ends TIME-WAIT early (RFC 1337).
"""

from __future__ import annotations

import time

from finis.lab.packet import ACK, PSH
from finis.lab.scenario import HARMLESS, Lab, Truth, fate, numbers

TRUTH = Truth(
    ("time-wait-assassinated", "server-closed-first"),
    ("server-closed-first", "host-without-state", "state-lost", "closed-per-log"), HARMLESS,
    "closed", "resp", "orig",
)  # fmt: skip
KINDS = ("netfilter",)
BESIDE = ("time-wait-assassinated", "rst-after-close")


def run(lab: Lab) -> None:
    client, server = lab.pair()
    snd_nxt, rcv_nxt = numbers(client)
    here, there = client.getsockname(), client.getpeername()
    server.close()
    lab.told["client"] = fate(client)
    client.close()
    time.sleep(0.2)
    lab.raw(PSH | ACK, snd_nxt - 18, rcv_nxt, here, there, payload=b"GET / HTTP/1.1\r\n\r\n")
    time.sleep(0.2)
