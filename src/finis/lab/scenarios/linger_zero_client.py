"""The client closes with SO_LINGER set to zero seconds: a RST and no FIN."""

from __future__ import annotations

from finis.lab.scenario import Lab, Truth, abort, fate

TRUTH = Truth(
    ("client-aborted",), ("reset-per-log",), ended="reset", first_fin="none", first_rst="orig"
)
KINDS = (
    "asa",
    "netfilter",
    "asa-pat",
    "asa-v6",
    "asa-asa",
    "netfilter-eager",
    "netfilter-v6",
    "netfilter-nat",
    "netfilter-synproxy",
)


def run(lab: Lab) -> None:
    client, server = lab.pair()
    abort(client)
    lab.told["server"] = fate(server)
    server.close()
