"""The client shuts down its sending side; the server is slow.

The firewall's half-closed timer runs out, and the server's answer meets no connection.
"""

from __future__ import annotations

import socket
import time

from finis.lab.admission import Policy
from finis.lab.scenario import HARMFUL, Lab, Truth, abort, fate

TRUTH = Truth(
    ("half-closed-timeout", "firewall-dropped-segments", "cut-off-by-firewall"),
    ("half-closed", "fin-timeout", "retransmissions-unanswered", "server-aborted", "capture-ended",
     "rst-dropped-by-firewall"), HARMFUL,
    first_fin="orig",
)  # fmt: skip
DENIALS = ("after-half-closed-timeout",)
POLICY = Policy(half_closed=1)


def run(lab: Lab) -> None:
    client, server = lab.pair()
    client.shutdown(socket.SHUT_WR)
    time.sleep(2.4)
    server.sendall(b"answer" * 100)
    lab.told["client"] = fate(client, 1.0)
    abort(server)
    time.sleep(0.1)
