"""A health check that speaks: the client sends a line, reads nothing, and aborts on purpose.

SO_LINGER with time 0, and nothing unread: the server has not answered.
"""

from __future__ import annotations

import time

from finis.lab.scenario import Lab, Truth, abort, fate, read

TRUTH = Truth(("client-aborted",), ("reset-per-log",), ended="reset", first_fin="none",
              first_rst="orig")  # fmt: skip
BESIDE = ("aborted-on-purpose",)


def run(lab: Lab) -> None:
    client, server = lab.pair(talk=False)
    client.sendall(b"PING\r\n")
    read(server, 6)
    time.sleep(0.2)
    abort(client)
    lab.told["server"] = fate(server)
    server.close()
