"""nginx closes ten connections, each two and a half seconds after its last response."""

from __future__ import annotations

import time

from finis.lab.scenario import HARMLESS, Lab, Truth, fate
from finis.lab.scenarios import _programs

TRUTH = Truth(("server-closed-first",), ("closed-per-log",), HARMLESS, "closed", "resp", "none")
PATTERNS = ("server-idle-timer",)
CONNECTIONS = 10
NEEDS = ("nginx",)


def run(lab: Lab) -> None:
    _programs.nginx(lab, "keepalive_timeout 2500ms;")
    clients = []
    for _ in range(CONNECTIONS):
        client = lab.client()
        client.connect((lab.address, 80))
        client.sendall(b"GET / HTTP/1.1\r\nHost: lab\r\n\r\n")
        lab.told["response"] = fate(client)
        clients.append(client)
        time.sleep(0.05)
    for client in clients:
        lab.told["client"] = fate(client, 4)
        client.close()
