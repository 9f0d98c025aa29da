"""Small TLS servers that answer one request and close, and the ways in which clients leave them."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import time
from pathlib import Path

from finis.lab import witness
from finis.lab.scenario import BACKGROUND_PORT, Lab, Truth
from finis.lab.scenarios import _matrix
from finis.lab.scenarios._programs import listening
from finis.lab.scenarios._tls import VERSIONS, certificate

PORT = 4433
GET = b"GET / HTTP/1.0\r\n\r\n"
# In the order of the catalogue of `finis.lab.scenarios.close_notify`.
DENIALS = (
    "late-ack", "late-fin", "late-data", "late-rst", "answer-to-late-data", "abort-after-close",
    "rst-of-host-without-state",
)  # fmt: skip
TOOLS = (
    "openssl s_client -quiet -connect {0}:{1}",
    "gnutls-cli --insecure --logfile=/dev/null {0} -p {1}",
)


def serve(lab: Lab, *command: str) -> None:
    """Start a server; `command` names its key and certificate as {key} and {cert}."""
    certificate(lab.work)
    names = {"key": str(lab.work / "key.pem"), "cert": str(lab.work / "cert.pem")}
    lab.network.start(lab.network.server, *(word.format(**names) for word in command))
    listening(lab.network.server, PORT)


def visit(lab: Lab) -> None:
    """TLS 1.2 and 1.3: a client that reads to the end, one that leaves with the farewell unread,
    and the two command line clients."""
    for version in VERSIONS:
        for reads in (True, False):
            lab.told[f"{version}, {'reads' if reads else 'leaves'}"] = _ask(lab, version, reads)
    for tool in TOOLS:
        program = lab.network.start(
            lab.network.client, *tool.format(lab.address, PORT).split(), stdin=subprocess.PIPE
        )
        with contextlib.suppress(subprocess.TimeoutExpired):
            program.communicate(GET, timeout=3)
        lab.told[tool.split()[0]] = f"exit {program.poll()}"
        time.sleep(0.1)


def _ask(lab: Lab, version: str, reads: bool) -> str:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = context.maximum_version = VERSIONS[version]
    plain: socket.socket = lab.client()
    plain.connect((lab.address, PORT))
    lab.held.remove(plain)  # wrapped, it lives on in another object
    size = 0
    with context.wrap_socket(plain) as tls:
        tls.sendall(GET)
        while chunk := tls.recv(65536):
            size += len(chunk)
            if not reads and b"\r\n\r\n" in chunk:
                break
        time.sleep(0.2)
    time.sleep(0.1)
    return f"{size} bytes"


def judge(folder: Path) -> tuple[Truth, ...]:
    """The truth of every connection, read from the captures nearest to each host."""
    return tuple(
        _matrix.truth(one, "connection-close")
        for one in witness.connections(folder, [])
        if one.server_port != BACKGROUND_PORT
    )
