"""Link layers: from a frame to the IP packet inside it.

Link types are those of https://www.tcpdump.org/linktypes.html.  Lengths are checked against the
captured bytes before each read; nesting is bounded.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from finis.wire.outcomes import Outcome


class LinkType(IntEnum):
    NULL = 0
    ETHERNET = 1
    PPP = 9
    RAW_BSD = 12
    RAW_OPENBSD = 14
    PPP_HDLC = 50
    PPPOE = 51
    RAW = 101
    CISCO_HDLC = 104
    LOOP = 108
    LINUX_SLL = 113
    PFLOG = 117
    IPV4 = 228
    IPV6 = 229
    NFLOG = 239
    PKTAP = 258
    LINUX_SLL2 = 276


SUPPORTED = frozenset(LinkType)


class EtherType(IntEnum):
    IPV4 = 0x0800
    ARP = 0x0806
    RARP = 0x8035
    VLAN = 0x8100
    IPV6 = 0x86DD
    MPLS = 0x8847
    MPLS_MULTICAST = 0x8848
    PPPOE_DISCOVERY = 0x8863
    PPPOE = 0x8864
    QINQ = 0x88A8
    QINQ_OLD = 0x9100


_IP = frozenset({EtherType.IPV4, EtherType.IPV6})
_TAGS = frozenset({EtherType.VLAN, EtherType.QINQ, EtherType.QINQ_OLD})
_RAW = frozenset(
    {LinkType.RAW, LinkType.RAW_BSD, LinkType.RAW_OPENBSD, LinkType.IPV4, LinkType.IPV6}
)
_AF_INET = 2
_AF_INET6 = frozenset({10, 23, 24, 28, 30})  # Linux, Windows, BSDs, macOS
_ARPHRD_NETLINK = 824  # its protocol field is no EtherType
MAX_NESTED = 8  # tags and tunnels below one frame
MAX_LABELS = 16  # MPLS labels
MAX_ATTRIBUTES = 32  # before the packet in a netfilter log
MAX_PKTAP = 1024  # bytes of Apple's header
_NFLOG_PAYLOAD = 9


class Network(NamedTuple):
    """Where the IP packet starts, and what the link said besides."""

    at: int
    vlan: int = 0  # outermost VLAN id; 0: untagged
    ifindex: int = 0  # Linux cooked v2: interface the frame passed; 0: not said


def _u16(data: bytes, at: int) -> int:
    return data[at] << 8 | data[at + 1]


def network(linktype: int, data: bytes) -> Network | Outcome:
    """Find the IP packet in `data`, the captured bytes of one frame.  Its version is not looked
    at.  Never raises."""
    if linktype == LinkType.ETHERNET:
        return by_ethertype(data, 14, _u16(data, 12)) if len(data) >= 14 else Outcome.SHORT_LINK
    if linktype in _RAW:
        return Network(0)
    if linktype == LinkType.LINUX_SLL:
        return _cooked1(data)
    if linktype == LinkType.LINUX_SLL2:
        return _cooked2(data)
    if linktype in (LinkType.NULL, LinkType.LOOP):
        return _null(data)
    if linktype in (LinkType.PPP, LinkType.PPP_HDLC):
        return _ppp(data, 0, 0)
    if linktype == LinkType.PPPOE:
        return by_ethertype(data, 0, EtherType.PPPOE)
    if linktype == LinkType.CISCO_HDLC:
        return by_ethertype(data, 4, _u16(data, 2)) if len(data) >= 4 else Outcome.SHORT_LINK
    if linktype == LinkType.PFLOG:
        return _pflog(data)
    if linktype == LinkType.NFLOG:
        return _nflog(data)
    if linktype == LinkType.PKTAP:
        return _pktap(data)
    return Outcome.UNKNOWN_LINK


def by_ethertype(data: bytes, at: int, kind: int) -> Network | Outcome:
    """Follow EtherTypes from `at`, whose contents are of type `kind`, to an IP packet."""
    vlan, tagged = 0, False
    for _ in range(MAX_NESTED):
        if kind in _IP:
            return Network(at, vlan)
        if kind in _TAGS:
            if len(data) < at + 4:
                return Outcome.SHORT_LINK
            if not tagged:
                vlan, tagged = _u16(data, at) & 0xFFF, True
            kind = _u16(data, at + 2)
            at += 4
        elif kind == EtherType.PPPOE:
            if len(data) < at + 6:
                return Outcome.SHORT_LINK
            if data[at] != 0x11 or data[at + 1] != 0:
                return Outcome.BAD_LINK
            return _ppp(data, at + 6, vlan)
        elif kind in (EtherType.MPLS, EtherType.MPLS_MULTICAST):
            return _mpls(data, at, vlan)
        elif kind in (EtherType.ARP, EtherType.RARP):
            return Outcome.ARP
        elif kind < 0x600:
            if len(data) < at + 8:
                return Outcome.NOT_IP
            if data[at : at + 3] == b"\x06\x06\x03":
                return Network(at + 3, vlan)
            if data[at : at + 6] != b"\xaa\xaa\x03\0\0\0":
                return Outcome.NOT_IP
            kind = _u16(data, at + 6)
            at += 8
        else:
            return Outcome.NOT_IP
    return Outcome.NESTED


def _mpls(data: bytes, at: int, vlan: int) -> Network | Outcome:
    """Labels to the bottom of the stack (RFC 3032 §2.1); the nibble below says IP or not."""
    for _ in range(MAX_LABELS):
        if len(data) < at + 4:
            return Outcome.SHORT_LINK
        bottom = data[at + 2] & 1
        at += 4
        if bottom:
            if len(data) <= at:
                return Outcome.SHORT_LINK
            return Network(at, vlan) if data[at] >> 4 in (4, 6) else Outcome.NOT_IP
    return Outcome.NESTED


def _ppp(data: bytes, at: int, vlan: int) -> Network | Outcome:
    """PPP (RFC 1661 §2), with or without HDLC's FF 03, the protocol field compressed or not."""
    if data[at : at + 2] == b"\xff\x03":
        at += 2
    if len(data) < at + 2:
        return Outcome.SHORT_LINK
    if data[at] & 1:
        kind, at = data[at], at + 1
    else:
        kind, at = _u16(data, at), at + 2
    if kind in (0x21, 0x57):
        return Network(at, vlan)
    if kind in (0x281, 0x283):
        return _mpls(data, at, vlan)
    return Outcome.PPP_CONTROL


def _null(data: bytes) -> Network | Outcome:
    """An address family in the byte order of the machine that captured: either is tried."""
    if len(data) < 4:
        return Outcome.SHORT_LINK
    for order in ("little", "big"):
        family = int.from_bytes(data[:4], order)
        if family == _AF_INET or family in _AF_INET6:
            return Network(4)
    return Outcome.NOT_IP


def _cooked1(data: bytes) -> Network | Outcome:
    if len(data) < 16:
        return Outcome.SHORT_LINK
    kind = _u16(data, 14)
    return _cooked(data, 16, kind, _u16(data, 2))


def _cooked2(data: bytes) -> Network | Outcome:
    if len(data) < 20:
        return Outcome.SHORT_LINK
    found = _cooked(data, 20, _u16(data, 0), _u16(data, 8))
    if isinstance(found, Outcome):
        return found
    return found._replace(ifindex=int.from_bytes(data[4:8], "big"))


def _cooked(data: bytes, at: int, kind: int, arphrd: int) -> Network | Outcome:
    if arphrd == _ARPHRD_NETLINK:
        return Outcome.NOT_IP
    if kind < 0x600 and kind != 4:  # 4: an LLC header follows
        return Outcome.NOT_IP
    return by_ethertype(data, at, kind)


def _nflog(data: bytes) -> Network | Outcome:
    """Linux netfilter log: attributes in the byte order of the machine that captured; the one
    that holds the packet is the last of them."""
    if len(data) < 4:
        return Outcome.SHORT_LINK
    if data[0] != _AF_INET and data[0] not in _AF_INET6:
        return Outcome.NOT_IP
    at = 4
    for _ in range(MAX_ATTRIBUTES):
        if len(data) < at + 4:
            return Outcome.SHORT_LINK
        little = data[at + 3] == 0  # types are small: the zero byte tells the order
        length = data[at] | data[at + 1] << 8 if little else _u16(data, at)
        kind = data[at + 2] if little else data[at + 3]
        if length < 4:
            return Outcome.BAD_LINK
        if kind == _NFLOG_PAYLOAD:
            return Network(at + 4)
        at += length + 3 & ~3
    return Outcome.NESTED


def _pktap(data: bytes) -> Network | Outcome:
    """Apple's header before the frame: its own length, and the frame's link type."""
    if len(data) < 12:
        return Outcome.SHORT_LINK
    at = int.from_bytes(data[:4], "little")
    linktype = int.from_bytes(data[8:12], "little")
    if not 12 <= at <= MAX_PKTAP:
        return Outcome.BAD_LINK
    if linktype in _RAW:
        return Network(at)
    if len(data) < at + 14:
        return Outcome.SHORT_LINK
    if linktype == LinkType.ETHERNET:
        return by_ethertype(data, at + 14, _u16(data, at + 12))
    return Network(at + 4) if linktype == LinkType.NULL else Outcome.UNKNOWN_LINK


def _pflog(data: bytes) -> Network | Outcome:
    """OpenBSD's packet filter log: a header that says its own length and the family."""
    if len(data) < 4:
        return Outcome.SHORT_LINK
    if data[1] != _AF_INET and data[1] not in _AF_INET6:
        return Outcome.NOT_IP
    return Network(data[0] + 3 & ~3)
