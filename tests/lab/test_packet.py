"""What a rewriting firewall does to one packet."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finis.lab.packet import (
    ACK,
    FIN,
    MASK,
    PSH,
    RST,
    SYN,
    ahead,
    build,
    checksum,
    parse,
    rewritten,
    sealed,
)

A, B = ("192.0.2.1", 40000), ("198.51.100.2", 443)
NUMBER = st.integers(0, MASK)


def with_options(options: bytes, flags: int = ACK, seq: int = 1, ack: int = 2) -> bytes:
    raw = bytearray(build(A, B, flags, seq, ack))
    assert len(options) % 4 == 0
    raw[32] = (5 + len(options) // 4) << 4
    raw += options
    struct.pack_into(">H", raw, 2, len(raw))
    return sealed(raw, 20)


def verified(raw: bytes) -> bool:
    """Do the checksums of the packet add up to zero (RFC 1071, RFC 8200 §8.1)?"""
    if raw[0] >> 4 == 6:
        pseudo = raw[8:40] + struct.pack(">II", len(raw) - 40, 6)
        return checksum(pseudo + raw[40:]) == 0
    pseudo = raw[12:20] + struct.pack(">BBH", 0, 6, len(raw) - 20)
    return checksum(raw[:20]) == 0 and checksum(pseudo + raw[20:]) == 0


def test_checksum_of_the_rfc() -> None:
    # RFC 1071 §3: the words 0001 f203 f4f5 f6f7 add up to ddf2
    assert checksum(bytes.fromhex("0001f203f4f5f6f7")) == ~0xDDF2 & 0xFFFF
    assert checksum(b"\x01") == ~0x0100 & 0xFFFF


def test_build_and_parse() -> None:
    packet = parse(build(A, B, PSH | ACK | FIN, 5, 6, 7, b"xyz"))
    assert packet is not None
    assert (packet.src, packet.dst, packet.seq, packet.ack, packet.win) == (A, B, 5, 6, 7)
    assert (packet.payload, packet.next_seq, packet.flag_words) == (b"xyz", 9, "FIN PSH ACK")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: raw[:39],
        lambda raw: b"\x65" + raw[1:],
        lambda raw: raw[:9] + b"\x11" + raw[10:],
        lambda raw: raw[:6] + b"\x20\x00" + raw[8:],  # a fragment
        lambda raw: raw[:2] + b"\xff\xff" + raw[4:],
        lambda raw: raw[:32] + b"\xf0" + raw[33:],  # data offset beyond the end
        lambda raw: raw[:32] + b"\x10" + raw[33:],
    ],
)  # type: ignore[misc]
def test_what_is_no_whole_packet(spoil) -> None:  # type: ignore[no-untyped-def]
    assert parse(spoil(build(A, B, ACK, 1, 2))) is None


@given(NUMBER, NUMBER, NUMBER, NUMBER, st.binary(max_size=30))
@settings(max_examples=60)
def test_numbers_move_and_come_back(
    seq: int, ack: int, one: int, other: int, payload: bytes
) -> None:
    raw = build(A, B, PSH | ACK, seq, ack, 99, payload)
    packet = parse(raw)
    assert packet is not None
    moved = rewritten(packet, one, -other)
    assert verified(moved)
    again = parse(moved)
    assert again is not None
    assert (again.seq, again.ack) == ((seq + one) & MASK, (ack - other) & MASK)
    assert again.payload == payload
    assert rewritten(again, -one, other) == raw


def test_sack_edges_move_with_the_ack() -> None:
    edges = struct.pack(">4I", 100, 200, MASK - 4, 10)
    raw = with_options(b"\x01\x01\x05\x12" + edges, seq=7, ack=50)
    packet = parse(raw)
    assert packet is not None
    moved = rewritten(packet, 1000, 20)
    assert struct.unpack(">4I", moved[44:60]) == (120, 220, 15, 30)
    assert struct.unpack(">II", moved[24:32]) == (1007, 70)
    assert verified(moved)


def test_a_rst_without_ack_keeps_its_ack_field() -> None:
    packet = parse(build(A, B, RST, 9, 0))
    assert packet is not None
    moved = parse(rewritten(packet, 1, 500))
    assert moved is not None
    assert (moved.seq, moved.ack) == (10, 0)


@pytest.mark.parametrize(("offered", "limit", "left"), [(1460, 1380, 1380), (536, 1380, 536)])
def test_mss_is_lowered_never_raised(offered: int, limit: int, left: int) -> None:
    packet = parse(with_options(b"\x02\x04" + struct.pack(">H", offered), flags=SYN))
    assert packet is not None
    moved = rewritten(packet, 0, 0, mss=limit)
    assert struct.unpack(">H", moved[42:44]) == (left,)
    assert verified(moved)


@pytest.mark.parametrize("options", [b"\x05\x00\x00\x00", b"\x05\xff\x00\x00", b"\x01\x01\x01\x05"])
def test_broken_options_are_left_alone(options: bytes) -> None:
    packet = parse(with_options(options))
    assert packet is not None
    assert rewritten(packet, 5, 5)[40:44] == options


def test_addresses() -> None:
    packet = parse(build(A, B, ACK, 1, 2))
    assert packet is not None
    moved = rewritten(packet, 0, 0, src=("10.0.0.1", 5), dst=("10.0.0.2", 6))
    assert moved[12:20] == socket.inet_aton("10.0.0.1") + socket.inet_aton("10.0.0.2")
    found = parse(moved)
    assert found is not None
    assert (found.src[1], found.dst[1]) == (5, 6)
    assert verified(moved)


@given(NUMBER, st.integers(-(1 << 31), (1 << 31) - 1))
@settings(max_examples=60)
def test_ahead(start: int, distance: int) -> None:
    assert ahead((start + distance) & MASK, start) == distance


def test_the_same_over_ipv6() -> None:
    six, other = ("2001:db8::1", 40000), ("2001:db8:77::250", 443)
    raw = build(six, other, PSH | ACK, 5, 6, 7, b"xyz")
    assert verified(raw)
    packet = parse(raw + b"padding")
    assert packet is not None
    assert (packet.src, packet.dst, packet.payload) == (six, other, b"xyz")
    new = rewritten(packet, 100, -6, dst=("2001:db8::99", 8443))
    assert verified(new)
    moved = parse(new)
    assert moved is not None
    assert (moved.src, moved.dst) == (six, ("2001:db8::99", 8443))
    assert (moved.seq, moved.ack, moved.payload) == (105, 0, b"xyz")
    assert parse(raw[:6] + b"\x2c" + raw[7:]) is None  # a fragment header comes first
    assert parse(raw[:59]) is None
