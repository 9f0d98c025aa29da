"""A box between firewall and server dislikes a request and resets both ends in the other's name."""

from __future__ import annotations

import time

from finis.lab.admission import Policy
from finis.lab.scenario import HARMFUL, Lab, Truth, fate

TRUTH = Truth(
    ("forged-rst",),
    ("client-aborted", "server-aborted", "reset-per-log", "reset-unexplained", "firewall-reset"),
    HARMFUL,
)  # fmt: skip
DENIALS = ("late-rst", "late-data", "late-ack", "injected-rst-denied", "answer-to-late-data",
           "rst-of-host-without-state")  # fmt: skip
KINDS = ("asa-injector",)
POLICY = Policy(inject=b"forbidden")


def run(lab: Lab) -> None:
    client, server = lab.pair(8080)
    client.sendall(b"GET /forbidden HTTP/1.1\r\n\r\n")
    time.sleep(0.2)
    lab.told["client"], lab.told["server"] = fate(client), fate(server)
    client.close()
    server.close()
