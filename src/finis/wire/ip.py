"""IPv4 (RFC 791) and IPv6 (RFC 8200) headers: from a packet to the TCP segment inside it."""

from __future__ import annotations

from typing import NamedTuple

from finis.terms import Quirk
from finis.wire.outcomes import Outcome

TCP, UDP, ICMP, ICMP6 = 6, 17, 1, 58
FRAGMENT_HEADER, AUTHENTICATION = 44, 51
# Headers that may stand between IPv6 and TCP: hop-by-hop, routing, destination options,
# mobility, HIP, Shim6 (IANA "IPv6 Extension Header Types").
EXTENSIONS = frozenset({0, 43, 60, 135, 139, 140})
MAX_EXTENSIONS = 16
MAX_WIRE = 1 << 24  # a longer frame is a damaged length field
MTU_BYTES = 1500  # larger packets on the wire come from offload or jumbo frames
_MAPPED = 0xFFFF << 32  # ::ffff:a.b.c.d


class Fragment(NamedTuple):
    """A fragment's place in its datagram, in bytes of the fragmentable part."""

    ident: int
    at: int
    length: int
    more: bool


class Packet(NamedTuple):
    """An IP packet that carries TCP.  Offsets are relative to the frame."""

    src: tuple[int, int]  # upper and lower 64 bits, IPv4 as ::ffff:a.b.c.d
    dst: tuple[int, int]
    segment_at: int
    segment_len: int  # on the wire, TCP header included
    ip_len: int  # on the wire
    ttl: int
    ip_id: int
    quirks: int
    fragment: Fragment | None = None


def packet(data: bytes, at: int, wire_len: int) -> Packet | Outcome:
    """Read the IP packet at `data[at:]`; `wire_len` is the frame's length on the wire.
    Never raises."""
    if len(data) <= at:
        return Outcome.SHORT_IP
    if not len(data) <= wire_len <= MAX_WIRE:
        wire_len = len(data)
    version = data[at] >> 4
    if version == 4:
        return _v4(data, at, wire_len)
    if version == 6:
        return _v6(data, at, wire_len)
    return Outcome.BAD_IP


def u16(data: bytes, at: int) -> int:
    return data[at] << 8 | data[at + 1]


def address4(data: bytes, at: int) -> tuple[int, int]:
    return 0, _MAPPED | int.from_bytes(data[at : at + 4], "big")


def address6(data: bytes, at: int) -> tuple[int, int]:
    return int.from_bytes(data[at : at + 8], "big"), int.from_bytes(data[at + 8 : at + 16], "big")


def _not_tcp(protocol: int) -> Outcome:
    named = {UDP: Outcome.UDP, ICMP: Outcome.ICMP, ICMP6: Outcome.ICMP6}
    return named.get(protocol, Outcome.IP_OTHER)


def _v4(data: bytes, at: int, wire_len: int) -> Packet | Outcome:
    if len(data) < at + 20:
        return Outcome.SHORT_IP
    header_len = (data[at] & 15) * 4
    ip_len = u16(data, at + 2)
    quirks = 0
    if ip_len == 0:  # segmentation offload: the length is the frame's
        ip_len = wire_len - at
        quirks |= Quirk.IP_LEN_ZERO
    if header_len < 20 or ip_len < header_len:
        return Outcome.BAD_IP
    if data[at + 9] != TCP:
        return _not_tcp(data[at + 9])
    bits = u16(data, at + 6)
    if bits & 0x4000:
        quirks |= Quirk.DF
    ip_id = u16(data, at + 4)
    segment_len = ip_len - header_len
    fragment = None
    if bits & 0x3FFF:  # MF, or an offset
        fragment = Fragment(ip_id, (bits & 0x1FFF) * 8, segment_len, bool(bits & 0x2000))
    elif ip_len > MTU_BYTES:
        quirks |= Quirk.OVERSIZE
    return Packet(
        address4(data, at + 12),
        address4(data, at + 16),
        at + header_len,
        segment_len,
        ip_len,
        data[at + 8],
        ip_id,
        quirks,
        fragment,
    )


def _v6(data: bytes, at: int, wire_len: int) -> Packet | Outcome:
    if len(data) < at + 40:
        return Outcome.SHORT_IP
    payload_len = u16(data, at + 4)
    quirks = int(Quirk.NO_IP_ID)
    if payload_len == 0:  # a jumbogram (RFC 2675) or segmentation offload
        payload_len = wire_len - at - 40
        quirks |= Quirk.IP_LEN_ZERO
    end = at + 40 + payload_len
    kind, here = data[at + 6], at + 40
    fragment = None
    for _ in range(MAX_EXTENSIONS):
        if kind == TCP:
            break
        if kind not in EXTENSIONS and kind not in (FRAGMENT_HEADER, AUTHENTICATION):
            return _not_tcp(kind)
        if here + 8 > end:
            return Outcome.BAD_IP
        if len(data) < here + 8:
            return Outcome.SHORT_IP
        step = 8 * (data[here + 1] + 1)
        if kind == AUTHENTICATION:
            step = 4 * (data[here + 1] + 2)
        elif kind == FRAGMENT_HEADER:
            step = 8
            bits = u16(data, here + 2)
            ident = int.from_bytes(data[here + 4 : here + 8], "big")
            if bits & 0xFFF9 and fragment is None:  # else an atomic fragment (RFC 6946)
                fragment = Fragment(ident, bits & 0xFFF8, end - here - 8, bool(bits & 1))
                if fragment.at and data[here] != TCP:
                    return Outcome.FRAGMENT
        kind, here = data[here], here + step
        if here > end:
            return Outcome.BAD_IP
    else:
        return Outcome.NESTED
    if fragment is None and end - at > MTU_BYTES:
        quirks |= Quirk.OVERSIZE
    return Packet(
        address6(data, at + 8),
        address6(data, at + 24),
        here,
        end - here,
        end - at,
        data[at + 7],
        0,
        quirks,
        fragment,
    )
