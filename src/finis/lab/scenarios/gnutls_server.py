"""`gnutls-serv` answers and closes; clients read its close_notify, or leave before.

TLS 1.2 and 1.3.  What became of each connection is read from the captures nearest to each host.
"""

from __future__ import annotations

from finis.lab.scenario import Lab
from finis.lab.scenarios import _tls_servers
from finis.lab.scenarios._tls_servers import DENIALS, judge

__all__ = ["DENIALS", "judge"]

TRUTH = ()
CONNECTIONS = None
NEEDS = ("gnutls-serv", "openssl", "gnutls-cli")


def run(lab: Lab) -> None:
    _tls_servers.serve(
        lab, "gnutls-serv", "--http", "--quiet", "--port", str(_tls_servers.PORT),
        "--x509keyfile", "{key}", "--x509certfile", "{cert}",
    )  # fmt: skip
    _tls_servers.visit(lab)
