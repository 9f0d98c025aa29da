"""Resets against every state of a real socket: a scripted peer brings a kernel socket into a
state, sends one RST, and the kernel says whether the socket survived.  The tracker, which only saw
the capture, must agree.

The peer has an address nobody owns, so no kernel interferes on its side.  Needs what `test_netns`
needs.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC

import numpy as np
import pytest

from finis.terms import Accept, Ended
from finis.tracking import endings
from finis.tracking.segments import tracker
from finis.wire.captures import pcap
from finis.wire.source import Points, Reading, Source
from tests.tracking.test_netns import SERVER, TAG, captured, inside, ip, namespaces, pytestmark

__all__ = ["pytestmark"]

PEER = "10.99.0.50"
FIN, SYN, RST, ACK = 1, 2, 4, 16
TCP_CLOSE = 7  # tcpi_state, linux/tcp_states.h
ISN = 1000


class Peer:
    """A scripted TCP: says only what it is told to."""

    def __init__(self, source_port: int, port: int) -> None:
        self.ports = (source_port, port)
        self.nxt, self.rcv = ISN, 0
        with inside("c"):
            self.out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
            self.tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
        self.tap.settimeout(0.5)

    def close(self) -> None:
        self.out.close()
        self.tap.close()

    def send(self, flags: int, seq: int | None = None, ack: int | None = None) -> None:
        number = (self.nxt if seq is None else seq) & 0xFFFFFFFF
        answer = (self.rcv if ack is None else ack) & 0xFFFFFFFF if flags & ACK else 0
        head = struct.pack(">HHIIBBHHH", *self.ports, number, answer, 6 << 4, flags, 65535, 0, 0)
        tcp = head + bytes([2, 4, 5, 180])  # MSS 1460
        src, dst = socket.inet_aton(PEER), socket.inet_aton(SERVER)
        total = sum(struct.unpack(">18H", src + dst + struct.pack(">BBH", 0, 6, 24) + tcp))
        total = (total & 0xFFFF) + (total >> 16)
        total = (total & 0xFFFF) + (total >> 16)
        tcp = tcp[:16] + struct.pack(">H", ~total & 0xFFFF) + tcp[18:]
        packet = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 44, 0, 0, 64, 6, 0, src, dst) + tcp
        self.out.sendto(packet, (SERVER, 0))
        if seq is None:
            self.nxt += bool(flags & SYN) + bool(flags & FIN)

    def hear(self, flags: int) -> int:
        """Wait for a segment with these flags; its SEQ."""
        until = time.monotonic() + 1
        while time.monotonic() < until:
            packet = self.tap.recv(2048)
            if packet[9] != 6 or packet[12:16] != socket.inet_aton(SERVER):
                continue
            src, dst, seq, _, _, seen = struct.unpack(">HHIIBB", packet[20:34])
            if (dst, src) == self.ports and seen & flags == flags:
                return int(seq)
        raise TimeoutError("the kernel did not send what was expected")


def established(peer: Peer) -> socket.socket:
    with inside("s"):
        listener = socket.create_server((SERVER, peer.ports[1]))
    peer.send(SYN)
    peer.rcv = peer.hear(SYN | ACK) + 1
    peer.send(ACK)
    sock, _ = listener.accept()
    listener.close()
    return sock


def fin_wait_1(peer: Peer) -> socket.socket:
    sock = established(peer)
    sock.shutdown(socket.SHUT_WR)
    peer.hear(FIN)
    return sock


def fin_wait_2(peer: Peer) -> socket.socket:
    sock = fin_wait_1(peer)
    peer.rcv += 1
    peer.send(ACK)
    return sock


def close_wait(peer: Peer) -> socket.socket:
    sock = established(peer)
    peer.send(FIN | ACK)
    peer.hear(ACK)
    return sock


def closing(peer: Peer) -> socket.socket:
    sock = fin_wait_1(peer)
    peer.send(FIN | ACK)
    return sock


def last_ack(peer: Peer) -> socket.socket:
    sock = close_wait(peer)
    sock.shutdown(socket.SHUT_WR)
    peer.hear(FIN)
    return sock


def syn_sent(peer: Peer) -> socket.socket:
    with inside("s"):
        sock = socket.socket()
        sock.setblocking(False)
        sock.bind((SERVER, peer.ports[1]))
        sock.connect_ex((PEER, peer.ports[0]))
    peer.rcv = peer.hear(SYN) + 1
    return sock


STATES = [established, fin_wait_1, fin_wait_2, close_wait, closing, last_ack]
OFFSETS = {"exact": 0, "one before": -1, "in window": 10, "before": -100, "far": 1 << 29}
Case = tuple[Callable[[Peer], socket.socket], str, int, int, int]
CASES: list[Case] = [
    (state, where, RST | bits, offset, 0)
    for state in STATES
    for where, offset in OFFSETS.items()
    for bits in (ACK, 0)
] + [
    (syn_sent, "good ACK", RST | ACK, 0, 0),
    (syn_sent, "bad ACK", RST | ACK, 0, 77),
    (syn_sent, "no ACK", RST, 0, 0),
]
PORT = 8000


def alive(sock: socket.socket) -> bool:
    return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != TCP_CLOSE


@pytest.fixture(scope="module")
def lab(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[list[bool], np.ndarray]]:  # type: ignore[type-arg]
    """Whether each socket survived its RST, and the observations."""
    path = tmp_path_factory.mktemp("states") / "states.pcap"
    survived = []
    with ExitStack() as stack:
        stack.enter_context(namespaces())
        shown = ip("-n", f"{TAG}c", "-o", "link", "show", f"{TAG}c")
        mac = shown.split("link/ether ")[1].split()[0]
        ip("-n", f"{TAG}s", "neigh", "add", PEER, "lladdr", mac, "dev", f"{TAG}s")
        held = stack.enter_context(ExitStack())
        with captured(path):
            for number, (state, _, flags, offset, error) in enumerate(CASES):
                peer = Peer(30_000 + number, PORT + number)
                held.callback(peer.close)
                sock = held.enter_context(state(peer))
                time.sleep(0.002)
                peer.send(flags, peer.nxt + offset, peer.rcv + error)
                time.sleep(0.01)
                survived.append(alive(sock))
        source = Source(0, str(path), Points(), "lab")
        one = tracker()
        with path.open("rb") as stream:
            for batch in pcap.read(stream, source, Reading(UTC)):
                one.feed(batch)
        yield survived, one.finish().rows


def name_of(number: int) -> str:
    state, where, flags, _, _ = CASES[number]
    return f"{state.__name__} {where}{' with ACK' if flags & ACK else ''}"


@pytest.mark.parametrize("number", range(len(CASES)), ids=name_of)
def test_the_tracker_knows_whether_the_socket_survived(
    number: int,
    lab: tuple[list[bool], np.ndarray],  # type: ignore[type-arg]
) -> None:
    survived, rows = lab
    port = PORT + number
    row = rows[(rows["resp_p"] == port) | (rows["orig_p"] == port)][-1]
    peer = 0 if row["resp_p"] == port else 1
    ended = Ended(int(row["ended"]))
    accept = Accept(int(row["rst_accept"][peer]))
    told = f"{endings.text(row['ending'])}: {ended.name}, {accept.name}"
    assert survived[number] == (ended not in (Ended.RESET, Ended.REFUSED)), told
    if row["reset_by"] == peer:
        assert not survived[number] and accept == Accept.EXACT, told
    if accept == Accept.OUTSIDE:
        assert survived[number], told
