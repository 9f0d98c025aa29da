"""The client speaks TLS 1.3 only, the server 1.2 only: a fatal alert, then the end."""

from __future__ import annotations

from finis.lab.scenario import HARMFUL, Lab, Truth
from finis.lab.scenarios import _tls

TRUTH = Truth(
    ("tls-fatal-alert",),
    (
        "closed-per-log",
        "reset-per-log",
        "client-closed-first",
        "closed-simultaneously",
        "server-closed-first",
    ),
    HARMFUL,
    in_payload=True,
)
NEEDS = ("openssl",)


def run(lab: Lab) -> None:
    lab.told["client"] = _tls.fail(lab, client="1.3", server="1.2")
