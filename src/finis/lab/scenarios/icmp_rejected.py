"""The firewall refuses the SYN with ICMP (administratively prohibited): no RST, no answer."""

from __future__ import annotations

from finis.lab.admission import Policy
from finis.lab.scenario import HARMFUL, Lab, Truth

TRUTH = Truth(
    ("icmp-rejected",),
    ("syn-dropped-by-firewall", "syn-unanswered"),
    HARMFUL,
    "unanswered",
    "none",
    "none",
)
DENIALS = ("refused-by-acl",)
KINDS = ("netfilter", "netfilter-v6")
POLICY = Policy(unreachable=(8443,))


def run(lab: Lab) -> None:
    with lab.client(timeout=2) as client:
        try:
            client.connect((lab.address, 8443))
        except OSError as error:
            lab.told["client"] = str(error)
