"""The capture inside was taken with a clock 0.4 s behind: answers seem to come before questions."""

from __future__ import annotations

import time

from finis.lab.scenario import HARMLESS, Lab, Truth, ask, fate

TRUTH = Truth(("server-closed-first",), ("closed-per-log",), HARMLESS, "closed", "resp", "none")
KINDS = ("asa", "asa-nat")
CLOCKS = {"inside": -0.4}


def run(lab: Lab) -> None:
    client, server = lab.pair()
    for _ in range(5):
        ask(client, server)
        time.sleep(0.1)
    server.close()
    lab.told["client"] = fate(client)
    client.close()
