"""TLS 1.2: the client does not trust the certificate: a fatal alert, then the end."""

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
KINDS = ("asa", "asa-nat", "netfilter")


def run(lab: Lab) -> None:
    lab.told["client"] = _tls.fail(lab, trust=False)
