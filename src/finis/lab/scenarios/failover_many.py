"""The standby unit takes over without eight connections, all in use."""

from __future__ import annotations

import time

from finis.lab.scenario import Lab, abort
from finis.lab.scenarios.failover import DENIALS, TRUTH

__all__ = ["DENIALS", "TRUTH"]

PATTERNS = ("failover-losses",)
CONNECTIONS = 8
KINDS = ("asa",)


def run(lab: Lab) -> None:
    pairs = [lab.pair() for _ in range(CONNECTIONS)]
    time.sleep(0.2)
    lab.asa.failover()
    for client, _ in pairs:
        client.sendall(b"GET /more")
    time.sleep(0.8)
    for client, _ in pairs:
        abort(client)
    time.sleep(0.1)
