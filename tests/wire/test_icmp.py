"""ICMP errors become rows that name the segment they quote, and nothing else does."""

import ipaddress

import pytest

from finis.terms import Quirk
from finis.wire.decode import Decoded, decode_frame
from finis.wire.outcomes import Outcome
from tests import builders as b

SEGMENT = b.tcp(40000, 443, flags="S", seq=0xDEADBEEF)
FOUR = b.ipv4(SEGMENT, "192.0.2.1", "198.51.100.1", ip_id=4711)
SIX = b.ipv6(SEGMENT, "2001:db8::1", "2001:db8::2")


def decoded(packet: bytes) -> dict[str, int]:
    found = decode_frame(b.ether(packet), len(packet) + 14, 1)
    assert isinstance(found, Decoded) and found.fragment is None and found.start == b""
    return found.row


def address(text: str) -> tuple[int, int]:
    ip = ipaddress.ip_address(text)
    value = int(ip) if ip.version == 6 else 0xFFFF << 32 | int(ip)
    return value >> 64, value & (1 << 64) - 1


def test_what_an_error_tells() -> None:
    row = decoded(b.icmp4(3, 13, FOUR, by="203.0.113.9"))
    assert (row["src_hi"], row["src_lo"]) == address("192.0.2.1")
    assert (row["dst_hi"], row["dst_lo"]) == address("198.51.100.1")
    assert (row["src_p"], row["dst_p"], row["seq"]) == (40000, 443, 0xDEADBEEF)
    assert (row["head"], row["payload_hash"]) == address("203.0.113.9")
    assert divmod(row["win"], 256) == (3, 13)
    assert (row["ip_len"], row["ip_id"], row["ttl"], row["mss"]) == (40, 4711, 60, 0)
    assert row["flags"] == row["payload_len"] == row["head_len"] == 0
    assert row["quirks"] & Quirk.ICMP_ERROR and row["quirks"] & Quirk.DF


def test_the_next_hop_tells_its_mtu() -> None:
    assert decoded(b.icmp4(3, 4, FOUR, 1400))["mss"] == 1400
    assert decoded(b.icmp4(3, 3, FOUR, 1400))["mss"] == 0  # the field means nothing there
    row = decoded(b.icmp6(2, 0, SIX, 1280, by="2001:db8:f::7"))
    assert (row["mss"], row["ip_len"]) == (1280, 60)
    assert (row["head"], row["payload_hash"]) == address("2001:db8:f::7")
    assert (row["dst_hi"], row["dst_lo"]) == address("2001:db8::2")
    assert decoded(b.icmp6(2, 0, SIX, 1 << 20))["mss"] == 0xFFFF


def test_eight_bytes_of_the_segment_are_enough() -> None:
    assert decoded(b.icmp4(11, 0, FOUR[:28]))["seq"] == 0xDEADBEEF
    assert decoded(b.icmp6(1, 4, SIX[:48]))["seq"] == 0xDEADBEEF


@pytest.mark.parametrize(
    ("packet", "outcome"),
    [
        (b.icmp4(8, 0, FOUR), Outcome.ICMP),  # an echo request with such a payload
        (b.icmp4(5, 1, FOUR), Outcome.ICMP),  # a redirect
        (b.icmp4(3, 3, FOUR[:27]), Outcome.ICMP),
        (b.icmp4(3, 3, b.ipv4(SEGMENT, proto=17)), Outcome.ICMP),
        (b.icmp4(3, 3, b.ipv4(SEGMENT, fragment=64)), Outcome.ICMP),
        (b.icmp4(3, 3, SIX), Outcome.ICMP),
        (b.icmp6(128, 0, SIX), Outcome.ICMP6),
        (b.icmp6(135, 0, SIX), Outcome.ICMP6),  # neighbour solicitation
        (b.icmp6(1, 4, SIX[:47]), Outcome.ICMP6),
        (b.icmp6(1, 4, FOUR + bytes(40)), Outcome.ICMP6),
    ],
)
def test_what_is_no_error_about_a_segment(packet: bytes, outcome: Outcome) -> None:
    assert decode_frame(b.ether(packet), len(packet) + 14, 1) == outcome
