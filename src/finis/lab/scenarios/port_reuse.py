"""The client takes the same port again right after the server had closed first."""

from __future__ import annotations

import time

from finis.lab.scenario import HARMLESS, Lab, Truth, fate

TRUTH = Truth(("server-closed-first",), ("closed-per-log",), HARMLESS, "closed", "resp", "none")
CONNECTIONS = 2
KINDS = ("asa", "asa-nat", "netfilter", "asa-pat", "asa-asa", "netfilter-eager", "netfilter-nat")


def run(lab: Lab) -> None:
    for _ in range(2):
        client, server = lab.pair(source_port=40123)
        server.close()
        lab.told["client"] = fate(client)
        client.close()
        time.sleep(0.1)
