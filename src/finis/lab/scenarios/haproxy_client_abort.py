"""The client gives up while HAProxy waits for the application.

HAProxy (`option abortonclose`) passes that on and closes the client's connection too.
"""

from __future__ import annotations

import socket
import time

from finis.lab.scenario import Lab, Truth
from finis.lab.scenarios import _programs

TRUTH = Truth(
    ("client-closed-first", "data-after-close"),
    ("closed-per-log", "reset-per-log"),
    first_fin="orig",
)
DENIALS = ("rst-of-host-without-state", "late-rst", "answer-to-late-data")
NEEDS = ("haproxy",)
PROXY = """
listen lab
  bind {address}:80
  mode http
  option abortonclose
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
    time.sleep(0.3)
    client.close()
    time.sleep(0.5)
    backend.close()
