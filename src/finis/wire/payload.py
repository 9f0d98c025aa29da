"""What a segment's payload shows: first bytes, a fingerprint, a TLS alert at its end.

Shared by every reader that sees payload bytes, binary or text.
"""

from __future__ import annotations

from typing import NamedTuple

from finis.terms import Alert

HEAD = 8  # bytes kept as SEGMENT.head
NARROW, WIDE = 16, 64  # bytes under the two halves of the fingerprint
_MASK = (1 << 64) - 1
_PRIME = 0x9E3779B97F4A7C15

ALERT_RECORD, DATA_RECORD = 21, 23  # TLS content types (RFC 8446 §5.1)
MAX_RECORD = (1 << 14) + 2048  # RFC 5246 §6.2.3
TLS13_ALERT = 19  # content 2, inner type 1, tag 16 (RFC 8446 §5.2)
# Lengths of alert records looked for at the end of a payload that does not start with a record:
# plaintext, then every protection in use without padding beyond one block.
ALERT_LENGTHS = (2, 18, 22, 24, 26, 28, 32, 34, 36, 48, 52, 64, 80)
# Payload sizes that mean an alert where no byte was captured: TLS 1.2 ChaCha20 and CCM_8,
# TLS 1.3, TLS 1.2 AES-GCM, CBC with SHA-1 (and encrypt-then-MAC), SHA-256, SHA-384.
ALERT_SIZES = frozenset({23, 24, 31, 53, 57, 69, 85})
WARNING, CLOSE_NOTIFY = 1, 0  # alert level, alert description (RFC 8446 §6)


class Tail(NamedTuple):
    """What the end of a payload is."""

    alert: Alert
    desc: int = 0


def head(payload: bytes) -> tuple[int, int]:
    """First bytes as ``(value, count)``: big-endian, left-aligned in 64 bits."""
    first = payload[:HEAD]
    return int.from_bytes(first.ljust(HEAD, b"\0"), "big"), len(first)


def _mix(data: bytes) -> int:
    """64-bit hash over little-endian words of 8 bytes, the last padded with zeros."""
    value = 0
    for at in range(0, len(data), 8):
        word = int.from_bytes(data[at : at + 8], "little")
        value = ((value ^ word) * _PRIME) & _MASK
        value ^= value >> 32
    return value


def fingerprint(payload: bytes, payload_len: int) -> int:
    """SEGMENT.payload_hash of the captured start `payload` of `payload_len` bytes on the wire.

    The upper 32 bits cover the first 16 bytes and the length: comparable between captures of any
    snaplen.  The lower 32 bits cover the first 64 bytes, 0 where fewer were captured.  0 as a
    whole: not even 16 bytes (or the whole payload) were captured.
    """
    if payload_len == 0 or len(payload) < min(NARROW, payload_len):
        return 0
    salt = (payload_len * _PRIME) & _MASK
    narrow = _mix(payload[: min(NARROW, payload_len)]) ^ salt
    narrow = ((narrow * _PRIME) & _MASK) >> 32 or 1
    wide = 0
    if len(payload) >= min(WIDE, payload_len):
        wide = _mix(payload[: min(WIDE, payload_len)]) ^ salt
        wide = ((wide * _PRIME) & _MASK) >> 32 or 1
    return narrow << 32 | wide


def tls_tail(payload: bytes, payload_len: int) -> Tail:
    """Does a payload end with a TLS alert record?  `payload` is its captured start.

    Records are walked where the payload starts with one; otherwise a record header is looked for
    at exactly its own length from the end.  With no byte captured the size alone decides, and
    then says no more than `Alert.LIKELY`.
    """
    if payload_len == 0:
        return Tail(Alert.NONE)
    if not payload:
        return Tail(Alert.LIKELY if payload_len in ALERT_SIZES else Alert.NONE)
    at = _last_record(payload, payload_len)
    if at < 0 and len(payload) >= payload_len:
        at = _look_back(payload, payload_len)
    if at < 0:
        return Tail(Alert.NONE)
    kind, length = payload[at], payload[at + 3] << 8 | payload[at + 4]
    if kind == DATA_RECORD:
        return Tail(Alert.LIKELY if length == TLS13_ALERT else Alert.NONE)
    if kind != ALERT_RECORD:
        return Tail(Alert.NONE)
    level = payload[at + 5] if length == 2 and len(payload) >= at + 7 else 0
    if level not in (1, 2):
        return Tail(Alert.RECORD)
    desc = payload[at + 6]
    if desc == CLOSE_NOTIFY:
        return Tail(Alert.CLOSE_NOTIFY)
    return Tail(Alert.WARNING if level == WARNING else Alert.FATAL, desc)


def _is_header(payload: bytes, at: int) -> bool:
    return 20 <= payload[at] <= 23 and payload[at + 1] == 3 and payload[at + 2] <= 4


def _last_record(payload: bytes, payload_len: int) -> int:
    """Offset of the record that ends exactly at `payload_len`; -1: none found from the start."""
    at = 0
    while at + 5 <= len(payload) and _is_header(payload, at):
        length = payload[at + 3] << 8 | payload[at + 4]
        if length == 0 or length > MAX_RECORD:
            return -1
        if at + 5 + length == payload_len:
            return at
        at += 5 + length
    return -1


def _look_back(payload: bytes, payload_len: int) -> int:
    for length in ALERT_LENGTHS:
        at = payload_len - length - 5
        if at < 0:
            break
        if payload[at : at + 2] == b"\x15\x03" and payload[at + 2] <= 4:  # noqa: SIM102
            if payload[at + 3] == 0 and payload[at + 4] == length:
                return at
    at = payload_len - TLS13_ALERT - 5
    if at >= 0 and payload[at : at + 5] == b"\x17\x03\x03\0\x13":
        return at
    return -1
