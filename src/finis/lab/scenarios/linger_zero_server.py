"""The server closes with SO_LINGER set to zero seconds: a RST and no FIN."""

from __future__ import annotations

from finis.lab.scenario import Lab, Truth, abort, fate

TRUTH = Truth(
    ("server-aborted",), ("reset-per-log",), ended="reset", first_fin="none", first_rst="resp"
)
DENIALS = ("late-ack",)  # of the response, delayed by the client's kernel
KINDS = ("asa", "netfilter", "asa-asa", "netfilter-eager")


def run(lab: Lab) -> None:
    client, server = lab.pair()
    abort(server)
    lab.told["client"] = fate(client)
    client.close()
