"""Frames of every kind the decoder knows, good and bad: (link type, frame)."""

from __future__ import annotations

import random
import struct

from tests import builders as b

OPTIONS = {
    "syn": b.mss(1460) + b.SACK_PERMITTED + b.timestamps(1, 2) + b.NOP + b.wscale(7),
    "sack": b.NOP + b.NOP + b.timestamps(3, 4) + b.NOP + b.NOP + b.sack((10, 20), (30, 40)),
    "md5": b.MD5,
    "zero length": b"\x02\x00\x05\xb4",
    "length beyond": b"\x01\x01\x08\x0a",
    "wrong lengths": b"\x02\x03\x05\x03\x04\x07\x00\x04\x03\x00",
    "lone kind": b"\x01\x01\x01\x08",
    "unknown": b"\x1e\x04\x00\x00\xfe\x04ab",
}
ALERTS = {
    "close_notify": b"\x15\x03\x03\0\x02\x01\0",
    "fatal": b"\x15\x03\x01\0\x02\x02\x28",
    "warning": b"\x15\x03\x03\0\x02\x01\x5a",
    "encrypted": b"\x15\x03\x03\0\x1a" + bytes(26),
    "tls 1.3": b"\x17\x03\x03\0\x13" + bytes(19),
    "after data": b"\x17\x03\x03\0\x40" + bytes(64) + b"\x15\x03\x03\0\x1a" + bytes(26),
    "looked back": b"\x99" * 50 + b"\x15\x03\x03\0\x1a" + bytes(26),
    "looked back 1.3": b"\x99" * 50 + b"\x17\x03\x03\0\x13" + bytes(19),
    "odd level": b"\x15\x03\x03\0\x02\x07\0",
    "record goes on": b"\x17\x03\x03\x40\0" + bytes(100),
    "no record": b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n" * 3,
    "empty record": b"\x17\x03\x03\0\0" + bytes(30),
}


def _segments() -> list[bytes]:
    out = [b.tcp(1, 2, flags="S", options=options) for options in OPTIONS.values()]
    out += [b.tcp(443, 2, flags="PA", payload=payload) for payload in ALERTS.values()]
    out += [
        b.tcp(1, 2, flags="FA", payload=b"x"),
        b.tcp(1, 2, flags="R", seq=2**32 - 1, win=0),
        b.tcp(1, 2, flags="SECe"),
        b.tcp(1, 2, offset=4),
        b.tcp(1, 2, offset=15),
        b.tcp(1, 2, payload=bytes(range(64))),
        b.tcp(1, 2, payload=bytes(1600)),
        b.tcp(1, 2, payload=b"odd", checksum=0x1234),
        b.tcp(1, 2)[:12],
    ]
    return out


def _packets() -> list[bytes]:
    segment = b.tcp(80, 40000, flags="PA", payload=b"hello")
    pseudo = b.checksum(b.pseudo_header("10.0.0.1", "10.0.0.2", len(segment))) ^ 0xFFFF
    out = [b.ipv4(s) for s in _segments()] + [b.ipv6(s) for s in _segments()]
    out += [
        b.ipv4(segment, options=b"\x07\x07\x04abc"),
        b.ipv4(segment, total_length=0),
        b.ipv4(segment, total_length=0) + bytes(3000),
        b.ipv4(segment, total_length=19),
        b.ipv4(segment, total_length=2000),
        b.ipv4(segment) + bytes(6),
        b.ipv4(segment[:16] + struct.pack(">H", pseudo) + segment[18:]),
        b.ipv4(segment[:16] + b"\xff\xff" + segment[18:]),
        b.ipv4(segment, fill_checksum=False),
        b"\x42" + b.ipv4(segment)[1:],
        b"\x55" + b.ipv4(segment)[1:],
        b.ipv4(bytes(8), proto=17),
        b.ipv4(bytes(8), proto=1),
        b.ipv4(bytes(8), proto=47),
        *b.fragments4(b.tcp(1, 2, payload=bytes(100)), 48),
        b.ipv4(segment[:16], more=True),
        b.ipv6(bytes(8), next_header=17),
        b.ipv6(bytes(8), next_header=58),
        b.ipv6(bytes(8), next_header=59),
        b.ipv6(segment, payload_length=0),
        b.ipv6(segment, payload_length=10),
        b.ipv6(segment, extensions=[(0, bytes(6)), (43, bytes(14)), (60, bytes(6))]),
        b.ipv6(segment, extensions=[(51, bytes(10))]),
        b.ipv6(segment, extensions=[(60, bytes(6))] * 20),
        b.ipv6(segment, extensions=[b.fragment6(0, False, 9)]),
        b.ipv6(segment, extensions=[b.fragment6(0, True, 9)]),
        b.ipv6(segment, extensions=[b.fragment6(0, True, 9), (60, bytes(6))]),
        b.ipv6(bytes(24), extensions=[b.fragment6(32, False, 9)]),
        b.ipv6(bytes(24), extensions=[b.fragment6(32, False, 9), (60, bytes(6))]),
    ]
    return out


def _errors() -> list[bytes]:
    """ICMP errors, whole, cut, about other things."""
    segment = b.tcp(80, 40000, flags="S", seq=77)
    four, six = b.ipv4(segment, ip_id=9), b.ipv6(segment)
    out = [
        b.icmp4(kind, code, four, 1400)
        for kind, code in (
            (3, 1),
            (3, 3),
            (3, 4),
            (3, 13),
            (4, 0),
            (11, 0),
            (12, 0),
            (0, 0),
            (8, 0),
        )
    ]
    out += [b.icmp6(kind, 0, six, mtu) for kind in (1, 2, 3, 4, 5, 128) for mtu in (0, 1280, 99999)]
    out += [b.icmp4(3, 3, four[:size]) for size in (0, 19, 20, 27, 28, 40)]
    out += [b.icmp6(1, 4, six[:size]) for size in (0, 20, 39, 40, 47, 48)]
    out += [
        b.icmp4(3, 3, packet)
        for packet in (
            six,
            b.ipv4(segment, options=b"\x07\x07\x04abc"),
            b.ipv4(segment, proto=17),
            b.ipv4(segment, fragment=64),
            b.ipv4(segment, more=True),
            b"\x44" + four[1:],
            b"\x4f" + four[1:],
            b.ipv4(segment, df=False),
        )
    ]
    out += [
        b.icmp6(1, 4, packet)
        for packet in (
            four,
            b.ipv6(segment, next_header=17),
            b.ipv6(segment, extensions=[(0, bytes(6))]),
        )
    ]
    out += [
        b.ipv4(b.icmp4(3, 3, four)[20:], proto=1, more=True, df=False),
        b.ipv4(b.icmp4(3, 3, four)[20:], proto=1, options=b"\x01" * 4),
        b.ipv6(b.icmp6(1, 4, six)[40:], next_header=58, extensions=[(0, bytes(6))]),
        b.ipv6(b.icmp6(1, 4, six)[40:], next_header=58, extensions=[b.fragment6(0, True, 9)]),
    ]
    return out


PACKETS = _packets() + _errors()
PLAIN = b.ipv4(b.tcp(1, 2, flags="PA", payload=b"hello"))
PLAIN6 = b.ipv6(b.tcp(1, 2, flags="PA", payload=b"hello"))
LABEL = b"\x00\x01\x01\x40"


def udp(port: int, body: bytes) -> bytes:
    return struct.pack(">HHHH", 55555, port, 8 + len(body), 0) + body


def _gre(kind: int, body: bytes, flags: int = 0) -> bytes:
    fields = 4 * sum(bool(flags & bit) for bit in (0x8000, 0x2000, 0x1000))
    return struct.pack(">HH", flags, kind) + bytes(range(1, fields + 1)) + body


BRIDGED = b.ether(PLAIN)
TAGGED = b.ether(PLAIN6, vlans=[33])
# What a tunnel puts before a packet, by name: protocol, and what follows the outer IP header.
TUNNELS: dict[str, tuple[int, bytes]] = {
    "GRE": (47, _gre(0x0800, PLAIN)),
    "GRE with key, checksum and number": (47, _gre(0x86DD, PLAIN6, 0xB000)),
    "GRE, bridged": (47, _gre(0x6558, TAGGED, 0x2000)),
    "GRE with MPLS": (47, _gre(0x8847, LABEL + PLAIN)),
    "ERSPAN I": (47, _gre(0x88BE, BRIDGED)),
    "ERSPAN II": (47, _gre(0x88BE, b"\x10\x07" + bytes(6) + TAGGED, 0x1000)),
    "ERSPAN III": (47, _gre(0x22EB, b"\x20\x07" + bytes(10) + BRIDGED, 0x1000)),
    "ERSPAN III with platform bytes": (
        47, _gre(0x22EB, b"\x20\x07" + bytes(9) + b"\1" + bytes(8) + BRIDGED, 0x1000)
    ),
    "IPv4 in IP": (4, PLAIN),
    "IPv6 in IP": (41, PLAIN6),
    "VXLAN": (17, udp(4789, b"\x08\0\0\0\0\0\x2a\0" + BRIDGED)),
    "VXLAN with a group policy": (17, udp(4789, b"\x88\0\0\5\0\0\x2a\0" + TAGGED)),
    "VXLAN, Linux's old port": (17, udp(8472, b"\x08\0\0\0\0\0\x2a\0" + BRIDGED)),
    "Geneve": (17, udp(6081, b"\0\0\x65\x58\0\0\x2a\0" + BRIDGED)),
    "Geneve with options": (17, udp(6081, b"\2\x40\x08\0\0\0\x2a\0" + bytes(8) + PLAIN)),
    "GTP-U": (17, udp(2152, b"\x30\xff\0\x2d\0\0\0\1" + PLAIN)),
    "GTP-U with a number": (17, udp(2152, b"\x32\xff\0\x31\0\0\0\1\0\1\0\0" + PLAIN)),
    "GTP-U with a header more": (
        17, udp(2152, b"\x34\xff\0\x35\0\0\0\1\0\0\0\x85\1\0\1\0" + PLAIN6)
    ),
    "two tunnels": (47, _gre(0x0800, b.ipv4(PLAIN, proto=4))),
    "an ICMP error": (4, b.icmp4(3, 1, PLAIN)),
}  # fmt: skip


def _deep(times: int) -> bytes:
    return PLAIN if not times else b.ipv4(_deep(times - 1), proto=4)


# The like of them, in which no segment can be found, and what they are counted as.
NO_TUNNELS: dict[str, tuple[int, bytes]] = {
    "GRE with a source route": (47, _gre(0x0800, PLAIN, 0x4000)),
    "GRE of PPTP": (47, _gre(0x880B, PLAIN, 0x2001)),
    "GRE with ARP": (47, _gre(0x0806, bytes(28))),
    "GRE with UDP": (47, _gre(0x0800, b.ipv4(bytes(8), proto=17))),
    "GRE with an echo": (47, _gre(0x0800, b.icmp4(8, 0, b""))),
    "five tunnels": (4, _deep(4)),
    "no IP in IP": (4, b"\x12" + bytes(40)),
    "ESP": (50, PLAIN),
    "VXLAN without its flag": (17, udp(4789, bytes(8) + BRIDGED)),
    "VXLAN from its port": (17, b"\x12\xb5\0\x50" + udp(80, bytes(4) + BRIDGED)[4:]),
    "Geneve of another version": (17, udp(6081, b"\x40\0\x65\x58\0\0\x2a\0" + BRIDGED)),
    "GTP-U, echo": (17, udp(2152, b"\x30\1\0\x2d\0\0\0\1" + PLAIN)),
    "GTP-U, no end of headers": (
        17, udp(2152, b"\x34\xff\0\0\0\0\0\1\0\0\0\x85" + b"\1\0\0\x85" * 6 + PLAIN)
    ),
    "GTP-U, an empty header": (
        17, udp(2152, b"\x34\xff\0\0\0\0\0\1\0\0\0\x85" + b"\0\0\0\0" + PLAIN)
    ),
    "another port": (17, udp(4790, b"\x08\0\0\0\0\0\x2a\0" + BRIDGED)),
}  # fmt: skip


def outer4(protocol: int, body: bytes) -> bytes:
    return b.ipv4(body, "192.0.2.1", "192.0.2.2", proto=protocol)


def outer6(protocol: int, body: bytes) -> bytes:
    return b.ipv6(body, "2001:db8:9::1", "2001:db8:9::2", next_header=protocol)


_CARRIERS = [
    outer(*inner)
    for inner in (*TUNNELS.values(), *NO_TUNNELS.values())
    for outer in (outer4, outer6)
] + [
    b.ipv4(TUNNELS["GRE"][1], proto=47, fragment=64),
    b.ipv4(TUNNELS["GRE"][1], proto=47, more=True, df=False),
    b.ipv4(PLAIN, proto=4, options=b"\x01" * 4),
    b.ipv6(PLAIN6, next_header=41, extensions=[(60, bytes(6))]),
    b.ipv6(PLAIN6, next_header=41, extensions=[(0, bytes(6))]),
    b.ipv6(PLAIN6, next_header=41, extensions=[b.fragment6(0, True, 9)]),
]

FRAMES = [b.ether(p) for p in (*PACKETS, *_CARRIERS)] + [
    b.ether(PLAIN, pad=True),
    b.ether(PLAIN, vlans=[7]),
    b.ether(PLAIN6, vlans=[(0x88A8, 8), 9]),
    b.ether(PLAIN, vlans=[(0x9100, 8), (0x88A8, 9), 10]),
    b.ether(PLAIN, vlans=[1] * 9),
    b.ether(b.pppoe(PLAIN), ethertype=0x8864),
    b.ether(b.pppoe(PLAIN6), ethertype=0x8864, vlans=[5]),
    b.ether(b"\x12" + b.pppoe(PLAIN)[1:], ethertype=0x8864),
    b.ether(b"\0\0\x0e\0" + LABEL + PLAIN, ethertype=0x8847),
    b.ether(LABEL + PLAIN6, ethertype=0x8847),
    b.ether(LABEL + b"\0\0\0\0" + PLAIN, ethertype=0x8847),
    b.ether(b"\0\0\0\x40" * 17, ethertype=0x8848),
    b.ether(bytes(28), ethertype=0x0806),
    b.ether(bytes(46), ethertype=0x88CC),
    b.ether(b"\xaa\xaa\x03\0\0\0\x08\0" + PLAIN, ethertype=60),
    b.ether(b"\xaa\xaa\x03\0\x40\x96\x08\0" + PLAIN, ethertype=60),
    b.ether(b"\x06\x06\x03" + PLAIN, ethertype=60),
    b.ether(b"\x42\x42\x03" + bytes(35), ethertype=38),
]

FRAMES_BY_LINK: list[tuple[int, bytes]] = (
    [(1, frame) for frame in FRAMES]
    + [(link, p) for link in (12, 14, 101, 228, 229) for p in (PLAIN, PLAIN6)]
    + [(113, b.cooked1(p)) for p in (PLAIN, PLAIN6)]
    + [(113, b.cooked1(bytes(30), ethertype=kind)) for kind in (1, 4, 0x0806, 0x8100)]
    + [(276, b.cooked2(p, ifindex)) for p in (PLAIN, PLAIN6) for ifindex in (1, 2, 2**32 - 1)]
    + [(276, b.cooked2(b"\0\x07\x08\0" + PLAIN, 3, ethertype=0x8100))]
    + [(link, b.null(PLAIN, order)) for link in (0, 108) for order in "<>"]
    + [(0, b.null(PLAIN6, "<", family)) for family in (10, 23, 24, 28, 30, 99)]
    + [(link, b.ppp(p, hdlc=h)) for link in (9, 50) for p in (PLAIN, PLAIN6) for h in (False, True)]
    + [(9, b"\x21" + PLAIN), (9, b"\xff\x03\xc0\x21" + bytes(20)), (9, b"\x02\x81" + LABEL + PLAIN)]
    + [
        (51, b.pppoe(PLAIN)),
        (104, b"\x0f\0\x08\0" + PLAIN),
        (117, b"\x3d\x02\0\0" + bytes(60) + PLAIN),
    ]
    + [(239, b.nflog(p, order)) for p in (PLAIN, PLAIN6) for order in "<>"]
    + [(239, b"\x02\0\0\0" + b"\4\0\1\0" * 40), (239, b"\x02\0\0\0" + bytes(40))]
    + [
        (258, b.pktap(b.ether(PLAIN))),
        (258, b.pktap(PLAIN6, 101)),
        (258, b.pktap(b.null(PLAIN), 0)),
    ]
    + [(258, b.pktap(PLAIN, 105)), (258, bytes(200))]
    + [(147, PLAIN), (117, b"\x3d\x63\0\0" + bytes(60) + PLAIN)]
)


def mutate(frame: bytes, dice: random.Random) -> bytes:
    """Damage: flipped bytes near the front, a cut, or bytes taken out."""
    body = bytearray(frame)
    for _ in range(dice.choice((0, 1, 1, 2, 8))):
        if body:
            at = dice.randrange(min(len(body), 90))
            body[at] = dice.choice(
                (0, 1, 0xFF, body[at] ^ 1 << dice.randrange(8), dice.randrange(256))
            )
    if dice.random() < 0.2:
        del body[dice.randrange(len(body) + 1) :]
    if dice.random() < 0.1 and body:
        del body[dice.randrange(len(body))]
    return bytes(body)
