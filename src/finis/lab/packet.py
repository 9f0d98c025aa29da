"""One TCP packet over IPv4 or IPv6, as far as a firewall that rewrites it must know it.

All numbers are those of the packet at hand; `rewritten` makes the packet that leaves the firewall.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
MASK = 0xFFFFFFFF
NAMES = {SYN: "SYN", FIN: "FIN", RST: "RST", PSH: "PSH", ACK: "ACK", URG: "URG"}
IPV6_HEADER = 40
OPTION_END, OPTION_NOP, OPTION_MSS, OPTION_WSCALE, OPTION_SACK = 0, 1, 2, 3, 5

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Packet:
    """`raw` from the IP header on, cut to the IP total length."""

    raw: bytes
    src: Address
    dst: Address
    seq: int
    ack: int
    flags: int
    win: int
    payload: bytes
    tcp_at: int
    options_end: int

    @property
    def next_seq(self) -> int:
        """SEG.SEQ + SEG.LEN, SYN and FIN counted (RFC 9293 §3.4)."""
        controls = bool(self.flags & SYN) + bool(self.flags & FIN)
        return (self.seq + len(self.payload) + controls) & MASK

    @property
    def flag_words(self) -> str:
        """As firewalls print them: ``FIN ACK``."""
        return " ".join(text for bit, text in NAMES.items() if self.flags & bit)


def parse(raw: bytes) -> Packet | None:
    """A packet from its IP header on; None if it is no whole, unfragmented TCP packet."""
    tcp_at = _tcp_at(raw)
    if tcp_at is None:
        return None
    six = tcp_at == IPV6_HEADER and raw[0] >> 4 == 6
    total = tcp_at + int.from_bytes(raw[4:6]) if six else int.from_bytes(raw[2:4])
    if not tcp_at + 20 <= total <= len(raw):
        return None
    raw = raw[:total]
    sport, dport, seq, ack, offset, flags, win = struct.unpack_from(">HHIIBBH", raw, tcp_at)
    data = tcp_at + (offset >> 4) * 4
    if not tcp_at + 20 <= data <= total:
        return None
    src, dst = (socket.inet_ntop(family, raw[at]) for family, at in _addresses(raw))
    return Packet(raw, (src, sport), (dst, dport), seq, ack, flags, win, raw[data:], tcp_at, data)


def _tcp_at(raw: bytes) -> int | None:
    """Where the TCP header begins; None without one, in a fragment, behind extension headers."""
    if len(raw) < 40:
        return None
    if raw[0] >> 4 == 6:
        return IPV6_HEADER if raw[6] == socket.IPPROTO_TCP else None
    header = (raw[0] & 15) * 4
    whole = raw[9] == socket.IPPROTO_TCP and not int.from_bytes(raw[6:8]) & 0x3FFF
    return header if raw[0] >> 4 == 4 and header >= 20 and whole else None


def _addresses(raw: bytes | bytearray) -> tuple[tuple[socket.AddressFamily, slice], ...]:
    """Family and place of the source and the destination address."""
    if raw[0] >> 4 == 6:
        return (socket.AF_INET6, slice(8, 24)), (socket.AF_INET6, slice(24, 40))
    return (socket.AF_INET, slice(12, 16)), (socket.AF_INET, slice(16, 20))


def option(packet: Packet, kind: int) -> tuple[int, int] | None:
    """Where an option's value begins and ends in `raw`."""
    at = packet.tcp_at + 20
    while at < packet.options_end:
        found = packet.raw[at]
        if found == OPTION_END:
            return None
        if found == OPTION_NOP:
            at += 1
            continue
        if at + 1 >= packet.options_end:
            return None
        size = packet.raw[at + 1]
        if size < 2 or at + size > packet.options_end:
            return None
        if found == kind:
            return at + 2, at + size
        at += size
    return None


def rewritten(
    packet: Packet,
    add_seq: int,
    add_ack: int,
    src: Address | None = None,
    dst: Address | None = None,
    mss: int | None = None,
) -> bytes:
    """The packet with other sequence numbers, and addresses where given.

    `add_seq` applies to SEQ; `add_ack` to ACK and to the SACK edges, which number the other
    direction (RFC 2018 §3).  `mss` lowers a larger MSS option.  Checksums are made anew.
    """
    out = bytearray(packet.raw)
    at = packet.tcp_at
    struct.pack_into(">I", out, at + 4, (packet.seq + add_seq) & MASK)
    if packet.flags & ACK:
        struct.pack_into(">I", out, at + 8, (packet.ack + add_ack) & MASK)
        edges = option(packet, OPTION_SACK)
        if edges:
            for edge in range(edges[0], edges[1] - 3, 4):
                (old,) = struct.unpack_from(">I", out, edge)
                struct.pack_into(">I", out, edge, (old + add_ack) & MASK)
    if mss is not None and packet.flags & SYN:
        value = option(packet, OPTION_MSS)
        if value and value[1] - value[0] == 2:
            least = min(mss, int.from_bytes(out[value[0] : value[1]]))
            struct.pack_into(">H", out, value[0], least)
    for place, (end, (family, address)) in enumerate(zip((src, dst), _addresses(out), strict=True)):
        if end is not None:
            out[address] = socket.inet_pton(family, end[0])
            struct.pack_into(">H", out, at + 2 * place, end[1])
    return sealed(out, at)


def build(
    src: Address,
    dst: Address,
    flags: int,
    seq: int,
    ack: int = 0,
    win: int = 0,
    payload: bytes = b"",
    ttl: int = 64,
) -> bytes:
    """A packet without options."""
    tcp = struct.pack(
        ">HHIIBBHHH", src[1], dst[1], seq & MASK, ack & MASK, 5 << 4, flags, win, 0, 0
    )
    size = len(tcp) + len(payload)
    if ":" in src[0]:
        head = struct.pack(">IHBB", 6 << 28, size, socket.IPPROTO_TCP, ttl)
        family = socket.AF_INET6
    else:
        head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + size, 0, 0x4000, ttl, socket.IPPROTO_TCP, 0)
        family = socket.AF_INET
    head += socket.inet_pton(family, src[0]) + socket.inet_pton(family, dst[0])
    return sealed(bytearray(head + tcp + payload), len(head))


def sealed(out: bytearray, tcp_at: int) -> bytes:
    """With its checksums made anew."""
    if out[0] >> 4 == 4:
        out[10:12] = b"\0\0"
        struct.pack_into(">H", out, 10, checksum(out[:tcp_at]))
    out[tcp_at + 16 : tcp_at + 18] = b"\0\0"
    (_, src), (_, dst) = _addresses(out)
    pseudo = out[src] + out[dst] + struct.pack(">II", len(out) - tcp_at, socket.IPPROTO_TCP)
    struct.pack_into(">H", out, tcp_at + 16, checksum(pseudo + out[tcp_at:]))
    return bytes(out)


def checksum(data: bytes | bytearray) -> int:
    """The Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data = bytes(data) + b"\0"
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ahead(a: int, b: int) -> int:
    """How far a is ahead of b, modulo 2³², in -2³¹ … 2³¹-1."""
    return ((a - b + 0x80000000) & MASK) - 0x80000000
