"""The client speaks plain HTTP to a TLS port."""

from __future__ import annotations

from finis.lab.scenario import HARMFUL, Lab, Truth
from finis.lab.scenarios import _tls

TRUTH = Truth(
    ("plaintext-on-tls-port",),
    ("closed-per-log", "reset-per-log", "tls-fatal-alert", "server-aborted", "server-closed-first"),
    HARMFUL, in_payload=True,
)  # fmt: skip
NEEDS = ("openssl",)


def run(lab: Lab) -> None:
    lab.told["client"] = _tls.plaintext(lab)
