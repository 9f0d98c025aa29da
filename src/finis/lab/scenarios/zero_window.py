"""The server stops reading: its window closes, and stays closed until the client aborts."""

from __future__ import annotations

import time

from finis.lab.scenario import HARMFUL, Lab, Truth, abort

TRUTH = Truth(
    ("zero-window",), ("client-aborted", "reset-per-log"), HARMFUL, "reset", "none", "orig"
)
DENIALS = ("late-ack", "late-data")
KINDS = ("asa", "netfilter", "asa-asa")


def run(lab: Lab) -> None:
    client, server = lab.pair(buffer=8192)
    client.settimeout(2.5)
    try:
        while True:
            client.sendall(b"z" * 16384)
    except TimeoutError:
        lab.told["client"] = "blocked"
    time.sleep(0.5)
    abort(client)
    time.sleep(0.1)
    server.close()
