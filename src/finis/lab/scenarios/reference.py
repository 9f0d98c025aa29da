"""The reference case: the server's FIN-WAIT-2 expires before the client closes.

The server sends 31 bytes, as long as a TLS 1.2 close_notify, and closes; its kernel keeps the
connection for one second (TCP_LINGER2).  After two and a half the client shuts down and closes
without having read: FIN, then RST.  The server's kernel answers the FIN with a RST without ACK,
which meets no connection at the firewall.
"""

from __future__ import annotations

import socket
import struct
import time

from finis.lab.scenario import HARMLESS, Lab, Truth

TRUTH = Truth(
    ("server-closed-client-aborted", "fin-then-rst-unread-data"),
    ("closed-per-log", "reset-per-log", "host-without-state", "rst-after-close"),
    HARMLESS, first_fin="resp", first_rst="orig",
)  # fmt: skip
# The other two: what a log without FINs calls it, and the client's RST, if it comes later.
DENIALS = ("rst-of-host-without-state", "late-rst", "abort-after-close")
BESIDE = ("host-without-state", "firewall-dropped-segments")
KINDS = ("asa", "asa-nat", "asa-pat", "asa-v6", "asa-asa", "netfilter-far")


def run(lab: Lab) -> None:
    lab.path.delay_s = 0.002  # the client's RST leaves before an answer to its FIN can come
    client, server = lab.pair()
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_LINGER2, struct.pack("i", 1))
    server.sendall(b"n" * 31)
    server.close()
    time.sleep(2.5)
    client.shutdown(socket.SHUT_WR)
    client.close()
    time.sleep(0.1)
