"""One frame to one row: IP, TCP, options, offload, padding; what is malformed says why."""

from __future__ import annotations

import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finis.terms import Flag, Quirk
from finis.wire.decode import Decoded, Row, decode_frame
from finis.wire.outcomes import Outcome
from tests import builders as b


def row(frame: bytes, wire_len: int | None = None, linktype: int = 1) -> Row:
    found = decode_frame(frame, len(frame) if wire_len is None else wire_len, linktype)
    assert isinstance(found, Decoded), found
    return found.row


def quirks(frame: bytes, wire_len: int | None = None) -> Quirk:
    return Quirk(row(frame, wire_len)["quirks"])


def test_every_field_of_a_syn() -> None:
    options = b.mss(1460) + b.SACK_PERMITTED + b.timestamps(7, 8) + b.NOP + b.wscale(9)
    frame = b.packet(
        "192.0.2.1:40000", "198.51.100.2:443", "SECe", seq=2**32 - 1, ack=5, win=1234,
        options=options, ttl=57, ip_id=0xBEEF, vlans=[42],
    )  # fmt: skip
    expected = {
        "src_lo": 0xFFFF_C000_0201,
        "dst_lo": 0xFFFF_C633_6402,
        "src_p": 40000,
        "dst_p": 443,
        "seq": 2**32 - 1,
        "ack": 5,
        "flags": Flag.SYN | Flag.ECE | Flag.CWR | Flag.AE,
        "win": 1234,
        "ttl": 57,
        "ip_id": 0xBEEF,
        "vlan": 42,
        "mss": 1460,
        "wscale": 9,
        "tsval": 7,
        "tsecr": 8,
        "ip_len": 60,
        "quirks": Quirk.DF | Quirk.HAS_MSS | Quirk.HAS_TS | Quirk.HAS_WSCALE | Quirk.SACK_PERMITTED,
    }
    assert {name: value for name, value in row(frame).items() if value} == expected


def test_ipv6_addresses() -> None:
    found = row(b.packet("[2001:db8::1]:1", "[fe80::ff]:2"))
    for side, text in (("src", "2001:db8::1"), ("dst", "fe80::ff")):
        address = found[f"{side}_hi"] << 64 | found[f"{side}_lo"]
        assert address == int(ipaddress.IPv6Address(text))
    assert found["quirks"] == Quirk.NO_IP_ID


def segment(payload: bytes = b"", **fields: object) -> bytes:
    return b.tcp(1, 2, payload=payload, **fields)  # type: ignore[arg-type]


def test_padding_and_trailers_are_no_payload() -> None:
    assert row(b.ether(b.ipv4(segment()), pad=True))["payload_len"] == 0
    padded = row(b.ether(b.ipv4(segment(b"hi"))) + b"\xde\xad\xbe\xef")
    assert (padded["payload_len"], padded["head_len"]) == (2, 2)
    assert not padded["quirks"] & Quirk.BAD_CHECKSUM


def test_payload_beyond_the_snap_length() -> None:
    frame = b.packet(payload=bytes(1000))
    found = row(frame[:64], len(frame))
    assert found["payload_len"] == 1000
    assert found["head_len"] == 8
    assert found["payload_hash"] == 0
    assert found["quirks"] & Quirk.NO_PAYLOAD
    assert not row(frame)["quirks"] & Quirk.NO_PAYLOAD


@pytest.mark.parametrize("ipv", [b.ipv4, b.ipv6])
def test_offload_lengths(ipv: object) -> None:
    big = segment(bytes(4000))
    if ipv is b.ipv4:
        zero, plain = b.ipv4(big, total_length=0), b.ipv4(big)
    else:
        zero, plain = b.ipv6(big, payload_length=0), b.ipv6(big)
    assert row(b.ether(zero))["payload_len"] == 4000
    assert quirks(b.ether(zero)) & Quirk.IP_LEN_ZERO
    assert row(b.ether(plain))["payload_len"] == 4000
    assert quirks(b.ether(plain)) & Quirk.OVERSIZE
    assert not quirks(b.packet(payload=bytes(1400))) & Quirk.OVERSIZE


def with_checksum(value: int, payload: bytes = b"hello") -> bytes:
    whole = segment(payload)
    return b.ether(b.ipv4(whole[:16] + struct.pack(">H", value) + whole[18:], fill_checksum=False))


@pytest.mark.parametrize("payload", [b"", b"x", b"hello", bytes(range(256)) * 4])
def test_checksums(payload: bytes) -> None:
    whole = segment(payload)
    right = b.checksum(b.pseudo_header("10.0.0.1", "10.0.0.2", len(whole)) + whole)
    partial = b.checksum(b.pseudo_header("10.0.0.1", "10.0.0.2", len(whole))) ^ 0xFFFF
    no_length = b.checksum(b.pseudo_header("10.0.0.1", "10.0.0.2", 0)) ^ 0xFFFF
    for good in (right, 0, partial, no_length):
        assert not quirks(with_checksum(good, payload)) & Quirk.BAD_CHECKSUM
    for wrong in {1, 0xFFFF, right ^ 1, partial ^ 0x100} - {right, partial, no_length}:
        frame = with_checksum(wrong, payload)
        assert quirks(frame) & Quirk.BAD_CHECKSUM
        if payload:  # cut: the checksum proves nothing
            assert not quirks(frame[:-1], len(frame)) & Quirk.BAD_CHECKSUM


def test_a_large_segment_with_a_wrong_checksum_is_offload() -> None:
    whole = segment(bytes(3000), checksum=0x1234)
    assert not quirks(b.ether(b.ipv4(whole))) & Quirk.BAD_CHECKSUM


@pytest.mark.parametrize("version", [4, 6])
def test_bad_checksum_in_both_versions(version: int) -> None:
    whole = segment(b"hello", checksum=0x1234)
    frame = b.ether(b.ipv4(whole) if version == 4 else b.ipv6(whole))
    assert quirks(frame) & Quirk.BAD_CHECKSUM


OPTIONS = [
    ("", Quirk(0)),
    ("020405b4", Quirk.HAS_MSS),
    ("01010402", Quirk.SACK_PERMITTED),
    ("0101080a0000000100000002", Quirk.HAS_TS),
    ("0101050a0000000100000002", Quirk.HAS_SACK),
    ("01010512000000010000000200000003000000040000", Quirk.HAS_SACK),
    ("1312" + "00" * 16 + "0000", Quirk.HAS_MD5),
    ("1e040000", Quirk(0)),  # unknown kinds are passed over
    ("00ffffff", Quirk(0)),  # nothing after the end of the list
    ("02000000", Quirk.BAD_OPTIONS),
    ("02010000", Quirk.BAD_OPTIONS),
    ("0204", Quirk.BAD_OPTIONS),
    ("02030500", Quirk.BAD_OPTIONS),
    ("010101ff", Quirk.BAD_OPTIONS),
    ("0101080b000000010000000200000000", Quirk.BAD_OPTIONS),
    ("0101050b000000010000000200000000", Quirk.BAD_OPTIONS),
    ("02060500000003030700", Quirk.BAD_OPTIONS | Quirk.HAS_WSCALE),
]


@pytest.mark.parametrize(("hexed", "expected"), OPTIONS)
def test_options(hexed: str, expected: Quirk) -> None:
    options = bytes.fromhex(hexed)
    if hexed == "0204":
        options = b"\1\1" + options
    assert quirks(b.packet(options=options)) & ~Quirk.DF == expected


def test_options_cut_by_the_snap_length() -> None:
    frame = b.packet(flags="S", options=b.mss(1460) + b.timestamps(1, 2) + b.NOP + b.NOP)
    for size in range(54, len(frame)):
        found = quirks(frame[:size], len(frame))
        assert found & Quirk.TRUNCATED_HEADER
        assert not found & Quirk.BAD_OPTIONS
        assert bool(found & Quirk.HAS_MSS) == (size >= 58)
        assert bool(found & Quirk.HAS_TS) == (size >= 68)
    assert not quirks(frame) & Quirk.TRUNCATED_HEADER


def test_the_shortest_useful_header() -> None:
    frame = b.packet(flags="FA", seq=7, win=99)
    found = row(frame[:48], len(frame))  # up to the flags
    assert (found["seq"], found["flags"], found["win"]) == (7, Flag.FIN | Flag.ACK, 0)
    assert found["quirks"] & Quirk.NO_WIN
    assert decode_frame(frame[:47], len(frame), 1) == Outcome.SHORT_TCP


PLAIN = segment(b"hello")


@pytest.mark.parametrize(
    ("packet", "outcome"),
    [
        (b.ipv4(bytes(8), proto=17), Outcome.UDP),
        (b.ipv4(bytes(8), proto=1), Outcome.ICMP),
        (b.ipv4(bytes(8), proto=132), Outcome.IP_OTHER),
        (b.ipv6(bytes(8), next_header=58), Outcome.ICMP6),
        (b.ipv6(bytes(8), next_header=17), Outcome.UDP),
        (b.ipv6(b"", next_header=59), Outcome.IP_OTHER),
        (b.ipv4(PLAIN, total_length=19), Outcome.BAD_IP),
        (b.ipv4(PLAIN, total_length=39), Outcome.BAD_TCP),
        (b"\x44" + b.ipv4(PLAIN)[1:], Outcome.BAD_IP),
        (b"\x95" + b.ipv4(PLAIN)[1:], Outcome.BAD_IP),
        (b.ipv4(PLAIN)[:19], Outcome.SHORT_IP),
        (b.ipv6(PLAIN)[:39], Outcome.SHORT_IP),
        (b.ipv4(segment(offset=4)), Outcome.BAD_TCP),
        (b.ipv4(segment(offset=6)), Outcome.BAD_TCP),
        (b.ipv6(PLAIN, extensions=[(60, bytes(6))] * 17), Outcome.NESTED),
        (b.ipv6(b"", extensions=[(60, b"")], payload_length=4), Outcome.BAD_IP),
    ],
)
def test_what_is_no_segment_says_why(packet: bytes, outcome: Outcome) -> None:
    kind = 0x86DD if packet[0] >> 4 == 6 else 0x0800
    frame = b.ether(packet, ethertype=kind)
    assert decode_frame(frame, len(frame), 1) == outcome


@pytest.mark.parametrize(
    "extensions",
    [
        [(0, bytes(6))],
        [(0, bytes(6)), (60, bytes(14)), (43, bytes(6)), (51, bytes(22))],
        [b.fragment6(0, False, 1)],  # an atomic fragment is a whole packet (RFC 6946)
        [(60, bytes(6))] * 15,
    ],
)
def test_ipv6_extension_headers(extensions: list[tuple[int, bytes]]) -> None:
    found = row(b.ether(b.ipv6(PLAIN, extensions=extensions)))
    assert (found["src_p"], found["payload_len"]) == (1, 5)
    assert found["quirks"] & ~Quirk.BAD_CHECKSUM == Quirk.NO_IP_ID


def test_ipv4_options() -> None:
    found = row(b.ether(b.ipv4(PLAIN, options=b"\x94\4\0\0")))
    assert (found["dst_p"], found["payload_len"], found["ip_len"]) == (2, 5, 49)


@given(st.binary(max_size=120), st.integers(0, 2**32 - 1), st.integers(0, 300))
def test_any_bytes(data: bytes, wire_len: int, linktype: int) -> None:
    found = decode_frame(data, wire_len, linktype)
    assert isinstance(found, Decoded | Outcome)
