"""Redis closes an idle client (`timeout 1`); the pool notices only when it sends again.

redis-cli's next command goes into a connection that the server has closed: it is answered with a
RST, and is lost.
"""

from __future__ import annotations

import subprocess
import time

from finis.lab.scenario import Lab, Truth
from finis.lab.scenarios import _databases

TRUTH = Truth(
    ("data-after-close", "keep-alive-race"),
    ("closed-per-log", "reset-per-log", "state-lost", "host-without-state"),
    first_fin="resp", first_rst="resp",
)  # fmt: skip
DENIALS = ("late-rst", "answer-to-late-data", "rst-of-host-without-state", "late-fin")
NEEDS = ("redis-server", "redis-cli")


def run(lab: Lab) -> None:
    _databases.redis(lab, "--timeout", "1")
    program = lab.network.start(
        lab.network.client, "redis-cli", "-h", lab.address, stdin=subprocess.PIPE
    )
    assert program.stdin is not None
    for pause in (2.5, 0.2):
        program.stdin.write(b"ping\n")
        program.stdin.flush()
        time.sleep(pause)
    program.stdin.close()
    lab.told["redis-cli"] = f"exit {program.wait(5)}"
