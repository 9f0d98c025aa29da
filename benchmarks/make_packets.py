"""Real packets for the benchmarks: many short connections and a few long ones between two network
namespaces, recorded by tcpdump.

    sudo python benchmarks/make_packets.py 10m.pcap --packets 10000000 --connections 200000

Every packet was sent by this machine's TCP.  The mix, by a fixed seed: a request of 100 bytes to
3 kB and an answer of 200 bytes to 64 kB (few large ones); 55 of 100 connections are closed by the
client, 36 by the server, 3 aborted by the client, 3 closed by a side with unread bytes, 2 refused,
1 left open.  One in 2000 is a download that brings the total near the number of packets asked for.
Frames are cut at 96 bytes, as long captures are.  Nothing outlives the run: the namespaces have
no names, every process dies with this one or after --longest seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

SERVER, CLIENTS = "10.1.0.1", 64  # clients are 10.0.1.1 … 10.0.1.64
PORTS = (80, 443, 5432, 8080, 8443)
BULK, CLOSED = 9000, 81
HEADER = struct.Struct("!IIB")  # bytes of the request, bytes of the answer, how it ends
CLIENT_CLOSES, SERVER_CLOSES, CLIENT_ABORTS, SERVER_UNREAD, CLIENT_UNREAD, REFUSED, OPEN = range(7)
WEIGHTS = (55, 36, 3, 1.5, 1.5, 2, 1)
PER_SHORT, PER_BULK_SEGMENT, SEGMENT_BYTES = 13, 1.05, 1448  # packets, roughly
AT_ONCE = 150


class Served(asyncio.Protocol):
    """Server's side of a short connection."""

    def connection_made(self, transport):
        self.transport, self.seen, self.wanted = transport, b"", 0
        self.have = 0

    def data_received(self, data):
        self.have += len(data)
        if not self.wanted:
            self.seen += data[: HEADER.size - len(self.seen)]
            if len(self.seen) < HEADER.size:
                return
            self.wanted, self.answer, self.how = HEADER.unpack(self.seen)
            if self.how == SERVER_UNREAD:  # what is still to come meets a closed socket
                self.transport.pause_reading()
                asyncio.get_running_loop().call_later(0.02, self.transport.close)
                return
        if self.have >= self.wanted:
            self.transport.write(b"a" * self.answer)
            if self.how == SERVER_CLOSES:
                self.transport.close()


class Asking(asyncio.Protocol):
    """Client's side of a short connection; `done` is set when it is over."""

    def __init__(self, request, answer, how):
        self.request, self.answer, self.how = request, answer, how
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.transport, self.have = transport, 0
        header = HEADER.pack(self.request, self.answer, self.how)
        transport.write(header.ljust(self.request, b"q"))
        if self.how == CLIENT_UNREAD:
            transport.pause_reading()
            asyncio.get_running_loop().call_later(0.02, transport.close)

    def data_received(self, data):
        self.have += len(data)
        if self.have < self.answer:
            return
        if self.how == CLIENT_ABORTS:
            self.transport.abort()
        elif self.how == CLIENT_CLOSES:
            self.transport.close()
        elif self.how == OPEN and not self.done.done():
            self.done.set_result(None)

    def connection_lost(self, error):
        if not self.done.done():
            self.done.set_result(None)


async def serve():
    loop = asyncio.get_running_loop()
    for port in PORTS:
        await loop.create_server(Served, SERVER, port, backlog=4096, reuse_port=True)
    threading.Thread(target=serve_bulk, daemon=True).start()
    print("ready", flush=True)
    await asyncio.Event().wait()


def serve_bulk():
    listener = socket.create_server((SERVER, BULK), reuse_port=True)
    while True:
        threading.Thread(target=send_bulk, args=(listener.accept()[0],), daemon=True).start()


def send_bulk(peer):
    left, block = struct.unpack("!Q", peer.recv(8))[0], b"b" * (1 << 18)
    with peer:
        while left > 0:
            left -= peer.send(block[:left])


async def ask(count, seed):
    """`count` short connections, AT_ONCE at a time."""
    rnd, loop, left = random.Random(seed), asyncio.get_running_loop(), iter(range(count))
    linger = struct.pack("ii", 1, 0)

    async def worker():
        for _ in left:
            how = rnd.choices(range(7), WEIGHTS)[0]
            request = rnd.randint(100, 3000)
            answer = int(min(64_000, 200 + rnd.paretovariate(1.1) * 300))
            port = CLOSED if how == REFUSED else rnd.choice(PORTS)
            home = (f"10.0.1.{rnd.randint(1, CLIENTS)}", 0)
            try:
                _, asking = await loop.create_connection(
                    lambda r=request, a=answer, h=how: Asking(r, a, h), SERVER, port,
                    local_addr=home,
                )  # fmt: skip
            except OSError:
                continue
            if how == CLIENT_ABORTS:
                asking.transport.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, linger
                )
            try:
                await asyncio.wait_for(asking.done, 5)
            except TimeoutError:
                asking.transport.abort()

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))


def fetch(count, size):
    """`count` downloads of `size` bytes, one after another."""
    buffer = bytearray(1 << 20)
    for _ in range(count):
        with socket.create_connection((SERVER, BULK)) as peer:
            peer.sendall(struct.pack("!Q", size))
            while peer.recv_into(buffer):
                pass


def make(path, packets, connections, longest_s):
    from finis.lab.spaces import Space

    client, server = Space("client"), Space("server")
    client.run("ip", "link", "add", "c0", "type", "veth", "peer", "name", "s0", "netns",
               server.path)  # fmt: skip
    server.run("ip", "addr", "add", f"{SERVER}/8", "dev", "s0")
    for n in range(1, CLIENTS + 1):
        client.run("ip", "addr", "add", f"10.0.1.{n}/8", "dev", "c0")
    for space, link in ((client, "c0"), (server, "s0")):
        space.run("ip", "link", "set", link, "up", "txqueuelen", "10000")
        space.no_offload(link)
        space.sysctl("net.ipv4.tcp_max_tw_buckets", 262144)
    me = [sys.executable, str(Path(__file__).resolve())]
    limit = ["timeout", "-s", "INT", str(longest_s)]
    tap = client.start(*limit, "tcpdump", "-Z", "root", "-n", "-s", "96", "-B", "262144", "-i",
                       "c0", "-w", str(path), "tcp", stderr=subprocess.PIPE)  # fmt: skip
    while b"listening" not in (line := tap.stderr.readline()):
        if not line:
            raise SystemExit("tcpdump does not run here")
    server_program = server.start(*limit, *me, "--serve", stdout=subprocess.PIPE)
    server_program.stdout.readline()
    bulks = max(4, connections // 2000)
    size = max(100_000, int((packets - PER_SHORT * connections) / PER_BULK_SEGMENT / bulks
                            * SEGMENT_BYTES))  # fmt: skip
    start = time.monotonic()
    programs = [
        client.start(*limit, *me, "--ask", str(connections - bulks), "--seed", "7"),
        client.start(*limit, *me, "--fetch", str(bulks), "--size", str(size)),
    ]
    for program in programs:
        program.wait()
    time.sleep(0.5)
    tap.send_signal(signal.SIGINT)
    print(tap.communicate(timeout=20)[1].decode().strip())
    server_program.terminate()
    server_program.wait()
    client.close()
    server.close()
    print(f"{time.monotonic() - start:.0f} s, {path.stat().st_size / 1e6:.0f} MB")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("path", type=Path, nargs="?")
    parser.add_argument("--packets", type=int, default=10_000_000)
    parser.add_argument("--connections", type=int, default=200_000)
    parser.add_argument("--longest", type=int, default=600, help="seconds, then all is stopped")
    for name in ("ask", "fetch", "size", "seed"):
        parser.add_argument(f"--{name}", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve())
    elif given.ask is not None:
        asyncio.run(ask(given.ask, given.seed))
    elif given.fetch is not None:
        fetch(given.fetch, given.size)
    elif given.path is None:
        parser.error("the file to write is missing")
    else:
        make(given.path, given.packets, given.connections, given.longest)


if __name__ == "__main__":
    main()
