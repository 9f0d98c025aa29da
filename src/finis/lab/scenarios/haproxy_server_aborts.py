"""The application behind HAProxy aborts in the middle of its response."""

from __future__ import annotations

import socket
import time

from finis.lab.scenario import Lab, Truth, abort, fate
from finis.lab.scenarios import _programs

TRUTH = Truth(("server-closed-first", "server-aborted"), ("closed-per-log", "reset-per-log"))
NEEDS = ("haproxy",)
PROXY = """
listen lab
  bind {address}:80
  mode http
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
    application, _ = backend.accept()
    application.recv(1000)
    application.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n" + b"r" * 3000)
    time.sleep(0.2)
    abort(application)
    for _ in range(3):
        met = lab.told["client"] = fate(client)
        if met != "data":
            break
    client.close()
    backend.close()
