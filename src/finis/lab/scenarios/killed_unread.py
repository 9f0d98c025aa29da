"""The client's process is killed (kill -9) with a response unread: the kernel sends a RST."""

from __future__ import annotations

import sys
import time

from finis.lab.scenario import Lab, Truth, fate
from finis.lab.scenarios import _programs

TRUTH = Truth(
    ("client-aborted",), ("reset-per-log",), ended="reset", first_fin="none", first_rst="orig"
)


def run(lab: Lab) -> None:
    with lab.listen() as listener:
        program = lab.network.start(
            lab.network.client, sys.executable, "-c", _programs.HOLD, lab.address, "443"
        )
        server, _ = listener.accept()
    server.sendall(b"u" * 3000)
    time.sleep(0.2)
    program.kill()
    lab.told["server"] = fate(server)
    server.close()
