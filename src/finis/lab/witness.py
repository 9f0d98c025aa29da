"""What really happened to each TLS connection of a run, without asking finis.

Three witnesses: the capture nearest to each host (what it sent, and when), TLS records walked in
the reassembled stream, and the kernel that sent a RST, which names its reason (`resets`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from finis.lab.kinds import OUTSIDE
from finis.lab.packet import ACK, FIN, MASK, RST, SYN, Packet
from finis.lab.resets import Sent
from finis.lab.trim import records

CLIENT_SIDE, SERVER_SIDE = "client", "server"
OTHER = {CLIENT_SIDE: SERVER_SIDE, SERVER_SIDE: CLIENT_SIDE}
NEAR = {CLIENT_SIDE: "outside", SERVER_SIDE: "inside"}
CHANGE_CIPHER, ALERT, DATA = 20, 21, 23
# Length of a record that holds two bytes, their type and a tag (RFC 8446 §5.2); the JDK pads every
# record with 16 zeros.
TLS13_ALERTS = (19, 35)
NEAR_S = 0.02  # a RST passes the tap this soon after the kernel gave its reason

Timed = list[tuple[float, Packet]]


@dataclass(frozen=True)
class Half:
    """What one host sent.  Times in seconds since 1970, None: never."""

    fin: float | None
    fin_acks: int | None  # relative number that its first FIN acknowledges
    fin_end: int  # relative number after that FIN
    notify: float | None  # its closing alert left,
    notify_came: float | None  # and reached the other host's side of the firewall
    last_data: float | None  # its last payload left
    resets: tuple[tuple[float, bool, str], ...]  # when, ACK bit, the kernel's reason or ""

    @property
    def reason(self) -> str:
        """Why its kernel sent its first RST; empty: it sent none, or told no reason."""
        return self.resets[0][2] if self.resets else ""

    @property
    def first_sign(self) -> float | None:
        """When it first said that it ends: FIN or RST."""
        return min((t for t in (self.fin, *(one[0] for one in self.resets)) if t), default=None)


@dataclass(frozen=True)
class Connection:
    """One connection, as the two hosts saw it themselves."""

    client_port: int
    server_port: int
    client: Half
    server: Half

    def half(self, side: str) -> Half:
        return self.client if side == CLIENT_SIDE else self.server

    @property
    def crossed(self) -> bool:
        """Two FINs, neither of which acknowledges the other."""
        ours, theirs = self.client, self.server
        return (
            ours.fin_acks is not None
            and theirs.fin_acks is not None
            and ours.fin_acks < theirs.fin_end
            and theirs.fin_acks < ours.fin_end
        )

    @property
    def first(self) -> str:
        """Who said first that it ends: client, server, none."""
        signs = {one: when for one in OTHER if (when := self.half(one).first_sign) is not None}
        return min(signs, key=lambda one: signs[one]) if signs else "none"

    @property
    def first_reset(self) -> str:
        """Who sent the first RST: client, server, none."""
        times = {one: sent[0][0] for one in OTHER if (sent := self.half(one).resets)}
        return min(times, key=lambda one: times[one]) if times else "none"

    def fate(self, sender: str) -> str:
        """What became of a side's close_notify at the other host.

        A RST with the ACK bit comes from a socket of its own accord, here always because bytes
        were unread (the counters agree); without it a RST answers what met no open socket.
        """
        mine, peer = self.half(sender), self.half(OTHER[sender])
        if mine.notify is None:
            return "-"
        if mine.notify_came is None:
            return "lost"
        own = next((ack for when, ack, _ in peer.resets if when > mine.notify_came), None)
        if own is None:
            return "after RST" if peer.resets else "taken"
        return "unread" if own else "after close"


def connections(folder: Path, told: Sequence[Sent]) -> list[Connection]:
    """Every connection of a run but the background's; `told`: what the kernels said of RSTs."""
    seen: dict[str, dict[tuple[int, int], dict[str, Timed]]] = {}
    for side, name in NEAR.items():
        seen[side] = defaultdict(lambda: {CLIENT_SIDE: [], SERVER_SIDE: []})
        for sender, ts, packet in _packets(folder / f"{name}.pcap"):
            ports = (packet.src[1], packet.dst[1])
            key = ports if sender == CLIENT_SIDE else ports[::-1]
            seen[side][key][sender].append((ts, packet))
    found = []
    for key in sorted(seen[CLIENT_SIDE], key=lambda key: key[::-1]):
        halves = {
            side: _half(seen[side][key][side], seen[OTHER[side]][key][side], told)
            for side in (CLIENT_SIDE, SERVER_SIDE)
        }
        found.append(Connection(*key, halves[CLIENT_SIDE], halves[SERVER_SIDE]))
    return found


def _packets(path: Path) -> Iterator[tuple[str, float, Packet]]:
    for record in records(path.read_bytes()):
        packet = record.packet
        if packet is not None:
            sender = CLIENT_SIDE if packet.src[0] == OUTSIDE[0] else SERVER_SIDE
            yield sender, record.us / 1e6, packet


def _half(near: Timed, far: Timed, told: Sequence[Sent]) -> Half:
    """`near`, `far`: what the host sent, as seen on its own and on the other side."""
    fins = [(ts, packet) for ts, packet in near if packet.flags & FIN]
    resets = [(ts, packet) for ts, packet in near if packet.flags & RST]
    start = next((packet for _, packet in near if packet.flags & SYN), None)
    isn = start.seq if start else 0
    peer_isn = next((packet.ack - 1 for _, packet in near if packet.flags & ACK), 0)
    stream, ends = _stream(near)
    at = _closing_alert(stream)
    notify = next((ts for ts, end in ends if at is not None and end >= at), None)
    came = next((ts for ts, end in _stream(far)[1] if at is not None and end >= at), None)
    return Half(
        fin=fins[0][0] if fins else None,
        fin_acks=(fins[0][1].ack - peer_isn) & MASK if fins else None,
        fin_end=(fins[0][1].next_seq - isn) & MASK if fins else 0,
        notify=notify,
        notify_came=came,
        last_data=ends[-1][0] if ends else None,
        resets=tuple(
            (ts, bool(packet.flags & ACK), reason)
            for (ts, packet), reason in zip(resets, _reasons(resets, told), strict=True)
        ),
    )


def _stream(sent: Timed) -> tuple[bytes, list[tuple[float, int]]]:
    """The bytes a host sent, without holes, and how far they reached when."""
    start = next((packet for _, packet in sent if packet.flags & SYN), None)
    if start is None:
        return b"", []
    pieces = [
        ((packet.seq - start.seq - 1) & MASK, ts, packet.payload)
        for ts, packet in sent
        if packet.payload
    ]
    whole = bytearray()
    for at, _, payload in sorted(pieces, key=lambda piece: piece[0]):
        if at <= len(whole):
            whole += payload[len(whole) - at :]
    return bytes(whole), sorted((ts, at + len(payload)) for at, ts, payload in pieces)


def _closing_alert(stream: bytes) -> int | None:
    """Where the stream's first alert record under encryption ends.

    TLS 1.2 marks it by its type; in TLS 1.3 it is the record of 19 bytes, or 35 from the JDK, since
    no program here sends messages of such a size.
    """
    at, encrypted = 0, False
    while at + 5 <= len(stream):
        kind, size = stream[at], int.from_bytes(stream[at + 3 : at + 5])
        at += 5 + size
        encrypted |= kind in (CHANGE_CIPHER, DATA)
        if encrypted and (kind == ALERT or (kind == DATA and size in TLS13_ALERTS)):
            return at
    return None


def _reasons(resets: Timed, told: Sequence[Sent]) -> list[str]:
    """The kernel's reason for each RST of a host: same ports, in order, at the same moment."""
    found, left = [], list(told)
    for ts, packet in resets:
        ports = (packet.src[1], packet.dst[1])
        one = next(
            (one for one in left
             if one.src[1] == ports[0] and one.dst[1] in (ports[1], 0)
             and abs(one.ts - ts) <= NEAR_S),
            None,
        )  # fmt: skip
        if one is not None:
            left.remove(one)
        found.append(one.reason if one is not None else "")
    return found
