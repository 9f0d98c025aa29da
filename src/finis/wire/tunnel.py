"""Tunnels: from an IP packet to the one it carries.

GRE (RFC 2784, RFC 2890) with IP, Ethernet, MPLS or ERSPAN of types I to III in it; IP in IP
(RFC 2003, RFC 4213, RFC 2473); over UDP, by port and form of the header, VXLAN (RFC 7348), Geneve
(RFC 8926) and GTP-U (3GPP TS 29.281).  What is found counts only if a TCP segment comes of it.
"""

from __future__ import annotations

from finis.wire import ip
from finis.wire.link import Network, by_ethertype
from finis.wire.outcomes import Outcome

MAX_TUNNELS = 4  # inside one another
IPV4, IPV6, GRE = 4, 41, 47  # protocol numbers
DESTINATION_OPTIONS = 60  # before the inner packet: the tunnel's encapsulation limit (RFC 2473 §4)
VXLAN, VXLAN_LINUX, GENEVE, GTP_U = 4789, 8472, 6081, 2152
BRIDGED, ERSPAN_2, ERSPAN_3 = 0x6558, 0x88BE, 0x22EB  # EtherTypes within GRE
_CHECKSUM, _KEY, _SEQUENCE = 0x8000, 0x2000, 0x1000
_ETHERNET_HEADER = 14
_G_PDU = 0xFF  # GTP-U's message type for a user's packet
MAX_EXTENSIONS = 4  # headers of GTP-U


def inside(data: bytes, net: Network) -> Network | None:
    """The IP packet within the one at `net`, which `ip.packet` found to hold no TCP.  Never
    raises."""
    found = _carried(data, net.at)
    if found is None:
        return None
    protocol, at = found
    if protocol == GRE:
        within = _gre(data, at)
    elif protocol == ip.UDP:
        within = _over_udp(data, at)
    elif protocol in (IPV4, IPV6):
        within = _bare(data, at)
    else:
        return None
    if not isinstance(within, Network):
        return None
    return Network(within.at, within.vlan or net.vlan, net.ifindex)


def _carried(data: bytes, at: int) -> tuple[int, int] | None:
    """Protocol and place of what the packet carries; None in a fragment but the first."""
    if data[at] >> 4 == 4:
        if ip.u16(data, at + 6) & 0x1FFF:
            return None
        return data[at + 9], at + (data[at] & 15) * 4
    protocol, here = data[at + 6], at + 40
    if protocol == DESTINATION_OPTIONS and len(data) >= here + 8:
        return data[here], here + 8 * (data[here + 1] + 1)
    return protocol, here


def _bare(data: bytes, at: int) -> Network | None:
    """An IP packet with nothing before it."""
    return Network(at) if len(data) > at and data[at] >> 4 in (4, 6) else None


def _ethernet(data: bytes, at: int) -> Network | Outcome | None:
    if len(data) < at + _ETHERNET_HEADER:
        return None
    return by_ethertype(data, at + _ETHERNET_HEADER, ip.u16(data, at + 12))


def _gre(data: bytes, at: int) -> Network | Outcome | None:
    if len(data) < at + 4:
        return None
    flags, kind = ip.u16(data, at), ip.u16(data, at + 2)
    if flags & ~(_CHECKSUM | _KEY | _SEQUENCE):  # source routes, or another version
        return None
    numbered = bool(flags & _SEQUENCE)
    at += 4 + 4 * (bool(flags & _CHECKSUM) + bool(flags & _KEY) + numbered)
    if kind == BRIDGED:
        return _ethernet(data, at)
    if kind == ERSPAN_2:
        return _ethernet(data, at + (8 if numbered else 0))  # type I has no header of its own
    if kind == ERSPAN_3:
        if len(data) < at + 12:
            return None
        return _ethernet(data, at + (20 if data[at + 11] & 1 else 12))
    return by_ethertype(data, at, kind)


def _over_udp(data: bytes, at: int) -> Network | Outcome | None:
    if len(data) < at + 16:
        return None
    port, here = ip.u16(data, at + 2), at + 8
    if port in (VXLAN, VXLAN_LINUX):
        good = data[here] & 0x7F == 0x08 and data[here + 7] == 0  # 0x80: a group policy
        return _ethernet(data, here + 8) if good else None
    if port == GENEVE:
        if data[here] >> 6 or data[here + 1] & 0x3F or data[here + 7]:
            return None
        kind, start = ip.u16(data, here + 2), here + 8 + 4 * (data[here] & 0x3F)
        return _ethernet(data, start) if kind == BRIDGED else by_ethertype(data, start, kind)
    if port == GTP_U:
        return _gtp(data, here)
    return None


def _gtp(data: bytes, at: int) -> Network | None:
    flags = data[at]
    if flags & 0xF8 != 0x30 or data[at + 1] != _G_PDU:
        return None
    here = at + 8
    if not flags & 7:
        return _bare(data, here)
    if len(data) < here + 4:
        return None
    more = data[here + 3] if flags & 4 else 0
    here += 4
    for _ in range(MAX_EXTENSIONS):
        if not more:
            break
        if len(data) <= here or not data[here]:
            return None
        here += 4 * data[here]
        if len(data) < here:
            return None
        more = data[here - 1]
    return None if more else _bare(data, here)
