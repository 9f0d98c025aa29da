"""Every link type leads to the same IP packet."""

from __future__ import annotations

import pytest

from finis.wire.link import Network, network
from finis.wire.outcomes import Outcome
from tests import builders as b
from tests.wire.corpus import LABEL, PLAIN, PLAIN6

FOUND = [
    ("ethernet", 1, b.ether(PLAIN), 0),
    ("ethernet, IPv6", 1, b.ether(PLAIN6), 0),
    ("802.1Q", 1, b.ether(PLAIN, vlans=[12]), 12),
    ("802.1Q, priority bits", 1, b.ether(PLAIN, vlans=[0xE00C]), 12),
    ("QinQ: the outermost id", 1, b.ether(PLAIN, vlans=[(0x88A8, 300), 12]), 300),
    ("QinQ, old type", 1, b.ether(PLAIN6, vlans=[(0x9100, 301), 12]), 301),
    ("priority tag: id 0 is outermost", 1, b.ether(PLAIN, vlans=[0, 12]), 0),
    ("PPPoE", 1, b.ether(b.pppoe(PLAIN), ethertype=0x8864), 0),
    ("PPPoE in a VLAN, IPv6", 1, b.ether(b.pppoe(PLAIN6), ethertype=0x8864, vlans=[9]), 9),
    ("MPLS", 1, b.ether(LABEL + PLAIN, ethertype=0x8847), 0),
    ("two labels", 1, b.ether(b"\0\0\x0e\0" + LABEL + PLAIN, ethertype=0x8847), 0),
    ("802.3 with SNAP", 1, b.ether(b"\xaa\xaa\x03\0\0\0\x08\0" + PLAIN, ethertype=53), 0),
    ("802.3 with LLC", 1, b.ether(b"\x06\x06\x03" + PLAIN, ethertype=48), 0),
    ("cooked v1", 113, b.cooked1(PLAIN), 0),
    ("cooked v1, VLAN", 113, b.cooked1(b"\0\x05\x08\0" + PLAIN, ethertype=0x8100), 5),
    ("null, little endian", 0, b.null(PLAIN, "<"), 0),
    ("null, big endian", 0, b.null(PLAIN, ">"), 0),
    *((f"null, IPv6 as {af}", 0, b.null(PLAIN6, "<", af), 0) for af in (10, 24, 28, 30)),
    ("loop", 108, b.null(PLAIN6, ">", 24), 0),
    ("PPP", 9, b.ppp(PLAIN), 0),
    ("PPP without HDLC", 9, b.ppp(PLAIN6, hdlc=False), 0),
    ("PPP, compressed protocol", 9, b"\x21" + PLAIN, 0),
    ("PPP in HDLC framing", 50, b.ppp(PLAIN), 0),
    ("PPPoE link type", 51, b.pppoe(PLAIN), 0),
    ("netfilter log", 239, b.nflog(PLAIN, "<"), 0),
    ("netfilter log, big endian", 239, b.nflog(PLAIN6, ">"), 0),
    ("Apple's header, Ethernet", 258, b.pktap(b.ether(PLAIN, vlans=[6])), 6),
    ("Apple's header, raw", 258, b.pktap(PLAIN6, 101), 0),
    ("Apple's header, null", 258, b.pktap(b.null(PLAIN), 0), 0),
    ("Cisco HDLC", 104, b"\x0f\0\x08\0" + PLAIN, 0),
    ("pf log", 117, b"\x3d\x02\0\0" + bytes(60) + PLAIN, 0),
    *((f"raw {kind}", kind, PLAIN, 0) for kind in (12, 14, 101, 228)),
    *((f"raw {kind}, IPv6", kind, PLAIN6, 0) for kind in (12, 14, 101, 229)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("linktype", "frame", "vlan"), [f[1:] for f in FOUND], ids=[f[0] for f in FOUND]
)
def test_the_packet_is_found(linktype: int, frame: bytes, vlan: int) -> None:
    found = network(linktype, frame)
    assert isinstance(found, Network)
    assert frame[found.at :] in (PLAIN, PLAIN6)
    assert found.vlan == vlan


def test_cooked_v2_names_the_interface() -> None:
    found = network(276, b.cooked2(PLAIN, 17))
    assert found == Network(20, 0, 17)


@pytest.mark.parametrize(
    ("linktype", "frame", "outcome"),
    [
        (1, b.ether(bytes(28), ethertype=0x0806), Outcome.ARP),
        (1, b.ether(bytes(46), ethertype=0x88CC), Outcome.NOT_IP),
        (1, b.ether(PLAIN)[:13], Outcome.SHORT_LINK),
        (1, b.ether(PLAIN, vlans=[1])[:17], Outcome.SHORT_LINK),
        (1, b.ether(PLAIN, vlans=[1] * 9), Outcome.NESTED),
        (1, b.ether(b"\x21" + b.pppoe(PLAIN)[1:], ethertype=0x8864), Outcome.BAD_LINK),
        (1, b.ether(b"\x11\xa7" + bytes(4), ethertype=0x8864), Outcome.BAD_LINK),
        (1, b.ether(b"\x11\0\0\1\0\0\xc0\x21", ethertype=0x8864), Outcome.PPP_CONTROL),
        (1, b.ether(LABEL + b"\0\0\0\0", ethertype=0x8847), Outcome.NOT_IP),
        (1, b.ether(b"\0\0\0\x40" * 20, ethertype=0x8847), Outcome.NESTED),
        (113, b.cooked1(bytes(40), ethertype=0x0001), Outcome.NOT_IP),
        (276, b.cooked2(PLAIN)[:19], Outcome.SHORT_LINK),
        (0, b.null(PLAIN, "<", 7), Outcome.NOT_IP),
        (105, PLAIN, Outcome.UNKNOWN_LINK),
        (-1, PLAIN, Outcome.UNKNOWN_LINK),
    ],
)
def test_what_holds_no_packet_says_why(linktype: int, frame: bytes, outcome: Outcome) -> None:
    assert network(linktype, frame) == outcome
