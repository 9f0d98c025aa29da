"""A TLS client of Python's ssl: ``client.py MANNER SITUATION ADDRESS PORT TIMES``.

MANNER is how it leaves once it has what it wanted: ``close`` (as `http.client` does), ``notify``
(close_notify, then close at once), ``unwrap`` (close_notify, wait for the peer's, close),
``shutdown`` (shut the socket's sending half, then close).  Prints a line per connection: its local
port and what it got.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import sys
import threading
import time

REQUEST = "{} HTTP/1.1\r\nHost: lab\r\nConnection: {}\r\n{}\r\n"
BODY = b"b" * 400_000


def leave(manner: str, tls: ssl.SSLSocket) -> None:
    with contextlib.suppress(OSError, ValueError):
        if manner == "notify":
            tls.settimeout(0)
            tls.unwrap()
        elif manner == "unwrap":
            tls.settimeout(3)
            tls.unwrap()
        elif manner == "shutdown":
            tls.shutdown(socket.SHUT_WR)
    tls.close()


def response(tls: ssl.SSLSocket) -> str:
    """One response, to the length it names and no byte further."""
    got = b""
    try:
        while b"\r\n\r\n" not in got:
            if not (more := tls.recv(1)):
                return f"cut in its head, {len(got)} bytes"
            got += more
        head = got.lower()
        if b"content-length:" not in head:  # Apache names none for an error of its own
            while b"</html>" not in got:
                if not (more := tls.recv(65536)):
                    return "cut"
                got += more
            return f"whole response {got.split()[1].decode()}"
        wanted = int(head.partition(b"content-length:")[2].split()[0])
        size = 0
        while size < wanted:
            if not (more := tls.recv(min(65536, wanted - size))):
                return f"cut, {size} of {wanted} bytes"
            size += len(more)
    except OSError as error:
        return type(error).__name__
    return f"whole response {got.split()[1].decode()}"


def half_close(context: ssl.SSLContext, sock: socket.socket) -> str:
    """A request and close_notify in one go, then everything that comes."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="lab")

    def act(does: object, *given: object) -> object:
        while True:
            try:
                done = does(*given)  # type: ignore[operator]
            except ssl.SSLWantReadError:
                done = None
            if data := outgoing.read():
                sock.sendall(data)
            if done is not None or does == tls.unwrap:
                return done
            if data := sock.recv(65536):
                incoming.write(data)
            else:
                incoming.write_eof()

    try:
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                if data := outgoing.read():
                    sock.sendall(data)
                incoming.write(sock.recv(65536))
        tls.write(REQUEST.format("GET /slow", "keep-alive", "").encode())
        act(tls.unwrap)
        size = 0
        while data := sock.recv(65536):
            size += len(data)
        return "whole response 200" if size > 10_000 else f"cut, {size} bytes of TLS"
    except OSError as error:
        return type(error).__name__


def play(manner: str, situation: str, address: str, port: int) -> str:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.keylog_filename = "keys.txt"
    sock = socket.create_connection((address, port), 8)
    name = str(sock.getsockname()[1])
    if situation == "half-close":
        told = half_close(context, sock)
        sock.close()
        return f"{name} {told}"
    tls = context.wrap_socket(sock, server_hostname="lab")
    told = "-"
    if situation == "no-request":
        pass
    elif situation == "write-only":
        time.sleep(0.3)
        tls.sendall(b"POST / HTTP/1.1\r\nHost: lab\r\n")
        time.sleep(0.2)
    elif situation == "abandoned":
        tls.sendall(REQUEST.format("GET /big", "keep-alive", "").encode())
        tls.recv(16384)
        time.sleep(0.2)
    elif situation.startswith("refused-body"):
        size = f"Content-Length: {len(BODY)}\r\n"
        tls.sendall(REQUEST.format("POST /deny", "keep-alive", size).encode())
        try:
            for at in range(0, len(BODY), 40_000):
                tls.sendall(BODY[at : at + 40_000])
                time.sleep(0.02)
        except OSError as error:
            told = f"{type(error).__name__} while sending, "
        told = told.lstrip("-") + response(tls)
    else:
        close = "close" if situation == "connection-close" else "keep-alive"
        tls.sendall(REQUEST.format("GET /", close, "").encode())
        told = response(tls)
        if situation == "server-expires":
            time.sleep(2.5)
        elif situation == "server-expires-read":
            with contextlib.suppress(OSError):
                while tls.recv(4096):
                    pass
    leave(manner, tls)
    return f"{name} {told}"


def main() -> None:
    manner, situation, address, port, times = sys.argv[1:]

    def one() -> None:
        sys.stdout.write(play(manner, situation, address, int(port)) + "\n")

    threads = [threading.Thread(target=one) for _ in range(int(times))]
    for thread in threads:
        thread.start()
        time.sleep(0.03)


if __name__ == "__main__":
    main()
