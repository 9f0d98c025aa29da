"""The server answers an upload and closes without reading it to the end.

Its RST overtakes nothing, but it makes the client's kernel throw the response away.
"""

from __future__ import annotations

import time

from finis.lab.scenario import HARMFUL, Lab, Truth, fate

TRUTH = Truth(("server-aborted",), ("reset-per-log",), HARMFUL, "reset", "none", "resp")
DENIALS = ("late-ack",)  # of the response
KINDS = ("asa", "netfilter", "asa-pat", "asa-asa", "netfilter-eager")


def run(lab: Lab) -> None:
    client, server = lab.pair(talk=False)
    client.sendall(b"PUT " + b"b" * 5000)
    time.sleep(0.1)
    server.sendall(b"413 too large")
    server.close()
    time.sleep(0.1)
    lab.told["client"] = fate(client)
    client.close()
