"""The client speaks TLS to a plain HTTP port: it gets an HTTP error."""

from __future__ import annotations

from finis.lab.scenario import HARMFUL, Lab, Truth
from finis.lab.scenarios import _tls

TRUTH = Truth(
    ("tls-on-plaintext-port",),
    ("closed-per-log", "reset-per-log", "server-closed-first", "server-aborted",
     "client-closed-first", "closed-simultaneously", "client-aborted",
     "server-closed-client-aborted"),
    HARMFUL, in_payload=True,
)  # fmt: skip
NEEDS = ("openssl",)


def run(lab: Lab) -> None:
    lab.told["client"] = _tls.to_plaintext(lab)
