"""curl gives up in the middle of a download that nginx throttles.

It has read all that came so far: the close is orderly, though the download is cut short.
"""

from __future__ import annotations

import subprocess

from finis.lab.scenario import Lab, Truth
from finis.lab.scenarios import _programs

TRUTH = Truth(("client-closed-first",), ("closed-per-log",), first_fin="orig")
NEEDS = ("nginx", "curl")


def run(lab: Lab) -> None:
    _programs.nginx(lab, "limit_rate 50k;", size=400_000)
    command = ("curl", "-s", "-m", "1", "-o", "/dev/null", f"http://{lab.address}/")
    program = lab.network.start(lab.network.client, *command)
    try:
        lab.told["curl"] = f"exit {program.wait(5)}"
    except subprocess.TimeoutExpired:
        lab.told["curl"] = "did not end"
