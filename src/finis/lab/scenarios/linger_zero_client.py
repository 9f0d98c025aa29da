"""The client closes with SO_LINGER set to zero seconds: a RST and no FIN."""

from __future__ import annotations

from finis.lab.scenario import Lab, Truth, abort, fate

TRUTH = Truth(
    ("client-aborted",), ("reset-per-log",), ended="reset", first_fin="none", first_rst="orig"
)


def run(lab: Lab) -> None:
    client, server = lab.pair()
    abort(client)
    lab.told["server"] = fate(server)
    server.close()
