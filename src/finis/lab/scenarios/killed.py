"""The client's process is killed (kill -9) with nothing unread: the kernel sends a FIN."""

from __future__ import annotations

import sys
import time

from finis.lab.scenario import HARMLESS, Lab, Truth, fate
from finis.lab.scenarios import _programs

TRUTH = Truth(("client-closed-first",), ("closed-per-log",), HARMLESS, "closed", "orig", "none")


def run(lab: Lab) -> None:
    with lab.listen() as listener:
        program = lab.network.start(
            lab.network.client, sys.executable, "-c", _programs.HOLD, lab.address, "443"
        )
        server, _ = listener.accept()
    time.sleep(0.2)
    program.kill()
    lab.told["server"] = fate(server)
    server.close()
