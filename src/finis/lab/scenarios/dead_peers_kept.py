"""The firewall asks both ends of an idle connection (DCD); both answer, and it stays."""

from __future__ import annotations

import time

from finis.lab.admission import Policy
from finis.lab.scenario import HARMLESS, Lab, Truth, ask, fate

TRUTH = Truth(("client-closed-first",), ("closed-per-log",), HARMLESS, "closed", "orig", "none")
KINDS = ("asa", "asa-nat")
POLICY = Policy(idle=1, dead_peers=0.2)


def run(lab: Lab) -> None:
    client, server = lab.pair(5432)
    time.sleep(2.5)
    ask(client, server)
    client.close()
    lab.told["server"] = fate(server)
    server.close()
