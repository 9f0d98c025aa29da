"""The server holds an old connection of the client's port; the client's RST clears it.

As in challenge-ack-blocked; the firewall (netfilter) lets the RST through, the next SYN is
answered (Linux sends it at once), and the program notices nothing.  For conntrack they are two.
"""

from __future__ import annotations

import time

from finis.lab.scenario import HARMLESS, Lab, Truth, ask, fate
from finis.lab.scenarios.challenge_ack_blocked import PORT, SOURCE

TRUTH = Truth(
    ("client-closed-first", "reset-per-log"), ("closed-per-log", "tuple-reused", "state-lost"),
    HARMLESS,
)  # fmt: skip
CONNECTIONS = None
KINDS = ("netfilter",)


def run(lab: Lab) -> None:
    with lab.listen(PORT) as listener:
        old = lab.old_connection(PORT, SOURCE)
        client = lab.client(SOURCE, timeout=4)
        client.connect((lab.address, PORT))
        server, _ = listener.accept()
    lab.told["old"] = fate(old)
    ask(client, server)
    client.close()
    lab.told["server"] = fate(server)
    server.close()
    time.sleep(0.1)
