"""TLS 1.2: the server sends close_notify and closes; the client closes without reading it.

Its kernel finds bytes unread and resets.
"""

from __future__ import annotations

import time

from finis.lab.scenario import HARMLESS, Lab, Truth
from finis.lab.scenarios import _tls

TRUTH = Truth(
    ("client-aborted", "server-closed-client-aborted"), ("reset-per-log", "closed-per-log"),
    HARMLESS, first_fin="resp", first_rst="orig",
)  # fmt: skip
NEEDS = ("openssl",)


def run(lab: Lab) -> None:
    client, server = _tls.pair(lab, "1.2")
    _tls.ask(client, server)
    _tls.notify(server)
    _tls.plain(server).close()
    time.sleep(0.3)
    _tls.plain(client).close()
    time.sleep(0.1)
