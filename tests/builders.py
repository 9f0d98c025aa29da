"""Builds frames and capture files byte by byte, so that a test says what is on the wire.

Packets are made inside out: ``ether(ipv4(tcp(80, 4000, flags="SA"), "10.0.0.1", "10.0.0.2"))``;
`packet()` makes the common case in one call.  Captures take ``(ts_ns, frame)`` or
``(ts_ns, frame, wire_len)`` tuples.  Nothing is checked: wrong values make hostile input.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable, Sequence

FLAGS = {"F": 1, "S": 2, "R": 4, "P": 8, "A": 16, "U": 32, "E": 64, "C": 128, "e": 256}
EPOCH_NS = 1_700_000_000_000_000_000  # a fixed day for captures that do not care

Frame = tuple[int, bytes] | tuple[int, bytes, int]


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071) of `data`."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


# --- TCP -------------------------------------------------------------------------------------

NOP = b"\1"
EOL = b"\0"
SACK_PERMITTED = b"\4\2"
MD5 = b"\x13\x12" + bytes(16)


def mss(value: int) -> bytes:
    return struct.pack(">BBH", 2, 4, value)


def wscale(shift: int) -> bytes:
    return struct.pack(">BBB", 3, 3, shift)


def sack(*blocks: tuple[int, int]) -> bytes:
    return bytes([5, 2 + 8 * len(blocks)]) + b"".join(struct.pack(">II", *b) for b in blocks)


def timestamps(tsval: int, tsecr: int) -> bytes:
    return struct.pack(">BBII", 8, 10, tsval, tsecr)


def tcp(
    src_p: int,
    dst_p: int,
    *,
    flags: str | int = "A",
    seq: int = 1000,
    ack: int = 0,
    win: int = 65535,
    options: bytes = b"",
    payload: bytes = b"",
    checksum: int = 0,
    urgent: int = 0,
    offset: int | None = None,
) -> bytes:
    """A TCP segment; options are padded to 4 bytes with EOL; `offset` overrides data offset
    (words).  Its checksum is as given: `ipv4` and `ipv6` fill it in where it is 0."""
    bits = flags if isinstance(flags, int) else sum(FLAGS[letter] for letter in flags)
    options += bytes(-len(options) % 4)
    words = 5 + len(options) // 4 if offset is None else offset
    header = struct.pack(
        ">HHIIHHHH",
        src_p,
        dst_p,
        seq % 2**32,
        ack % 2**32,
        (words & 15) << 12 | bits,
        win,
        checksum,
        urgent,
    )
    return header + options + payload


# --- IP --------------------------------------------------------------------------------------


def _fill_checksum(segment: bytes, pseudo: bytes) -> bytes:
    if len(segment) < 18 or segment[16:18] != b"\0\0":
        return segment
    return segment[:16] + struct.pack(">H", checksum(pseudo + segment)) + segment[18:]


def pseudo_header(src: str, dst: str, length: int, proto: int = 6) -> bytes:
    """What the TCP checksum covers besides the segment (RFC 9293 §3.1)."""
    a, b = ipaddress.ip_address(src), ipaddress.ip_address(dst)
    if a.version == 4:
        return a.packed + b.packed + struct.pack(">BBH", 0, proto, length & 0xFFFF)
    return a.packed + b.packed + struct.pack(">II", length, proto)


def ipv4(
    payload: bytes,
    src: str = "10.0.0.1",
    dst: str = "10.0.0.2",
    *,
    proto: int = 6,
    ttl: int = 64,
    ip_id: int = 1,
    df: bool = True,
    more: bool = False,
    fragment: int = 0,
    options: bytes = b"",
    total_length: int | None = None,
    fill_checksum: bool = True,
) -> bytes:
    """An IPv4 packet; `fragment` is the fragment offset in bytes, `more` the MF bit.  The TCP
    checksum is filled in where it is 0, unless the packet is a fragment or told otherwise."""
    if proto == 6 and fill_checksum and not more and not fragment:
        payload = _fill_checksum(payload, pseudo_header(src, dst, len(payload)))
    options += bytes(-len(options) % 4)
    length = 20 + len(options) + len(payload) if total_length is None else total_length
    header = struct.pack(
        ">BBHHHBBH",
        0x40 | 5 + len(options) // 4,
        0,
        length & 0xFFFF,
        ip_id,
        df << 14 | more << 13 | fragment // 8,
        ttl,
        proto,
        0,
    )
    header += ipaddress.IPv4Address(src).packed + ipaddress.IPv4Address(dst).packed + options
    return header[:10] + struct.pack(">H", checksum(header)) + header[12:] + payload


def fragments4(payload: bytes, size: int, **fields: object) -> list[bytes]:
    """The IPv4 fragments of `payload`, `size` bytes each (a multiple of 8)."""
    out = []
    for at in range(0, len(payload), size):
        more = at + size < len(payload)
        part = payload[at : at + size]
        out.append(ipv4(part, df=False, more=more, fragment=at, **fields))  # type: ignore[arg-type]
    return out


def extension6(kind: int, next_header: int, body: bytes = bytes(6)) -> bytes:
    """An IPv6 extension header whose type is named by the header before it (RFC 8200 §4); `body`
    is padded so that the header is a multiple of 8 bytes (AH, 51: counted in words)."""
    if kind == 44:
        return bytes([next_header, 0]) + body
    body += bytes(-(len(body) + 2) % 8)
    length = (len(body) + 2) // 4 - 2 if kind == 51 else (len(body) + 2) // 8 - 1
    return bytes([next_header, length]) + body


def ipv6(
    payload: bytes,
    src: str = "2001:db8::1",
    dst: str = "2001:db8::2",
    *,
    next_header: int = 6,
    hop_limit: int = 64,
    payload_length: int | None = None,
    extensions: Sequence[tuple[int, bytes]] = (),
    fill_checksum: bool = True,
) -> bytes:
    """An IPv6 packet; `extensions` are ``(type, body)``, a fragment header's body is its 6 bytes
    after the reserved one (see `fragment6`)."""
    if next_header == 6 and fill_checksum and not any(kind == 44 for kind, _ in extensions):
        payload = _fill_checksum(payload, pseudo_header(src, dst, len(payload)))
    kind = next_header
    for this, body in reversed(extensions):
        payload = extension6(this, kind, body) + payload
        kind = this
    length = len(payload) if payload_length is None else payload_length
    header = struct.pack(">IHBB", 6 << 28, length & 0xFFFF, kind, hop_limit)
    return header + ipaddress.IPv6Address(src).packed + ipaddress.IPv6Address(dst).packed + payload


def icmp4(kind: int, code: int, about: bytes, mtu: int = 0, by: str = "203.0.113.1") -> bytes:
    """An ICMP error (RFC 792) of `by` to the sender of the IPv4 packet it quotes."""
    body = struct.pack(">BBHHH", kind, code, 0, 0, mtu) + about
    body = body[:2] + struct.pack(">H", checksum(body)) + body[4:]
    to = str(ipaddress.IPv4Address(about[12:16])) if len(about) >= 16 else "10.0.0.1"
    return ipv4(body, by, to, proto=1, ttl=60, df=False)


def icmp6(kind: int, code: int, about: bytes, mtu: int = 0, by: str = "2001:db8:f::1") -> bytes:
    """An ICMPv6 error (RFC 4443)."""
    body = struct.pack(">BBHI", kind, code, 0, mtu) + about
    to = str(ipaddress.IPv6Address(about[8:24])) if len(about) >= 24 else "2001:db8::1"
    return ipv6(body, by, to, next_header=58, hop_limit=60)


def fragment6(offset: int, more: bool, ident: int) -> tuple[int, bytes]:
    """An IPv6 fragment header for `ipv6(extensions=…)`; `offset` in bytes."""
    return 44, struct.pack(">HI", offset & 0xFFF8 | more, ident)


# --- links -----------------------------------------------------------------------------------


def ethertype_of(packet: bytes) -> int:
    return 0x86DD if packet[:1] and packet[0] >> 4 == 6 else 0x0800


def ether(
    packet: bytes,
    *,
    vlans: Sequence[int | tuple[int, int]] = (),
    ethertype: int | None = None,
    pad: bool = False,
    links: tuple[bytes, bytes] = (b"\2\0\0\0\0\1", b"\2\0\0\0\0\2"),
) -> bytes:
    """An Ethernet frame; `vlans` from the outside in, as id or ``(tpid, id)``; `pad` to 60; `links`
    are the addresses of sender and receiver."""
    kind = ethertype_of(packet) if ethertype is None else ethertype
    tags = [(0x8100, tag) if isinstance(tag, int) else tag for tag in vlans]
    frame = links[1] + links[0]
    frame += b"".join(struct.pack(">HH", tpid, vid) for tpid, vid in tags)
    frame += struct.pack(">H", kind) + packet
    return frame.ljust(60, b"\0") if pad else frame


def cooked1(packet: bytes, *, ethertype: int | None = None, direction: int = 0) -> bytes:
    """LINKTYPE_LINUX_SLL (113)."""
    kind = ethertype_of(packet) if ethertype is None else ethertype
    return struct.pack(">HHH8sH", direction, 1, 6, b"\2\0\0\0\0\1\0\0", kind) + packet


def cooked2(packet: bytes, ifindex: int = 1, *, ethertype: int | None = None) -> bytes:
    """LINKTYPE_LINUX_SLL2 (276)."""
    kind = ethertype_of(packet) if ethertype is None else ethertype
    return struct.pack(">HHIHBB8s", kind, 0, ifindex, 1, 0, 6, b"\2\0\0\0\0\1\0\0") + packet


def null(packet: bytes, order: str = "<", family: int | None = None) -> bytes:
    """LINKTYPE_NULL (0); LINKTYPE_LOOP (108) is the same with ``>``."""
    kind = (30 if packet[0] >> 4 == 6 else 2) if family is None else family
    return struct.pack(order + "I", kind) + packet


def nflog(packet: bytes, order: str = "<") -> bytes:
    """LINKTYPE_NFLOG (239): a prefix attribute, then the packet."""
    family = 10 if packet[0] >> 4 == 6 else 2
    prefix = struct.pack(order + "HH", 9, 10) + b"drop\0\0\0\0"
    return (
        bytes([family, 0, 0, 5]) + prefix + struct.pack(order + "HH", 4 + len(packet), 9) + packet
    )


def pktap(frame: bytes, linktype: int = 1) -> bytes:
    """LINKTYPE_PKTAP (258), little-endian, with a header of 108 bytes."""
    return struct.pack("<III", 108, 1, linktype) + b"en0".ljust(96, b"\0") + frame


def ppp(packet: bytes, *, hdlc: bool = True) -> bytes:
    """LINKTYPE_PPP (9), with or without the FF 03 of HDLC framing."""
    kind = b"\0\x57" if packet[0] >> 4 == 6 else b"\0\x21"
    return (b"\xff\3" if hdlc else b"") + kind + packet


def pppoe(packet: bytes, session: int = 1) -> bytes:
    """A PPPoE session header and PPP, to go into `ether(…, ethertype=0x8864)`."""
    body = ppp(packet, hdlc=False)
    return struct.pack(">BBHH", 0x11, 0, session, len(body)) + body


def packet(
    src: str = "10.0.0.1:40000",
    dst: str = "10.0.0.2:443",
    flags: str | int = "A",
    *,
    seq: int = 1000,
    ack: int = 0,
    win: int = 65535,
    options: bytes = b"",
    payload: bytes = b"",
    ttl: int = 64,
    ip_id: int = 1,
    vlans: Sequence[int | tuple[int, int]] = (),
) -> bytes:
    """One Ethernet frame with one TCP segment; addresses as ``10.0.0.1:80`` or
    ``[2001:db8::1]:80``."""
    (src_h, src_p), (dst_h, dst_p) = _host_port(src), _host_port(dst)
    segment = tcp(
        src_p, dst_p, flags=flags, seq=seq, ack=ack, win=win, options=options, payload=payload
    )
    if ":" in src_h:
        return ether(ipv6(segment, src_h, dst_h, hop_limit=ttl), vlans=vlans)
    return ether(ipv4(segment, src_h, dst_h, ttl=ttl, ip_id=ip_id), vlans=vlans)


def _host_port(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


# --- captures --------------------------------------------------------------------------------

MAGIC_US, MAGIC_NS, MAGIC_KUZNETZOV = 0xA1B2C3D4, 0xA1B23C4D, 0xA1B2CD34


def pcap(
    frames: Iterable[Frame],
    *,
    linktype: int = 1,
    order: str = "<",
    magic: int = MAGIC_NS,
    snaplen: int = 262144,
    cut: int | None = None,
) -> bytes:
    """A pcap file; `cut` is how many bytes of each frame were captured."""
    tick = 1 if magic == MAGIC_NS else 1000
    out = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snaplen, linktype)]
    for ts_ns, frame, *wire in frames:
        data = frame if cut is None else frame[:cut]
        fields = (ts_ns // 10**9, ts_ns % 10**9 // tick, len(data), wire[0] if wire else len(frame))
        out.append(struct.pack(order + "IIII", *fields))
        if magic == MAGIC_KUZNETZOV:
            out.append(struct.pack(order + "IHBB", 1, 0x0800, 0, 0))
        out.append(data)
    return b"".join(out)


def ng_block(kind: int, body: bytes, order: str = "<") -> bytes:
    """A pcapng block: type, length, body padded to 4 bytes, length."""
    body += bytes(-len(body) % 4)
    length = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + length + body + length


def ng_options(options: Iterable[tuple[int, bytes]], order: str = "<") -> bytes:
    out = [
        struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)
        for code, value in options
    ]
    return b"".join([*out, bytes(4)]) if out else b""


def ng_section(order: str = "<", options: Iterable[tuple[int, bytes]] = ()) -> bytes:
    body = struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1) + ng_options(options, order)
    return ng_block(0x0A0D0D0A, body, order)


def ng_interface(
    order: str = "<",
    *,
    linktype: int = 1,
    snaplen: int = 0,
    name: str = "",
    description: str = "",
    tsresol: int | None = None,
    tsoffset: int | None = None,
    options: Iterable[tuple[int, bytes]] = (),
) -> bytes:
    """An interface description block; `tsresol` is the option's raw byte (0x80 | n: 2^-n)."""
    opts = list(options)
    if name:
        opts.append((2, name.encode()))
    if description:
        opts.append((3, description.encode()))
    if tsresol is not None:
        opts.append((9, bytes([tsresol])))
    if tsoffset is not None:
        opts.append((14, struct.pack(order + "q", tsoffset)))
    body = struct.pack(order + "HHI", linktype, 0, snaplen) + ng_options(opts, order)
    return ng_block(1, body, order)


def ng_packet(
    ticks: int,
    frame: bytes,
    order: str = "<",
    *,
    interface: int = 0,
    wire_len: int | None = None,
    options: Iterable[tuple[int, bytes]] = (),
) -> bytes:
    """An enhanced packet block; `ticks` in units of the interface's resolution (default µs)."""
    length = len(frame) if wire_len is None else wire_len
    fields = (interface, ticks >> 32 & 0xFFFFFFFF, ticks & 0xFFFFFFFF, len(frame), length)
    body = struct.pack(order + "IIIII", *fields) + frame + bytes(-len(frame) % 4)
    return ng_block(6, body + ng_options(options, order), order)


def ng_simple(frame: bytes, order: str = "<", wire_len: int | None = None) -> bytes:
    """A simple packet block: no time, interface 0."""
    length = len(frame) if wire_len is None else wire_len
    return ng_block(3, struct.pack(order + "I", length) + frame, order)


def ng_obsolete(ticks: int, frame: bytes, order: str = "<", *, interface: int = 0) -> bytes:
    """The obsolete packet block (type 2)."""
    fields = (interface, 0, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame))
    return ng_block(2, struct.pack(order + "HHIIII", *fields) + frame, order)


def pcapng(frames: Iterable[Frame], *, order: str = "<", **interface: object) -> bytes:
    """A pcapng file of one section and one interface, in nanoseconds."""
    out = [ng_section(order), ng_interface(order, tsresol=9, **interface)]  # type: ignore[arg-type]
    for ts_ns, frame, *wire in frames:
        out.append(ng_packet(ts_ns, frame, order, wire_len=wire[0] if wire else None))
    return b"".join(out)
