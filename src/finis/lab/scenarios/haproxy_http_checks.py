"""HAProxy asks a web server for a page twice a second (`option httpchk`), and ends each time."""

from __future__ import annotations

import time

from finis.lab.scenario import HARMLESS, Lab, Truth
from finis.lab.scenarios import _programs

TRUTH = Truth(
    ("client-aborted", "server-closed-client-aborted", "server-closed-first"),
    ("reset-per-log", "closed-per-log", "rst-after-close"), HARMLESS,
)  # fmt: skip
CONNECTIONS = None
DENIALS = ("late-rst", "late-fin", "late-ack", "abort-after-close", "rst-of-host-without-state")
NEEDS = ("haproxy", "nginx")
PROXY = """
listen lab
  bind 127.0.0.1:8080
  mode http
  option httpchk GET /
  server one {address}:80 check inter 500ms
"""


def run(lab: Lab) -> None:
    _programs.nginx(lab, "")
    _programs.haproxy(lab, lab.network.client, PROXY.format(address=lab.address), 8080)
    time.sleep(2.2)
