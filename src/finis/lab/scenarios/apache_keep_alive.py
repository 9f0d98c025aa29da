"""Apache closes a connection whose KeepAliveTimeout ran out; the client follows."""

from __future__ import annotations

from finis.lab.scenario import HARMLESS, Lab, Truth, fate
from finis.lab.scenarios import _programs

TRUTH = Truth(("server-closed-first",), ("closed-per-log",), HARMLESS, "closed", "resp", "none")
NEEDS = ("apache2",)


def run(lab: Lab) -> None:
    _programs.apache(lab, "KeepAliveTimeout 1")
    client = lab.client()
    client.connect((lab.address, 80))
    client.sendall(b"GET / HTTP/1.1\r\nHost: lab\r\n\r\n")
    lab.told["response"] = fate(client)
    lab.told["client"] = fate(client, 3)
    client.close()
