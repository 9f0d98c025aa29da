"""HAProxy checks a server behind the firewall twice a second, in three ways.

The plain check ends with a RST as soon as the port answers (SO_LINGER 0, no ACK before it); an
HTTP check asks for a page and then resets too, or closes.
"""

from __future__ import annotations

import time

from finis.lab.scenario import HARMLESS, Lab, Truth
from finis.lab.scenarios import _programs

TRUTH = (
    Truth(
        ("half-open-probe", "client-aborted"), ("reset-per-log",), HARMLESS, first_fin="none",
        first_rst="orig", port=80,
    ),
    Truth(("refused",), ("reset-per-log",), ended="refused", port=81),
)  # fmt: skip
CONNECTIONS = None
NEEDS = ("haproxy", "nginx")
PROXY = """
listen lab
  bind 127.0.0.1:8080
  mode tcp
  server one {address}:80 check inter 500ms
  server none {address}:81 check inter 500ms
"""


def run(lab: Lab) -> None:
    _programs.nginx(lab, "")
    _programs.haproxy(lab, lab.network.client, PROXY.format(address=lab.address), 8080)
    time.sleep(2.2)
