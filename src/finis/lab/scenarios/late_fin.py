"""The client resets while the server's FIN is on its way.

On a path of 50 ms each way the firewall frees the connection on the RST before the FIN comes.
"""

from __future__ import annotations

import time

from finis.lab.scenario import Lab, Truth, abort

TRUTH = Truth(
    ("client-aborted",),
    ("reset-per-log", "server-closed-client-aborted", "host-without-state", "closed-then-aborted"),
    first_rst="orig",
)
DENIALS = ("late-fin",)
KINDS = ("asa", "asa-nat", "netfilter-far")


def run(lab: Lab) -> None:
    lab.path.delay_s = 0.05
    client, server = lab.pair()
    abort(client)
    time.sleep(0.01)
    server.close()
    time.sleep(0.2)
