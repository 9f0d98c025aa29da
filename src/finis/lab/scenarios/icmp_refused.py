"""The server's host refuses the SYN with ICMP port unreachable instead of a RST."""

from __future__ import annotations

from finis.lab.scenario import HARMFUL, Lab, Truth

TRUTH = Truth(("icmp-rejected",), ("syn-unanswered",), HARMFUL, "unanswered", "none", "none")
KINDS = ("netfilter",)
NEEDS = ("nft",)
RULES = """table inet refuse {
  chain in {
    type filter hook input priority filter; policy accept;
    tcp dport 8443 reject
  }
}
"""


def run(lab: Lab) -> None:
    lab.network.server.run("nft", "-f", "-", text=RULES)
    with lab.client(timeout=2) as client:
        try:
            client.connect((lab.address, 8443))
        except OSError as error:
            lab.told["client"] = str(error)
