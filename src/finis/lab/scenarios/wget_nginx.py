"""wget fetches a page from nginx and ends: the client closes first."""

from __future__ import annotations

from finis.lab.scenario import HARMLESS, Lab, Truth
from finis.lab.scenarios import _programs

TRUTH = Truth(("client-closed-first",), ("closed-per-log",), HARMLESS, "closed", "orig", "none")
NEEDS = ("nginx", "wget")


def run(lab: Lab) -> None:
    _programs.nginx(lab, "keepalive_timeout 20s;")
    command = ("wget", "-q", "-t", "1", "-O", "/dev/null", f"http://{lab.address}/")
    lab.told["wget"] = f"exit {lab.network.start(lab.network.client, *command).wait(5)}"
