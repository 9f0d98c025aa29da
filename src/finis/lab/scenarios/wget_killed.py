"""wget is killed (kill -9) in the middle of a download that comes faster than it reads.

Its kernel closes a socket with unread bytes: a RST.  The window was closed by then.
"""

from __future__ import annotations

import time

from finis.lab.scenario import Lab, Truth
from finis.lab.scenarios import _programs

TRUTH = Truth(
    ("client-aborted", "zero-window"),
    ("reset-per-log",),
    ended="reset",
    first_fin="none",
    first_rst="orig",
)
DENIALS = ("late-data", "late-ack", "answer-to-late-data")
NEEDS = ("nginx", "wget")


def run(lab: Lab) -> None:
    _programs.nginx(lab, "", size=8_000_000)
    command = ("wget", "-q", "-t", "1", "--limit-rate=50k", "-O", "/dev/null",
               f"http://{lab.address}/")  # fmt: skip
    program = lab.network.start(lab.network.client, *command)
    time.sleep(1)
    program.kill()
    time.sleep(0.3)
