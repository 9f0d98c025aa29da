"""The client tries forty ports; one is open and is closed at once."""

from __future__ import annotations

from finis.lab.scenario import Lab, Truth, fate

TRUTH = (
    Truth(("refused",), ("reset-per-log",), ended="refused"),
    Truth(("client-closed-first",), ("closed-per-log",), ended="closed", port=1020),
)
PATTERNS = ("port-scan",)
CONNECTIONS = 40


def run(lab: Lab) -> None:
    with lab.listen(1020) as listener:
        for port in range(1000, 1040):
            with lab.client() as client:
                if client.connect_ex((lab.address, port)) == 0:
                    client.close()
                    server, _ = listener.accept()
                    fate(server)
                    server.close()
