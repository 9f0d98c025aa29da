"""The server holds an old connection of the client's port; the client has given up meanwhile.

As a browser gives up the slower of two addresses (Happy Eyeballs).  The server answers the SYN with
a challenge ACK, from the old connection; the client's kernel resets that, and asks no more.
"""

from __future__ import annotations

import time

from finis.lab.scenario import Lab, Truth, fate
from finis.lab.scenarios.challenge_ack_blocked import PORT, SOURCE

TRUTH = Truth(
    ("tuple-reused",),
    ("syn-unanswered", "state-lost", "host-without-state", "reset-per-log", "half-open-probe",
     "challenge-ack-blocked", "one-direction-only"), first_fin="none",
)  # fmt: skip
KINDS = ("netfilter-far",)


def run(lab: Lab) -> None:
    lab.path.delay_s = 0.03
    with lab.listen(PORT):
        old = lab.old_connection(PORT, SOURCE)
        client = lab.client(SOURCE)
        client.setblocking(False)
        client.connect_ex((lab.address, PORT))
        time.sleep(0.01)
        client.close()
        lab.told["old"] = fate(old)
    time.sleep(1.2)
