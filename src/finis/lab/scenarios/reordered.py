"""Every fifth segment is overtaken by those behind it; the transfer still ends in order.

A copy that comes after the end may be answered with a RST.
"""

from __future__ import annotations

import threading

from finis.lab.packet import Packet
from finis.lab.scenario import HARMLESS, Lab, Truth, read
from finis.lab.scenarios.loss import send_all

TRUTH = Truth(
    ("server-closed-first",),
    ("closed-per-log", "data-after-close", "host-without-state"),
    HARMLESS,
    "closed",
    "resp",
)
DENIALS = ("answer-to-late-data", "late-data", "late-ack", "late-fin", "late-rst")
KINDS = ("asa", "asa-nat", "netfilter-far")


def run(lab: Lab) -> None:
    client, server = lab.pair()
    passed = [0]

    def slow(side: int, packet: Packet) -> float:
        passed[0] += bool(packet.payload)
        return 0.015 if packet.payload and passed[0] % 5 == 0 else 0.0

    lab.path.holds.append(slow)
    lab.path.delay_s = 0.002
    sender = threading.Thread(target=send_all, args=(server,))
    sender.start()
    client.settimeout(10)
    lab.told["client"] = str(len(read(client, 200_000)))
    sender.join()
    client.close()
