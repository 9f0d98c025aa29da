"""Every fifth segment is lost on the path; the transfer still ends in order."""

from __future__ import annotations

import socket
import threading

from finis.lab.packet import Packet
from finis.lab.scenario import HARMLESS, Lab, Truth, read

TRUTH = Truth(("server-closed-first",), ("closed-per-log",), HARMLESS, "closed", "resp", "none")
DENIALS = ("late-ack",)  # a copy that comes after the end is acknowledged once more
KINDS = ("asa", "asa-nat", "netfilter-far")


def run(lab: Lab) -> None:
    client, server = lab.pair()
    passed = [0]

    def every_fifth(side: int, packet: Packet) -> bool:
        passed[0] += bool(packet.payload)
        return bool(packet.payload) and passed[0] % 5 == 0

    lab.path.loses.append(every_fifth)
    lab.path.delay_s = 0.002
    sender = threading.Thread(target=send_all, args=(server,))
    sender.start()
    client.settimeout(10)
    lab.told["client"] = str(len(read(client, 200_000)))
    sender.join()
    client.close()


def send_all(server: socket.socket) -> None:
    """A response of 60 kB, and the end."""
    server.settimeout(10)
    server.sendall(b"l" * 60_000)
    server.close()
