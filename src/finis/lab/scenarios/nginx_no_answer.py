"""nginx closes without an answer (`return 444`) while a request body lies unread: RST."""

from __future__ import annotations

import time

from finis.lab.scenario import Lab, Truth, fate
from finis.lab.scenarios import _programs

TRUTH = Truth(
    ("server-aborted",), ("reset-per-log",), ended="reset", first_fin="none", first_rst="resp"
)
DENIALS = ("late-rst", "late-data", "late-ack", "answer-to-late-data")
NEEDS = ("nginx",)


def run(lab: Lab) -> None:
    _programs.nginx(lab, "")
    client = lab.client()
    client.connect((lab.address, 80))
    head = b"POST /none HTTP/1.1\r\nHost: lab\r\nContent-Length: 60000\r\n\r\n"
    client.sendall(head + b"b" * 8000)
    lab.told["client"] = fate(client)
    client.close()
    time.sleep(0.1)
