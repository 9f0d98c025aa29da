"""The client resets in the middle of a download; data in flight meets no connection."""

from __future__ import annotations

import contextlib
import time

from finis.lab.scenario import Lab, Truth, abort

TRUTH = Truth(("client-aborted",), ("reset-per-log",), ended="reset", first_rst="orig")
DENIALS = ("late-data",)
KINDS = ("asa", "asa-nat", "netfilter-far")


def run(lab: Lab) -> None:
    lab.path.delay_s = 0.05
    client, server = lab.pair()
    abort(client)
    time.sleep(0.01)
    with contextlib.suppress(ConnectionResetError):  # on a busy machine the RST may be there
        for _ in range(3):
            server.sendall(b"d" * 500)
            time.sleep(0.005)
    time.sleep(0.2)
    server.close()
