"""The application behind HAProxy does not answer within `timeout server`: 504.

The client asks no more, and HAProxy closes after `timeout http-keep-alive`.
"""

from __future__ import annotations

import socket

from finis.lab.scenario import Lab, Truth, fate
from finis.lab.scenarios import _programs

TRUTH = Truth(
    ("server-closed-first",), ("closed-per-log",), ended="closed", first_fin="resp",
    first_rst="none",
)  # fmt: skip
NEEDS = ("haproxy",)
PROXY = """
listen lab
  bind {address}:80
  mode http
  timeout server 1s
  timeout http-keep-alive 500ms
  server one 127.0.0.1:8080
"""


def run(lab: Lab) -> None:
    with lab.network.server:
        backend = socket.create_server(("127.0.0.1", 8080))
    settings = PROXY.format(address=lab.network.server_ip)
    _programs.haproxy(lab, lab.network.server, settings, 80)
    client = lab.client()
    client.connect((lab.address, 80))
    client.sendall(b"GET / HTTP/1.1\r\nHost: lab\r\n\r\n")
    lab.told["response"] = fate(client, 4)
    lab.told["client"] = fate(client)
    client.close()
    backend.close()
