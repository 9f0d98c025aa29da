"""TLS alerts at the end of a payload (RFC 8446 §5.1, §6), fingerprints, first bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finis.terms import Alert
from finis.wire import payload


def record(kind: int, length: int, version: int = 3, body: bytes | None = None) -> bytes:
    return bytes([kind, 3, version]) + length.to_bytes(2, "big") + (body or bytes(length))


DATA = record(23, 300)
NOISE = b"\x01" * 90

ENDINGS = [
    # plaintext, and in either version
    (record(21, 2, body=b"\x01\x00"), Alert.CLOSE_NOTIFY, 0),
    (record(21, 2, 1, b"\x02\x28"), Alert.FATAL, 40),
    (record(21, 2, 3, b"\x01\x5a"), Alert.WARNING, 90),
    (record(21, 2, 3, b"\x02\x00"), Alert.CLOSE_NOTIFY, 0),
    (record(21, 2, 3, b"\x09\x00"), Alert.RECORD, 0),
    # encrypted up to TLS 1.2: the type shows, the contents do not
    (record(21, 26), Alert.RECORD, 0),
    (record(21, 250), Alert.RECORD, 0),
    # TLS 1.3: only the length fits
    (record(23, 19), Alert.LIKELY, 0),
    (record(23, 20), Alert.NONE, 0),
    (record(23, 18), Alert.NONE, 0),
    # the last record counts, not the first
    (DATA + record(21, 26), Alert.RECORD, 0),
    (record(21, 26) + DATA, Alert.NONE, 0),
    (record(22, 40) + record(21, 2, body=b"\x02\x46"), Alert.FATAL, 70),
    # the payload starts inside a record
    (NOISE + record(21, 26), Alert.RECORD, 0),
    (NOISE + record(23, 19), Alert.LIKELY, 0),
    (NOISE + record(21, 2, body=b"\x01\x00"), Alert.CLOSE_NOTIFY, 0),
    (NOISE + record(23, 40), Alert.NONE, 0),
    # not at exactly the matching distance
    (NOISE + record(21, 26) + b"x", Alert.NONE, 0),
    (NOISE + record(21, 26)[:-1], Alert.NONE, 0),
    (record(23, 19)[:-1], Alert.NONE, 0),
    (record(21, 2, body=b"\x01\x00")[:5], Alert.NONE, 0),
    # no TLS
    (b"GET / HTTP/1.1\r\n\r\n", Alert.NONE, 0),
    (b"\x15", Alert.NONE, 0),
    (record(21, 2, 9, b"\x01\x00"), Alert.NONE, 0),
    (b"", Alert.NONE, 0),
]


@pytest.mark.parametrize(("data", "alert", "desc"), ENDINGS)
def test_the_end_of_a_payload(data: bytes, alert: Alert, desc: int) -> None:
    assert payload.tls_tail(data, len(data)) == (alert, desc)


@pytest.mark.parametrize(
    ("captured", "payload_len", "alert"),
    [
        (b"", 31, Alert.LIKELY),  # no byte seen: the size of a TLS 1.2 AES-GCM alert
        (b"", 24, Alert.LIKELY),
        (b"", 32, Alert.NONE),
        (record(21, 26)[:5], 31, Alert.RECORD),  # the header was captured, the rest was not
        (record(21, 2)[:5], 7, Alert.RECORD),
        (record(23, 19)[:8], 24, Alert.LIKELY),
        (NOISE, 200, Alert.NONE),
        (record(22, 26)[:5], 31, Alert.NONE),
    ],
)
def test_what_was_not_captured_is_not_claimed(
    captured: bytes, payload_len: int, alert: Alert
) -> None:
    assert payload.tls_tail(captured, payload_len).alert == alert


def test_head_is_left_aligned() -> None:
    assert payload.head(b"GET") == (int.from_bytes(b"GET\0\0\0\0\0", "big"), 3)
    assert payload.head(bytes(range(20))) == (0x0001020304050607, 8)
    assert payload.head(b"") == (0, 0)


@given(st.binary(max_size=200), st.integers(0, 200))
def test_fingerprints_compare_across_snaplens(data: bytes, cut: int) -> None:
    whole = payload.fingerprint(data, len(data))
    part = payload.fingerprint(data[:cut], len(data))
    kept = min(cut, len(data))
    if not data or kept < min(16, len(data)):
        assert part == 0
    else:
        assert part >> 32 == whole >> 32 != 0
        assert part & 0xFFFFFFFF == (whole & 0xFFFFFFFF if kept >= min(64, len(data)) else 0)


def test_fingerprints_tell_apart() -> None:
    seen = {
        payload.fingerprint(bytes([n]) * length, length)
        for n in range(50)
        for length in (1, 7, 16, 17, 64, 99)
    }
    assert len(seen) == 300
    assert payload.fingerprint(b"a" * 64 + b"b", 65) == payload.fingerprint(b"a" * 64 + b"c", 65)


@given(st.binary(max_size=120), st.integers(0, 2**32 - 1))
def test_any_bytes(data: bytes, payload_len: int) -> None:
    payload_len = max(payload_len, len(data))
    tail = payload.tls_tail(data, payload_len)
    assert tail.alert in Alert
    assert 0 <= tail.desc <= 255
