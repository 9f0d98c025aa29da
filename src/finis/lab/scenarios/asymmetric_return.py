"""The SYN passes the firewall, the answer takes a second path past it.

The firewall, which saw no SYN ACK, lets neither the client's ACK nor its request pass.
"""

from __future__ import annotations

import time

from finis.lab.admission import Policy
from finis.lab.scenario import HARMFUL, Lab, Truth, abort, fate
from finis.lab.scenarios import _paths

TRUTH = Truth(
    ("one-direction-only", "firewall-dropped-segments", "syn-unanswered", "cut-off-by-firewall"),
    ("reset-per-log", "client-aborted", "half-open-probe", "retransmissions-unanswered",
     "rst-dropped-by-firewall"), HARMFUL,
)  # fmt: skip
# To conntrack the connection is still being opened.
DENIALS = ("handshake-past-firewall", "rst-after-syn-timeout", "open-connection-refused")
BACKGROUND = False
CONNECTIONS = None
POLICY = Policy(embryonic=1, randomise=False)


def run(lab: Lab) -> None:
    _paths.second_path(lab, back=True)
    with lab.listen():
        client = lab.client()
        client.connect((lab.address, 443))
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        lab.told["client"] = fate(client, 2.2)
        abort(client)
        time.sleep(0.2)
