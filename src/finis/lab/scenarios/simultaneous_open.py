"""Both hosts call each other from and to the same ports; the SYNs cross.

Both are kept from hearing the other's first SYN; the repeated ones open one connection.  Whose SYN
a late capture shows first counts as the client there.
"""

from __future__ import annotations

import contextlib
import select
import socket
import time

from finis.lab.scenario import HARMLESS, Lab, Truth, ask, fate

TRUTH = Truth(
    ("simultaneous-open", "client-closed-first"),
    ("client-closed-first", "server-closed-first", "closed-per-log"),
    HARMLESS, "closed", "orig", "none",
)  # fmt: skip
BESIDE = ("simultaneous-open",)
KINDS = ("netfilter",)
NEEDS = ("nft",)
PORTS = 40443, 443


def run(lab: Lab) -> None:
    client = lab.client(PORTS[0])
    with lab.network.server:
        server = socket.socket()
    server.bind((lab.network.server_ip, PORTS[1]))
    for host in ("client", "server"):
        lab.cut(host)
    for sock, peer in (
        (client, (lab.address, PORTS[1])),
        (server, (lab.network.client_ip, PORTS[0])),
    ):
        sock.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            sock.connect(peer)
    time.sleep(0.2)
    for host in ("client", "server"):
        lab.mend(host)
    select.select([], [client], [], 3)
    select.select([], [server], [], 3)
    for sock in (client, server):
        sock.settimeout(3)
    ask(client, server)
    client.close()
    lab.told["server"] = fate(server)
    server.close()
