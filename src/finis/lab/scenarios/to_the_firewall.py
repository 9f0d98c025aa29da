"""The client calls the firewall itself, which does not listen to it."""

from __future__ import annotations

from finis.lab.kinds import OUTSIDE
from finis.lab.scenario import Lab, Truth

TRUTH = Truth(("syn-dropped-by-firewall", "syn-unanswered"), (), ended="unanswered")
DENIALS = ("to-the-firewall",)
KINDS = ("asa",)


def run(lab: Lab) -> None:
    with lab.client(timeout=1.5) as client:
        try:
            client.connect((OUTSIDE[1], 22))
        except TimeoutError:
            lab.told["client"] = "nothing"
