"""TLS between the two hosts, with Python's ssl module and a certificate made by openssl.

`SSLSocket.unwrap` waits for the peer's close_notify; memory BIOs let a scenario decide what is
sent and what is read.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from finis.lab.scenario import Lab, fate, read

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
REQUEST, RESPONSE = b"GET / HTTP/1.1\r\n\r\n", b"r" * 300


@dataclass
class End:
    """One end of a TLS connection: the protocol in memory, the bytes on a socket."""

    sock: socket.socket
    tls: ssl.SSLObject
    incoming: ssl.MemoryBIO
    outgoing: ssl.MemoryBIO

    def flush(self) -> None:
        data = self.outgoing.read()
        if data:
            self.sock.sendall(data)

    def pull(self) -> None:
        data = self.sock.recv(65536)
        if data:
            self.incoming.write(data)
        else:
            self.incoming.write_eof()

    def handshake_step(self) -> bool:
        """One step; is the handshake done?  Raises ssl.SSLError, its alert sent."""
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        finally:
            self.flush()
        return True


def certificate(folder: Path) -> Path:
    """A self-signed certificate with its key, in one file."""
    key, cert, both = folder / "key.pem", folder / "cert.pem", folder / "both.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", str(key), "-out", str(cert), "-days", "2", "-subj", "/CN=lab"],
        check=True, capture_output=True, timeout=20,
    )  # fmt: skip
    both.write_bytes(key.read_bytes() + cert.read_bytes())
    return both


def ends(lab: Lab, client: str, server: str, *, trust: bool = True) -> tuple[End, End]:
    """Both ends, connected, before the handshake."""
    file = certificate(lab.work)
    theirs, ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    theirs.load_cert_chain(file)
    ours.check_hostname = False
    ours.verify_mode = ssl.CERT_REQUIRED
    if trust:
        ours.load_verify_locations(lab.work / "cert.pem")
    for context, version in ((ours, client), (theirs, server)):
        context.minimum_version = context.maximum_version = VERSIONS[version]
    c, s = lab.pair(talk=False)
    return _end(c, ours, server=False), _end(s, theirs, server=True)


def pair(lab: Lab, version: str) -> tuple[End, End]:
    """Both ends after the handshake, everything that belongs to it read."""
    client, server = ends(lab, version, version)
    while not client.handshake_step():
        server.pull()
        server.handshake_step()
        client.pull()
    if version == "1.3":  # the client's Finished ends the handshake
        server.pull()
        server.handshake_step()
    return client, server


def _end(sock: socket.socket, context: ssl.SSLContext, *, server: bool) -> End:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_side=server)
    return End(sock, tls, incoming, outgoing)


def ask(client: End, server: End) -> None:
    """One request and its response, both read to the last record."""
    for end, other, text in ((client, server, REQUEST), (server, client, RESPONSE)):
        end.tls.write(text)
        end.flush()
        got = b""
        while len(got) < len(text):
            try:
                got += other.tls.read(4096)
            except ssl.SSLWantReadError:
                other.pull()


def notify(end: End) -> None:
    """Send close_notify."""
    with contextlib.suppress(ssl.SSLWantReadError):
        end.tls.unwrap()
    end.flush()


def notify_and_close(client: End, server: End) -> None:
    """close_notify and FIN of the client, then both of the server; everything is read."""
    notify(client)
    client.sock.shutdown(socket.SHUT_WR)
    while data := server.sock.recv(65536):
        server.incoming.write(data)
    notify(server)
    server.sock.close()
    while client.sock.recv(65536):
        pass
    client.sock.close()


def plain(end: End) -> socket.socket:
    """The socket beneath."""
    return end.sock


def fail(lab: Lab, client: str = "1.2", server: str = "1.2", *, trust: bool = True) -> str:
    """A handshake that fails: whoever objects sends its alert, both then close."""
    ours, theirs = ends(lab, client, server, trust=trust)
    said = "no failure"
    try:
        for _ in range(6):
            ours.handshake_step()
            theirs.pull()
            theirs.handshake_step()
            ours.pull()
    except ssl.SSLError as error:
        said = error.reason or "failed"
    time.sleep(0.05)
    for end in (ours, theirs):  # either reads what came and closes
        end.sock.settimeout(0.3)
        with contextlib.suppress(OSError):
            end.sock.recv(65536)
        end.sock.close()
    return said


def plaintext(lab: Lab) -> str:
    """HTTP to a TLS port: the server's library objects, and closes."""
    client, server = ends(lab, "1.2", "1.2")
    client.sock.sendall(b"GET / HTTP/1.1\r\nHost: lab\r\n\r\n")
    said = "no failure"
    try:
        server.pull()
        server.handshake_step()
    except ssl.SSLError as error:
        said = error.reason or "failed"
    server.sock.close()
    fate(client.sock)
    client.sock.close()
    return said


def to_plaintext(lab: Lab) -> str:
    """TLS to an HTTP port: the server answers 400 and closes."""
    client, server = ends(lab, "1.2", "1.2")
    client.handshake_step()
    server.sock.recv(65536)
    server.sock.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
    server.sock.close()
    said = "no failure"
    try:
        client.pull()
        client.handshake_step()
    except ssl.SSLError as error:
        said = error.reason or "failed"
    except OSError as error:
        said = type(error).__name__
    client.sock.close()
    return said


def refused(lab: Lab) -> str:
    """The server reads the ClientHello and closes without an answer."""
    client, server = ends(lab, "1.2", "1.2")
    client.handshake_step()
    read(server.sock, 10)
    while True:
        server.sock.settimeout(0.1)
        try:
            server.sock.recv(65536)
        except TimeoutError:
            break
    server.sock.close()
    said = fate(client.sock)
    client.sock.close()
    return said
