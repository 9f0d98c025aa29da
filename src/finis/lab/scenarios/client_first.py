"""The client closes, the server follows: both programs read to the end."""

from __future__ import annotations

from finis.lab.scenario import HARMLESS, Lab, Truth, fate

TRUTH = Truth(("client-closed-first",), ("closed-per-log",), HARMLESS, "closed", "orig", "none")
KINDS = (
    "asa",
    "asa-nat",
    "asa-pat",
    "asa-v6",
    "asa-asa",
    "netfilter",
    "netfilter-eager",
    "netfilter-v6",
    "netfilter-nat",
    "netfilter-synproxy",
    "netfilter-far",
)


def run(lab: Lab) -> None:
    client, server = lab.pair()
    client.close()
    lab.told["server"] = fate(server)
    server.close()
