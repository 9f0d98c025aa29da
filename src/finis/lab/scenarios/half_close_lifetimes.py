"""A server's kernel keeps closed connections for one second (TCP_LINGER2), as clients find out.

Half of them close sooner than that, and their FIN is acknowledged; the others later, and theirs
draws a RST without ACK.
"""

from __future__ import annotations

import socket
import struct
import time

from finis.lab.scenario import HARMLESS, Lab, Truth

SOON, LATE = 46000, 47000  # first source ports of either half
EACH = 4
TRUTH = (
    *(Truth(("server-closed-first",), ("closed-per-log",), HARMLESS, "closed", "resp", "none",
            source=SOON + number) for number in range(EACH)),
    *(Truth(("host-without-state",),
            ("closed-per-log", "reset-per-log", "server-closed-first"), HARMLESS,
            first_fin="resp", first_rst="resp", source=LATE + number) for number in range(EACH)),
)  # fmt: skip
DENIALS = ("rst-of-host-without-state",)
PATTERNS = ("half-close-lifetime",)
CONNECTIONS = 2 * EACH


def run(lab: Lab) -> None:
    for first, wait in ((SOON, 0.3), (LATE, 2.2)):
        pairs = [lab.pair(source_port=first + number) for number in range(EACH)]
        for _, server in pairs:
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_LINGER2, struct.pack("i", 1))
            server.close()
        time.sleep(wait)
        for client, _ in pairs:
            client.recv(10)
            client.close()
    time.sleep(0.1)
