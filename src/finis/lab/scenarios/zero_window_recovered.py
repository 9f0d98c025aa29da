"""The server pauses, its window closes, it reads on: the transfer ends in order."""

from __future__ import annotations

import socket
import threading
import time

from finis.lab.scenario import HARMLESS, Lab, Truth, read

TRUTH = Truth(("client-closed-first",), ("closed-per-log",), HARMLESS, "closed", "orig", "none")


def run(lab: Lab) -> None:
    client, server = lab.pair(buffer=8192)
    size = 400_000
    sender = threading.Thread(target=_send, args=(client, size))
    sender.start()
    time.sleep(1.2)
    lab.told["server"] = str(len(read(server, size + 1)))
    server.close()
    sender.join()
    client.close()


def _send(client: socket.socket, size: int) -> None:
    client.sendall(b"z" * size)
    client.shutdown(socket.SHUT_WR)
