"""A narrow path drops large segments and its ICMP messages get lost: small ones pass, data stalls.

Nothing above 1300 bytes gets from the firewall to the client.
"""

from __future__ import annotations

import contextlib

from finis.lab.admission import OUTSIDE
from finis.lab.packet import Packet
from finis.lab.scenario import HARMFUL, Lab, Truth, abort, ask, read

TRUTH = Truth(
    ("path-mtu-black-hole", "retransmissions-unanswered",
     "firewall-dropped-segments", "cut-off-by-firewall"),
    ("client-aborted", "reset-per-log", "rst-dropped-by-firewall"), HARMFUL,
)  # fmt: skip
KINDS = ("asa", "netfilter-far")


def run(lab: Lab) -> None:
    client, server = lab.pair(8080)

    def large(side: int, packet: Packet) -> bool:
        return side == OUTSIDE and len(packet.raw) > 1300

    lab.path.loses.append(large)
    ask(client, server)
    server.sendall(b"d" * 20_000)
    client.settimeout(3)
    with contextlib.suppress(TimeoutError):
        lab.told["client"] = str(len(read(client, 1)))
    abort(client)
    server.close()
