"""SO_LINGER with a time: `close` waits for data that the server does not read yet.

After a second it returns; the kernel goes on alone, and the server gets everything.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import time

from finis.lab.scenario import HARMLESS, Lab, Truth, read

TRUTH = Truth(("client-closed-first",), ("closed-per-log",), HARMLESS, "closed", "orig", "none")
SIZE = 60_000


def run(lab: Lab) -> None:
    client, server = lab.pair(buffer=8192)
    client.setblocking(False)
    sent = 0
    with contextlib.suppress(BlockingIOError):
        while sent < SIZE:
            sent += client.send(b"l" * (SIZE - sent))
    client.setblocking(True)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 1))
    start = time.monotonic()
    client.close()
    lab.told["close"] = f"returned after {time.monotonic() - start:.1f} s"
    server.settimeout(10)
    lab.told["server"] = f"{len(read(server, SIZE + 1))} of {sent} bytes"
    server.close()
