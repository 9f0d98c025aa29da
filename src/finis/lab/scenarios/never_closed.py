"""The client closes its sending side; the server's program forgets to close (CLOSE-WAIT)."""

from __future__ import annotations

import socket
import time

from finis.lab.scenario import DEPENDS, Lab, Truth

TRUTH = Truth(
    ("half-closed",), ("still-open", "capture-ended"), DEPENDS, "half-closed", "orig", "none"
)


def run(lab: Lab) -> None:
    client, _server = lab.pair()
    client.shutdown(socket.SHUT_WR)
    time.sleep(2)
