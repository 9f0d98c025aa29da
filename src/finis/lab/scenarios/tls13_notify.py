"""TLS 1.3: the client sends close_notify and closes; the server answers in kind."""

from __future__ import annotations

from finis.lab.scenario import HARMLESS, Lab, Truth
from finis.lab.scenarios import _tls

TRUTH = Truth(
    ("client-closed-first", "half-close-used"), ("closed-per-log",), HARMLESS, "closed", "orig"
)
NEEDS = ("openssl",)
DENIALS = ("late-ack",)  # on a busy machine the last ones cross
KINDS = ("asa", "asa-nat", "netfilter", "netfilter-nat", "netfilter-synproxy")
BESIDE = ("close-notify-sent",)


def run(lab: Lab) -> None:
    client, server = _tls.pair(lab, "1.3")
    _tls.ask(client, server)
    _tls.notify_and_close(client, server)
