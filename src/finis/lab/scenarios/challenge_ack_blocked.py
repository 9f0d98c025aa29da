"""The server holds an old connection of the client's port, and the firewall blocks its removal.

The client's host restarted and takes the same port again; nothing of the old connection is left but
the server's socket.  It answers the SYN with a challenge ACK, the client answers that with a RST,
and the firewall drops the RST: it does not fit the connection of the SYN.  So it goes on.
"""

from __future__ import annotations

from finis.lab.admission import Policy
from finis.lab.scenario import HARMFUL, Lab, Truth

PORT, SOURCE = 443, 40321
TRUTH = Truth(
    ("challenge-ack-blocked",),
    ("tuple-reused", "syn-unanswered", "syn-ack-unanswered", "firewall-dropped-segments",
     "one-direction-only", "rst-dropped-by-firewall", "state-lost", "host-without-state",
     "reset-per-log", "cut-off-by-firewall", "half-open-probe"), HARMFUL, first_fin="none",
)  # fmt: skip
CONNECTIONS = None  # a busy capture may show each try as one of its own
KINDS = ("asa", "asa-nat")
POLICY = Policy(embryonic=5)


def run(lab: Lab) -> None:
    with lab.listen(PORT):
        lab.old_connection(PORT, SOURCE)
        with lab.client(SOURCE, timeout=3.4) as client:
            try:
                client.connect((lab.address, PORT))
                lab.told["client"] = "connected"
            except TimeoutError:
                lab.told["client"] = "nothing"
