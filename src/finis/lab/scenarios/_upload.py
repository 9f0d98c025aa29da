"""An upload that a web server refuses while it still comes."""

from __future__ import annotations

import contextlib
import time

from finis.lab.scenario import HARMLESS, Lab, Truth, fate

HEAD = b"POST / HTTP/1.1\r\nHost: lab\r\nConnection: close\r\nContent-Length: 60000\r\n\r\n"

# Of a server that shuts down its side, and reads and discards for a while: the client closes late.
LINGERING = Truth(
    ("server-closed-first", "half-close-used"), ("closed-per-log", "server-closed-first"), HARMLESS,
    "closed", "resp", "none",
)  # fmt: skip


def refused(lab: Lab) -> None:
    """Send a third, wait, send the rest; then read what there is, and close."""
    client = lab.client()
    client.connect((lab.address, 80))
    client.sendall(HEAD + b"b" * 20_000)
    time.sleep(0.3)
    with contextlib.suppress(OSError):  # the server may have reset by now
        client.sendall(b"b" * 40_000)
    lab.told["response"] = fate(client)
    lab.told["client"] = fate(client)
    client.close()
    time.sleep(0.2)
