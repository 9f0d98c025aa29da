"""The firewall's rules refuse the SYN with a RST in the server's name."""

from __future__ import annotations

from finis.lab.admission import Policy
from finis.lab.scenario import Lab, Truth

TRUTH = Truth(("firewall-reset", "syn-dropped-by-firewall"), ("refused",), ended="refused")
DENIALS = ("refused-by-acl",)
POLICY = Policy(reject=(8443,))


def run(lab: Lab) -> None:
    with lab.client() as client:
        try:
            client.connect((lab.address, 8443))
        except ConnectionRefusedError:
            lab.told["client"] = "refused"
