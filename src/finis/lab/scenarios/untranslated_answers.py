"""Answers that connection tracking holds to be invalid reach the client untranslated.

Destination NAT as in front of a Kubernetes service, and no rule that drops what is invalid: a
segment of the server far outside its window is forwarded with the server's own address.  The client
knows no such connection and resets it, and its RST ends the real one at the server.
"""

from __future__ import annotations

import time

from finis.lab.admission import Policy
from finis.lab.packet import ACK, PSH
from finis.lab.scenario import Lab, Truth, fate, numbers

TRUTH = Truth(
    ("host-without-state", "state-lost"),
    ("closed-per-log", "reset-per-log", "capture-ended", "half-closed", "still-open",
     "one-direction-only", "server-aborted", "forged-rst", "data-after-close"),
)  # fmt: skip
PATTERNS = ("untranslated-answers",)
CONNECTIONS = None
KINDS = ("netfilter-dnat",)
POLICY = Policy(leaks=True)
FAR = 50_000_000


def run(lab: Lab) -> None:
    for _ in range(4):
        client, server = lab.pair(8080)
        sent, got = numbers(server)
        here, there = server.getsockname(), client.getsockname()
        lab.raw(PSH | ACK, sent + FAR, got, here, there, payload=b"stray")
        time.sleep(0.1)
        lab.told["server"] = fate(server, 0.3)
        server.close()
        client.close()
