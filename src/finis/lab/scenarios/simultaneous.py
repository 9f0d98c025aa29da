"""Both programs close at once: the FINs cross on a path of 50 ms each way.

The firewall frees the connection on the ACK of the later FIN; the other ACK meets no connection,
and the client, whose FIN nobody acknowledged, repeats it.
"""

from __future__ import annotations

import socket

from finis.lab.scenario import HARMLESS, Lab, Truth

TRUTH = Truth(
    ("closed-simultaneously",),
    ("closed-per-log", "client-closed-first", "server-closed-first", "final-ack-unseen"),
    HARMLESS,
)
DENIALS = ("late-ack", "late-fin")
KINDS = ("asa", "netfilter-far")


def run(lab: Lab) -> None:
    lab.path.delay_s = 0.05
    client, server = lab.pair()
    client.shutdown(socket.SHUT_WR)
    server.shutdown(socket.SHUT_WR)
    lab.told["client"] = str(client.recv(10))
    lab.told["server"] = str(server.recv(10))
    client.close()
    server.close()
