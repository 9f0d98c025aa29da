"""A client sends half a request header; Apache (mod_reqtimeout) gives up on it."""

from __future__ import annotations

from finis.lab.scenario import Lab, Truth, fate
from finis.lab.scenarios import _programs

TRUTH = Truth(
    ("server-closed-first", "half-close-used"), ("closed-per-log", "server-closed-first"),
    ended="closed", first_fin="resp", first_rst="none",
)  # fmt: skip
NEEDS = ("apache2",)


def run(lab: Lab) -> None:
    _programs.apache(lab, "RequestReadTimeout header=1")
    client = lab.client()
    client.connect((lab.address, 80))
    client.sendall(b"GET / HTTP/1.1\r\nHost: l")
    lab.told["response"] = fate(client, 4)
    lab.told["client"] = fate(client, 4)
    client.close()
