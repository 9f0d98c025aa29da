"""nginx waits for a request that never comes, resets (reset_timedout_connection)."""

from __future__ import annotations

from finis.lab.scenario import DEPENDS, Lab, Truth, fate
from finis.lab.scenarios import _programs

TRUTH = Truth(("server-aborted",), ("reset-per-log",), DEPENDS, "reset", "none", "resp")
NEEDS = ("nginx",)


def run(lab: Lab) -> None:
    _programs.nginx(lab, "client_header_timeout 1s; reset_timedout_connection on;")
    client = lab.client()
    client.connect((lab.address, 80))
    client.sendall(b"GET / HTTP/1.1\r\n")
    lab.told["client"] = fate(client, 3)
    client.close()
