"""The firewall's rules drop the SYN in silence; the client gives up."""

from __future__ import annotations

from finis.lab.admission import Policy
from finis.lab.scenario import HARMFUL, Lab, Truth

TRUTH = Truth(("syn-dropped-by-firewall",), ("syn-unanswered",), HARMFUL, "unanswered")
DENIALS = ("refused-by-acl",)
POLICY = Policy(deny=(8443,))
KINDS = ("asa", "netfilter", "asa-asa", "asa-v6", "netfilter-v6")


def run(lab: Lab) -> None:
    with lab.client(timeout=2.5) as client:
        try:
            client.connect((lab.address, 8443))
        except TimeoutError:
            lab.told["client"] = "nothing"
