"""The last ACK is lost behind the firewall: the server repeats its FIN to no connection."""

from __future__ import annotations

import time

from finis.lab.admission import INSIDE
from finis.lab.packet import ACK, FIN, Packet
from finis.lab.scenario import HARMLESS, Lab, Truth, fate

TRUTH = Truth(
    ("client-closed-first", "final-ack-unseen"),
    ("closed-per-log", "client-closed-first"), HARMLESS, first_fin="orig", first_rst="none",
)  # fmt: skip
DENIALS = ("late-fin",)
KINDS = ("asa", "asa-nat", "netfilter-far")


def run(lab: Lab) -> None:
    client, server = lab.pair()
    closing: list[int] = []

    def last_ack(side: int, packet: Packet) -> bool:
        if packet.flags & FIN:
            closing.append(side)
        return len(set(closing)) == 2 and side == INSIDE and packet.flags == ACK

    lab.path.loses.append(last_ack)
    client.close()
    lab.told["server"] = fate(server)
    server.close()
    time.sleep(0.8)
    lab.path.loses.clear()
