"""The firewall removes ten idle connections; their programs speak again when it is too late."""

from __future__ import annotations

import contextlib
import time

from finis.lab.admission import Policy
from finis.lab.scenario import HARMFUL, Lab, Truth, abort

TRUTH = Truth(
    ("firewall-idle-timeout", "firewall-dropped-segments", "cut-off-by-firewall"),
    ("retransmissions-unanswered", "still-open", "client-aborted", "capture-ended",
     "rst-dropped-by-firewall"), HARMFUL,
)  # fmt: skip
DENIALS = ("data-after-idle-timeout", "close-after-idle-timeout")
PATTERNS = ("firewall-timer", "denial-lags")
CONNECTIONS = 10
KINDS = ("asa",)
POLICY = Policy(idle=2)


def run(lab: Lab) -> None:
    pairs = [lab.pair(5432) for _ in range(CONNECTIONS)]
    time.sleep(3.5)
    for client, _ in pairs:
        client.sendall(b"select 1")
    time.sleep(0.7)
    for client, server in pairs:
        abort(client)
        with contextlib.suppress(OSError):
            server.close()
    time.sleep(0.1)
