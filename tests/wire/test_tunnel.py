"""What a tunnel carries is read as if it had been captured without it."""

from __future__ import annotations

import pytest

from finis.wire.decode import Decoded, decode_frame
from finis.wire.outcomes import Outcome
from tests import builders as b
from tests.wire.corpus import NO_TUNNELS, PLAIN, TUNNELS, outer4, outer6

ETHERNET = 1


@pytest.mark.parametrize("outer", [outer4, outer6])
@pytest.mark.parametrize("name", TUNNELS)
def test_the_inner_segment_is_read(name: str, outer: object) -> None:
    frame = b.ether(outer(*TUNNELS[name]), vlans=[5])  # type: ignore[operator]
    found = decode_frame(frame, len(frame), ETHERNET)
    assert isinstance(found, Decoded)
    assert (found.row["src_p"], found.row["dst_p"]) == (1, 2)
    assert found.row["src_lo"] & 0xFF == 1  # 10.0.0.1, 2001:db8::1: none of the outer addresses
    assert found.row["src_hi"] in (0, 0x20010DB8 << 32)
    tagged = name in ("GRE, bridged", "ERSPAN II", "VXLAN with a group policy")
    assert found.row["vlan"] == (33 if tagged else 5)
    if name != "an ICMP error":
        assert found.row["payload_len"] == len(b"hello")


@pytest.mark.parametrize("name", NO_TUNNELS)
def test_what_is_no_tunnel_or_holds_no_segment_counts_as_what_it_is(name: str) -> None:
    protocol, body = NO_TUNNELS[name]
    frame = b.ether(outer4(protocol, body))
    outcome = Outcome.UDP if protocol == 17 else Outcome.IP_OTHER
    assert decode_frame(frame, len(frame), ETHERNET) == outcome


def test_a_later_fragment_of_the_outer_packet_begins_with_no_header() -> None:
    first, later = (
        b.ether(b.ipv4(PLAIN, proto=4, fragment=at, more=True, df=False)) for at in (0, 64)
    )
    assert isinstance(decode_frame(first, len(first), ETHERNET), Decoded)
    assert decode_frame(later, len(later), ETHERNET) == Outcome.IP_OTHER


def test_a_capture_that_cuts_the_inner_header_tells_no_segment() -> None:
    frame = b.ether(outer4(*TUNNELS["VXLAN"]))
    for size in range(len(frame)):
        found = decode_frame(frame[:size], len(frame), ETHERNET)
        inner = len(frame) - len(PLAIN) + 34
        assert isinstance(found, Decoded) is (size >= inner), size
