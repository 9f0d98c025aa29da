"""As in the reference case, but the client reads to the end before it closes.

The server's kernel has forgotten the connection and answers the lone FIN with a RST.
"""

from __future__ import annotations

import socket
import struct
import time

from finis.lab.scenario import HARMLESS, Lab, Truth, fate

TRUTH = Truth(
    ("host-without-state",), ("closed-per-log", "reset-per-log"), HARMLESS,
    first_fin="resp", first_rst="resp",
)  # fmt: skip
KINDS = ("asa", "netfilter", "netfilter-far")


def run(lab: Lab) -> None:
    client, server = lab.pair()
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_LINGER2, struct.pack("i", 1))
    server.close()
    lab.told["client"] = fate(client)
    time.sleep(1.6)
    client.close()
    time.sleep(0.1)
