"""The client closes with a response unread: a RST and no FIN."""

from __future__ import annotations

import time

from finis.lab.scenario import Lab, Truth, fate

KINDS = ("asa", "netfilter", "netfilter-nat", "netfilter-synproxy")
TRUTH = Truth(
    ("client-aborted",), ("reset-per-log",), ended="reset", first_fin="none", first_rst="orig"
)


def run(lab: Lab) -> None:
    client, server = lab.pair()
    server.sendall(b"u" * 3000)
    time.sleep(0.1)
    client.close()
    lab.told["server"] = fate(server)
    server.close()
