"""One connection at a time is allowed (`set connection conn-max`); a second client is refused."""

from __future__ import annotations

from finis.lab.admission import Policy
from finis.lab.scenario import HARMFUL, HARMLESS, Lab, Truth, fate

TRUTH = (
    Truth(("client-closed-first",), ("closed-per-log",), HARMLESS, "closed", source=40001),
    Truth(("syn-dropped-by-firewall",), ("syn-unanswered",), HARMFUL, "unanswered", source=40002),
)
DENIALS = ("refused-by-limit",)
KINDS = ("asa",)
CONNECTIONS = 2
POLICY = Policy(conn_max=1)


def run(lab: Lab) -> None:
    client, server = lab.pair(source_port=40001)
    with lab.client(40002, timeout=1.5) as second:
        try:
            second.connect((lab.address, 443))
        except TimeoutError:
            lab.told["second"] = "nothing"
    client.close()
    fate(server)
    server.close()
