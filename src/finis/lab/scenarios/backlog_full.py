"""A program that does not accept: its queue is full, and further SYNs go unanswered."""

from __future__ import annotations

from finis.lab.admission import Policy
from finis.lab.scenario import HARMFUL, Lab, Truth, fate

TRUTH = (
    Truth(("client-closed-first",), ("closed-per-log",), ended="closed", source=40001),
    Truth(("syn-unanswered",), ("reset-per-log",), HARMFUL, "unanswered", "none", "none",
          source=40002),
)  # fmt: skip
CONNECTIONS = 2
POLICY = Policy(embryonic=2)


def run(lab: Lab) -> None:
    with lab.listen(8080, backlog=0) as listener:
        first, second = lab.client(40001), lab.client(40002, timeout=1.6)
        first.connect((lab.address, 8080))
        try:
            second.connect((lab.address, 8080))
        except TimeoutError:
            lab.told["second"] = "nothing"
        second.close()
        server, _ = listener.accept()
        first.close()
        fate(server)
        server.close()
