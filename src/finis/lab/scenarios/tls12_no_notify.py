"""TLS 1.2: the server closes without close_notify; the client follows."""

from __future__ import annotations

from finis.lab.scenario import HARMLESS, Lab, Truth, fate
from finis.lab.scenarios import _tls

TRUTH = Truth(("server-closed-first",), ("closed-per-log",), HARMLESS, "closed", "resp", "none")
NEEDS = ("openssl",)
BESIDE = ("close-notify-missing",)


def run(lab: Lab) -> None:
    client, server = _tls.pair(lab, "1.2")
    _tls.ask(client, server)
    _tls.plain(server).close()
    socket = _tls.plain(client)
    lab.told["client"] = fate(socket)
    socket.close()
