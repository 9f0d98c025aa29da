"""The server's SYN ACK comes after the firewall's SYN timeout, again and again."""

from __future__ import annotations

from finis.lab.admission import INSIDE, Policy
from finis.lab.packet import SYN, Packet
from finis.lab.scenario import HARMFUL, Lab, Truth

TRUTH = Truth(
    ("syn-unanswered", "syn-ack-unanswered", "firewall-dropped-segments", "syn-ack-without-syn"),
    ("reset-per-log", "refused"), HARMFUL,
)  # fmt: skip
# Its SYNs bear different numbers behind the firewall: the server challenges the later ones.
DENIALS = ("syn-ack-after-syn-timeout", "rst-after-syn-timeout", "after-other-teardown")
KINDS = ("asa",)
CONNECTIONS = None
POLICY = Policy(embryonic=0.4)


def run(lab: Lab) -> None:
    def slow(side: int, packet: Packet) -> float:
        return 0.7 if side == INSIDE and packet.flags == SYN and packet.dst[1] == 443 else 0.0

    lab.path.holds.append(slow)
    with lab.listen(), lab.client(timeout=2.4) as client:
        try:
            client.connect((lab.address, 443))
        except TimeoutError:
            lab.told["client"] = "nothing"
