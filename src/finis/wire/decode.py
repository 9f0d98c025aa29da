"""From a captured frame to a row of tables.SEGMENT: the readable reference of `_decode.pyx`."""

from __future__ import annotations

import struct
from typing import NamedTuple

from finis.tables import SEGMENT
from finis.terms import Quirk
from finis.wire import icmp, ip, payload, tcp, tunnel
from finis.wire.link import Network, network
from finis.wire.outcomes import Outcome

Row = dict[str, int]
EMPTY: Row = {column.name: 0 for column in SEGMENT}


class Decoded(NamedTuple):
    """A frame that carries TCP, or an ICMP error that quotes it.  `row` lacks what the frame does
    not know (time, number, point); of a fragment without TCP header it holds the addresses only."""

    row: Row
    start: bytes  # first captured payload bytes, 64 at most
    ifindex: int  # see link.Network
    fragment: ip.Fragment | None


def decode_frame(data: bytes, wire_len: int, linktype: int) -> Decoded | Outcome:
    """Decode one frame: `data` as captured, `wire_len` bytes on the wire.  Never raises."""
    net = network(linktype, data)
    return net if isinstance(net, Outcome) else _decode_packet(data, wire_len, net)


def _decode_packet(
    data: bytes, wire_len: int, net: Network, tunnels: int = tunnel.MAX_TUNNELS
) -> Decoded | Outcome:
    """Decode the IP packet at `net`, or what it carries through that many tunnels."""
    packet = ip.packet(data, net.at, wire_len)
    if isinstance(packet, Outcome):
        if tunnels and packet in (Outcome.IP_OTHER, Outcome.UDP):
            within = tunnel.inside(data, net)
            decoded = within and _decode_packet(data, wire_len, within, tunnels - 1)
            return decoded if isinstance(decoded, Decoded) else packet
        if packet in icmp.ERRORS:
            error = icmp.quoted(data, net.at, packet)
            if error is not None:
                return Decoded(_error_row(error, net), b"", net.ifindex, None)
        return packet
    row = dict(EMPTY)
    row["src_hi"], row["src_lo"] = packet.src
    row["dst_hi"], row["dst_lo"] = packet.dst
    row["vlan"] = net.vlan
    row["ip_len"] = packet.ip_len
    row["ip_id"] = packet.ip_id
    row["ttl"] = packet.ttl
    if packet.fragment is not None and packet.fragment.at:
        return Decoded(row, b"", net.ifindex, packet.fragment)
    segment = tcp.segment(data, packet.segment_at, packet.segment_len)
    if isinstance(segment, Outcome):
        return segment
    for name in ("src_p", "dst_p", "seq", "ack", "flags", "win", "mss", "wscale"):
        row[name] = getattr(segment, name)
    for name in ("tsval", "tsecr", "sack_left", "sack_right"):
        row[name] = getattr(segment, name)
    row["quirks"] = packet.quirks | segment.quirks
    start = _read_payload(row, data, net, packet, segment)
    return Decoded(row, start, net.ifindex, packet.fragment)


def _error_row(error: icmp.Quoted, net: Network) -> Row:
    """An ICMP error as a row of its own kind, see Quirk.ICMP_ERROR."""
    row = dict(EMPTY)
    row["src_hi"], row["src_lo"] = error.src
    row["dst_hi"], row["dst_lo"] = error.dst
    row["head"], row["payload_hash"] = error.by
    row["vlan"] = net.vlan
    row["win"], row["mss"] = error.kind << 8 | error.code, error.mtu
    for name in ("src_p", "dst_p", "seq", "ip_len", "ip_id", "ttl"):
        row[name] = getattr(error, name)
    row["quirks"] = error.quirks | Quirk.ICMP_ERROR | Quirk.NO_WIN | Quirk.NO_PAYLOAD
    return row


def _read_payload(
    row: Row, data: bytes, net: Network, packet: ip.Packet, segment: tcp.Segment
) -> bytes:
    """Fill in what depends on the payload; gives its first captured bytes."""
    at, end = packet.segment_at, packet.segment_at + packet.segment_len
    content = data[at + segment.header_len : end]
    payload_len = packet.segment_len - segment.header_len
    row["payload_len"] = payload_len
    if len(content) < payload_len:
        row["quirks"] |= Quirk.NO_PAYLOAD
    row["head"], row["head_len"] = payload.head(content)
    if packet.fragment is None:
        row["payload_hash"] = payload.fingerprint(content, payload_len)
        row["alert"], row["alert_desc"] = payload.tls_tail(content, payload_len)
        v4 = data[net.at] >> 4 == 4
        plain_header = at - net.at == (20 if v4 else 40)  # else the addresses may be others
        offloaded = row["quirks"] & (Quirk.OVERSIZE | Quirk.IP_LEN_ZERO)
        if (
            len(data) >= end
            and plain_header
            and not offloaded
            and bad_checksum(row, data[at:end], v4)
        ):
            row["quirks"] |= Quirk.BAD_CHECKSUM
    return content[: payload.WIDE]


def _fold(total: int) -> int:
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def bad_checksum(row: Row, segment: bytes, v4: bool) -> bool:
    """Is the checksum of this whole segment wrong though filled in (RFC 9293 §3.1)?  Offload
    leaves 0 or the sum of the pseudo header alone, with or without its length."""
    given = segment[16] << 8 | segment[17]
    pseudo = ip.TCP
    for part in ("src_hi", "src_lo", "dst_hi", "dst_lo"):
        value = row[part]
        if v4:
            value &= 0xFFFFFFFF  # the ::ffff: is ours
        pseudo += sum(value >> shift & 0xFFFF for shift in (48, 32, 16, 0))
    if given in (0, _fold(pseudo), _fold(pseudo + len(segment))):
        return False
    even = segment + b"\0" if len(segment) % 2 else segment
    total = pseudo + len(segment) + sum(struct.unpack(f">{len(even) // 2}H", even))
    return _fold(total) != 0xFFFF
