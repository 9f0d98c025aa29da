"""The firewall loses the first SYN; the second one reaches a host that is down."""

from __future__ import annotations

import time

from finis.lab.admission import INSIDE, Policy
from finis.lab.packet import SYN, Packet
from finis.lab.scenario import HARMFUL, Lab, Truth

TRUTH = Truth(("syn-unanswered",), ("reset-per-log",), HARMFUL, "unanswered", "none", "none")
POLICY = Policy(embryonic=4)
KINDS = ("asa", "asa-nat")
NEEDS = ("nft",)


def run(lab: Lab) -> None:
    lab.cut("server")
    lost: list[int] = []

    def first_syn(side: int, packet: Packet) -> bool:
        if side != INSIDE or packet.flags != SYN or packet.dst[1] != 443 or lost:
            return False
        lost.append(packet.seq)
        return True

    lab.path.loses.append(first_syn)
    with lab.client(timeout=3.5) as client:
        try:
            client.connect((lab.address, 443))
        except TimeoutError:
            lab.told["client"] = "nothing"
    time.sleep(0.6)
