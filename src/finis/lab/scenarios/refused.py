"""Nobody listens on the port: the server's kernel refuses."""

from __future__ import annotations

from finis.lab.scenario import Lab, Truth

TRUTH = Truth(("refused",), ("reset-per-log",), ended="refused", first_fin="none", first_rst="resp")
KINDS = ("asa", "netfilter", "asa-pat", "asa-v6", "asa-asa", "netfilter-v6")


def run(lab: Lab) -> None:
    with lab.client() as client:
        try:
            client.connect((lab.address, 8443))
        except ConnectionRefusedError:
            lab.told["client"] = "refused"
