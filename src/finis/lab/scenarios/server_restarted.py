"""A server's program ends with twelve connections of different age: all close at once."""

from __future__ import annotations

import time

from finis.lab.scenario import HARMLESS, Lab, Truth, fate, not_across

TRUTH = Truth(("server-closed-first",), ("closed-per-log",), HARMLESS, "closed", "resp", "none")
PATTERNS = ("ended-at-once",)
CONNECTIONS = 12
APART_S = 1.05  # begun this long after one another


def run(lab: Lab) -> None:
    pairs = []
    for _ in range(CONNECTIONS):
        pairs.append(lab.pair())
        time.sleep(APART_S)
    not_across(1, 0.5)
    for _, server in pairs:
        server.close()
    for client, _ in pairs:
        lab.told["client"] = fate(client)
        client.close()
