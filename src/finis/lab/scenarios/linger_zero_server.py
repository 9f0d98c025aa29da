"""The server closes with SO_LINGER set to zero seconds: a RST and no FIN."""

from __future__ import annotations

from finis.lab.scenario import Lab, Truth, abort, fate

TRUTH = Truth(
    ("server-aborted",), ("reset-per-log",), ended="reset", first_fin="none", first_rst="resp"
)
# The client's kernel delays its ACK; two firewalls in a row forget at different moments.
DENIALS = ("late-ack", "late-rst", "rst-of-host-without-state")
KINDS = ("asa", "netfilter", "asa-asa", "netfilter-eager")


def run(lab: Lab) -> None:
    client, server = lab.pair()
    abort(server)
    lab.told["client"] = fate(client)
    client.close()
