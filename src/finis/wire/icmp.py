"""ICMP errors that quote a TCP segment (RFC 792, RFC 4443): whose segment, why, and the next hop's
MTU where the error tells it."""

from __future__ import annotations

from typing import NamedTuple

from finis.terms import Quirk
from finis.wire import ip
from finis.wire.outcomes import Outcome

# Destination unreachable, time exceeded, parameter problem; in ICMPv6 packet too big, too.
ERRORS = {Outcome.ICMP: frozenset({3, 11, 12}), Outcome.ICMP6: frozenset({1, 2, 3, 4})}
FRAGMENTATION_NEEDED = 3, 4  # type and code
PACKET_TOO_BIG = 2
LARGEST_MTU = 0xFFFF  # what a row can hold
_HEADER_BYTES = 8  # of the error itself
_QUOTED_BYTES = 8  # of the segment: ports and SEQ (RFC 792 promises no more)


class Quoted(NamedTuple):
    """An ICMP error and the segment it quotes; `src` and `dst` are the segment's."""

    by: tuple[int, int]  # who reports it
    kind: int  # ICMP type
    code: int
    mtu: int  # of the next hop; 0: not told
    ttl: int  # of the error
    src: tuple[int, int]
    dst: tuple[int, int]
    src_p: int
    dst_p: int
    seq: int
    ip_len: int  # of the quoted packet, as it was sent
    ip_id: int
    quirks: int


def quoted(data: bytes, at: int, outcome: Outcome) -> Quoted | None:
    """Read the ICMP packet at `data[at:]`, which `ip.packet` found to be `outcome`.  None: no
    error, or it quotes no whole beginning of a TCP segment.  Never raises."""
    if outcome == Outcome.ICMP:
        here, ttl, by = at + (data[at] & 15) * 4, data[at + 8], ip.address4(data, at + 12)
        if ip.u16(data, at + 6) & 0x3FFF:  # a fragment
            return None
    else:
        here, ttl, by = at + 40, data[at + 7], ip.address6(data, at + 8)
        if data[at + 6] != ip.ICMP6:
            return None
    inner = here + _HEADER_BYTES
    if len(data) < inner + 20 or data[here] not in ERRORS[outcome]:
        return None
    kind, code, mtu = data[here], data[here + 1], 0
    if outcome == Outcome.ICMP:
        segment = inner + (data[inner] & 15) * 4
        if not 0x45 <= data[inner] <= 0x4F or data[inner + 9] != ip.TCP:
            return None
        if ip.u16(data, inner + 6) & 0x1FFF:  # a later fragment holds no TCP header
            return None
        if (kind, code) == FRAGMENTATION_NEEDED:
            mtu = ip.u16(data, here + 6)
        src, dst = ip.address4(data, inner + 12), ip.address4(data, inner + 16)
        ip_len, ip_id = ip.u16(data, inner + 2), ip.u16(data, inner + 4)
        quirks = int(Quirk.DF) if ip.u16(data, inner + 6) & 0x4000 else 0
    else:
        segment = inner + 40
        if len(data) < segment or data[inner] >> 4 != 6 or data[inner + 6] != ip.TCP:
            return None
        if kind == PACKET_TOO_BIG:
            mtu = min(int.from_bytes(data[here + 4 : here + 8], "big"), LARGEST_MTU)
        src, dst = ip.address6(data, inner + 8), ip.address6(data, inner + 24)
        ip_len, ip_id, quirks = 40 + ip.u16(data, inner + 4), 0, int(Quirk.NO_IP_ID)
    if len(data) < segment + _QUOTED_BYTES:
        return None
    return Quoted(
        by, kind, code, mtu, ttl, src, dst, ip.u16(data, segment), ip.u16(data, segment + 2),
        int.from_bytes(data[segment + 4 : segment + 8], "big"), ip_len, ip_id, quirks,
    )  # fmt: skip
