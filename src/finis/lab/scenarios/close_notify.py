"""Does close_notify cause resets?  Programs that speak TLS, against nginx and Apache.

One scenario per program and situation; each plays TLS 1.2 and 1.3 against both servers, several
connections of each.  What is true of a connection is read from the run: from the captures nearest
to each host, and from the reasons that the kernels gave for their RSTs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from finis.lab.scenario import Lab
from finis.lab.scenarios import _matrix
from finis.lab.scenarios._clients import PROGRAMS

KINDS = ("asa", "netfilter")
DENIALS = (
    "late-ack", "late-fin", "late-data", "late-rst", "answer-to-late-data", "abort-after-close",
    "rst-of-host-without-state",
)  # fmt: skip
# Played with all scenarios too: programs that none of those has.  A browser is too heavy.
SAMPLE = (
    "openssl-connection-close", "gnutls-server-expires", "java-url-server-expires",
    "java-socket-client-first", "node-https-client-first",
)  # fmt: skip
SERVERS = ("nginx", "apache2", "openssl", "setpriv")

judge = _matrix.truths
CELLS: dict[str, tuple[str, tuple[str, ...], Callable[[Lab], None]]] = {
    f"{program}-{situation}": (
        f"{program}: {_matrix.SITUATIONS[situation]}.",
        (*SERVERS, *client.needs),
        partial(_matrix.play, program=program, situation=situation),
    )
    for program, client in PROGRAMS.items()
    for situation in client.situations
}
