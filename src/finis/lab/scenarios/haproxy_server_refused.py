"""Nothing listens behind HAProxy: the client gets a 503, or with `mode tcp` just an end."""

from __future__ import annotations

from finis.lab.scenario import Lab, Truth, fate
from finis.lab.scenarios import _programs

TRUTH = (
    Truth(
        ("server-closed-first",), ("closed-per-log",), ended="closed", first_fin="resp",
        first_rst="none", port=80,
    ),
    Truth(("server-closed-first", "server-aborted"), ("closed-per-log", "reset-per-log"), port=81),
)  # fmt: skip
CONNECTIONS = 2
NEEDS = ("haproxy",)
PROXY = """
listen web
  bind {address}:80
  mode http
  retries 0
  timeout http-keep-alive 500ms
  server one 127.0.0.1:8080
listen plain
  bind {address}:81
  mode tcp
  retries 0
  server one 127.0.0.1:8080
"""


def run(lab: Lab) -> None:
    settings = PROXY.format(address=lab.network.server_ip)
    _programs.haproxy(lab, lab.network.server, settings, 80, 81)
    for port in (80, 81):
        client = lab.client()
        client.connect((lab.address, port))
        if port == 80:
            client.sendall(b"GET / HTTP/1.1\r\nHost: lab\r\n\r\n")
            lab.told["response"] = fate(client, 4)
        lab.told[f"client {port}"] = fate(client, 4)
        client.close()
