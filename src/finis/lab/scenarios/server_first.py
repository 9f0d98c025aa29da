"""The server closes, the client follows: both programs read to the end."""

from __future__ import annotations

from finis.lab.scenario import HARMLESS, Lab, Truth, fate

TRUTH = Truth(("server-closed-first",), ("closed-per-log",), HARMLESS, "closed", "resp", "none")
KINDS = (
    "asa",
    "asa-nat",
    "netfilter",
    "asa-pat",
    "asa-v6",
    "asa-asa",
    "netfilter-eager",
    "netfilter-v6",
    "netfilter-nat",
    "netfilter-synproxy",
    "netfilter-far",
)


def run(lab: Lab) -> None:
    client, server = lab.pair()
    server.close()
    lab.told["client"] = fate(client)
    client.close()
