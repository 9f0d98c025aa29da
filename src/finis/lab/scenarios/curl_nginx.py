"""curl fetches a page from nginx and leaves."""

from __future__ import annotations

from finis.lab.scenario import HARMLESS, Lab, Truth
from finis.lab.scenarios import _programs

TRUTH = Truth(("client-closed-first",), ("closed-per-log",), HARMLESS, "closed", "orig", "none")
NEEDS = ("nginx", "curl")
KINDS = ("asa", "asa-nat", "netfilter")


def run(lab: Lab) -> None:
    _programs.nginx(lab, "keepalive_timeout 20s;")
    lab.told["curl"] = lab.network.client.run("curl", "-s", "-m", "5", f"http://{lab.address}/")[
        :40
    ]
