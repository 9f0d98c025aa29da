"""HAProxy closes a connection whose client says nothing for longer than `timeout client`.

It waits for the server too (`timeout server`) before it closes.
"""

from __future__ import annotations

import socket

from finis.lab.scenario import HARMLESS, Lab, Truth, fate
from finis.lab.scenarios import _programs

TRUTH = Truth(("server-closed-first",), ("closed-per-log",), HARMLESS, "closed", "resp", "none")
NEEDS = ("haproxy",)
PROXY = """
listen lab
  bind {address}:80
  mode tcp
  timeout client 1s
  timeout server 1s
  server one 127.0.0.1:8080
"""


def run(lab: Lab) -> None:
    with lab.network.server:
        backend = socket.create_server(("127.0.0.1", 8080))
    settings = PROXY.format(address=lab.network.server_ip)
    _programs.haproxy(lab, lab.network.server, settings, 80)
    client = lab.client()
    client.connect((lab.address, 80))
    lab.told["client"] = fate(client, 4)
    client.close()
    backend.close()
