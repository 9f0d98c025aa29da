"""The server answers the ClientHello with the end of the connection, without a word."""

from __future__ import annotations

from finis.lab.scenario import HARMFUL, Lab, Truth
from finis.lab.scenarios import _tls

TRUTH = Truth(
    ("tls-refused",),
    ("server-closed-first", "server-aborted", "reset-per-log", "closed-per-log"),
    HARMFUL,
    in_payload=True,
)
NEEDS = ("openssl",)


def run(lab: Lab) -> None:
    lab.told["client"] = _tls.refused(lab)
