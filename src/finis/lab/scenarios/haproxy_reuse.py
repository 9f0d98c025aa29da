"""HAProxy keeps an idle connection to a web server, which closes it after its keep-alive time."""

from __future__ import annotations

import socket
import time

from finis.lab.scenario import Lab, Truth, fate
from finis.lab.scenarios import _programs

TRUTH = Truth(
    ("server-closed-first", "server-closed-client-aborted"),
    ("closed-per-log", "reset-per-log", "rst-after-close"), first_fin="resp",
)  # fmt: skip
DENIALS = ("late-rst", "late-fin", "abort-after-close", "rst-of-host-without-state")
NEEDS = ("haproxy", "nginx")
PROXY = """
listen lab
  bind 127.0.0.1:8080
  mode http
  http-reuse always
  server one {address}:80
"""


def run(lab: Lab) -> None:
    _programs.nginx(lab, "keepalive_timeout 1s;")
    _programs.haproxy(lab, lab.network.client, PROXY.format(address=lab.address), 8080)
    with lab.network.client:
        browser = socket.create_connection(("127.0.0.1", 8080))
    browser.sendall(b"GET / HTTP/1.1\r\nHost: lab\r\n\r\n")
    lab.told["response"] = fate(browser)
    time.sleep(1.8)
    browser.close()
