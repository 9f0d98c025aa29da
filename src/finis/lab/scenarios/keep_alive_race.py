"""The server closes an idle connection while a request is on its way.

The path takes 20 ms each way; the request is lost and answered with a RST.
"""

from __future__ import annotations

import time

from finis.lab.scenario import HARMFUL, Lab, Truth, fate

TRUTH = Truth(
    ("keep-alive-race",), ("data-after-close", "closed-per-log", "reset-per-log"), HARMFUL,
    first_fin="resp", first_rst="resp",
)  # fmt: skip
KINDS = ("asa", "asa-nat", "netfilter-far")


def run(lab: Lab) -> None:
    lab.path.delay_s = 0.02
    client, server = lab.pair()
    time.sleep(2)
    server.close()
    client.sendall(b"GET /again HTTP/1.1\r\n\r\n")
    time.sleep(0.15)
    lab.told["client"] = fate(client)
    client.close()
