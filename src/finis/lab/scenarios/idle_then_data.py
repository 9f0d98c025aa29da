"""The firewall's idle timer runs out in silence; the client then sends a request.

Nothing answers: its kernel repeats the data until the program gives up.
"""

from __future__ import annotations

import time

from finis.lab.admission import Policy
from finis.lab.scenario import HARMFUL, Lab, Truth, abort, fate

TRUTH = Truth(
    ("firewall-idle-timeout", "firewall-dropped-segments", "cut-off-by-firewall"),
    ("retransmissions-unanswered", "still-open", "client-aborted", "capture-ended",
     "rst-dropped-by-firewall"), HARMFUL,
)  # fmt: skip
DENIALS = ("data-after-idle-timeout", "close-after-idle-timeout")
POLICY = Policy(idle=1)
KINDS = (
    "asa",
    "netfilter",
    "asa-pat",
    "asa-v6",
    "asa-asa",
    "netfilter-v6",
    "netfilter-synproxy",
    "netfilter-far",
)


def run(lab: Lab) -> None:
    client, server = lab.pair(5432)
    time.sleep(2.4)
    client.sendall(b"select 1")
    lab.told["client"] = fate(client, 1.6)
    abort(client)
    time.sleep(0.1)
    server.close()
