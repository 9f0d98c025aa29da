"""Apache refuses a body that is too large (413) while the client still sends it.

Lingering close: it shuts down its side, and reads and discards for a while, so that no RST
destroys the response on its way.
"""

from __future__ import annotations

import time

from finis.lab.scenario import HARMLESS, Lab, Truth, fate
from finis.lab.scenarios import _programs

TRUTH = Truth(
    ("server-closed-first", "half-close-used"), ("closed-per-log", "server-closed-first"), HARMLESS,
    "closed", "resp", "none",
)  # fmt: skip
NEEDS = ("apache2",)


def run(lab: Lab) -> None:
    _programs.apache(lab, "LimitRequestBody 1000")
    client = lab.client()
    client.connect((lab.address, 80))
    head = b"POST / HTTP/1.1\r\nHost: lab\r\nConnection: close\r\nContent-Length: 60000\r\n\r\n"
    client.sendall(head + b"b" * 20_000)
    time.sleep(0.3)
    client.sendall(b"b" * 40_000)
    lab.told["response"] = fate(client)
    lab.told["client"] = fate(client)
    client.close()
    time.sleep(0.2)
