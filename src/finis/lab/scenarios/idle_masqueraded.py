"""As idle-then-data; the server knows the client as the firewall, which answers for itself.

Once its entry is gone the firewall takes what the server sends for its own: its stack knows no such
connection and resets it, so that the server learns of the end that the client does not.
"""

from __future__ import annotations

from finis.lab.scenario import HARMFUL, Truth
from finis.lab.scenarios.idle_then_data import DENIALS, POLICY, run

__all__ = ["DENIALS", "POLICY", "run"]

KINDS = ("netfilter-nat",)
TRUTH = Truth(
    ("firewall-idle-timeout", "firewall-reset", "cut-off-by-firewall"),
    ("firewall-dropped-segments", "retransmissions-unanswered", "still-open", "client-aborted",
     "capture-ended", "rst-dropped-by-firewall", "host-without-state"), HARMFUL,
)  # fmt: skip
