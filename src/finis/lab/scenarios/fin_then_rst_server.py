"""The client half-closes behind its request; the server shuts down and closes with it unread.

Its FIN is acknowledged all the same, by the client's kernel, before the RST comes.
"""

from __future__ import annotations

import socket
import time

from finis.lab.scenario import Lab, Truth, fate

TRUTH = Truth(
    ("client-closed-server-aborted", "fin-then-rst-unread-data", "client-closed-first"),
    ("reset-per-log", "closed-per-log", "closed-then-aborted"), first_fin="orig", first_rst="resp",
)  # fmt: skip
BESIDE = ("rst-after-close",)
DENIALS = ("late-ack", "late-rst", "abort-after-close", "rst-of-host-without-state")
KINDS = ("asa", "netfilter-far")


def run(lab: Lab) -> None:
    lab.path.delay_s = 0.01  # the RST leaves before an answer to the FIN can come
    client, server = lab.pair()
    client.sendall(b"u" * 2000)
    client.shutdown(socket.SHUT_WR)
    time.sleep(0.1)
    server.shutdown(socket.SHUT_WR)
    server.close()
    time.sleep(0.1)
    lab.told["client"] = fate(client)
    client.close()
