"""nginx closes a connection whose keep-alive time ran out; the client follows."""

from __future__ import annotations

import time

from finis.lab.scenario import HARMLESS, Lab, Truth, fate
from finis.lab.scenarios import _programs

TRUTH = Truth(("server-closed-first",), ("closed-per-log",), HARMLESS, "closed", "resp", "none")
NEEDS = ("nginx",)
KINDS = ("asa", "asa-nat", "netfilter")


def run(lab: Lab) -> None:
    _programs.nginx(lab, "keepalive_timeout 1s;")
    client = lab.client()
    client.connect((lab.address, 80))
    client.sendall(b"GET / HTTP/1.1\r\nHost: lab\r\n\r\n")
    lab.told["response"] = fate(client)
    time.sleep(1.2)
    lab.told["client"] = fate(client)
    client.close()
