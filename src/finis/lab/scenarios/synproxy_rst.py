"""The server's host forgets the connection; a SYN proxy miswrites its RST.

Linux sets the offset of the server's numbers anew at any RST of the server, as if it refused the
SYN: what leaves the firewall does not fit, and the client goes on repeating its data in vain.
"""

from __future__ import annotations

from finis.lab.scenario import HARMFUL, Truth
from finis.lab.scenarios.state_lost import run

__all__ = ["run"]

KINDS = ("netfilter-synproxy",)
# Without both sides it is not seen that the RST never came to the client as it was sent.
TRUTH = Truth(
    ("state-lost", "rst-dropped-by-firewall"),
    ("reset-per-log", "host-without-state", "retransmissions-unanswered", "still-open",
     "capture-ended"), HARMFUL, first_fin="none",
)  # fmt: skip
DENIALS = ("late-data",)
