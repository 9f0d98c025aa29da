"""Captures with something missing: what is left is what the name says."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

import pytest

from finis.lab import trim
from finis.lab.packet import ACK, FIN, RST, SYN

LINK = bytes(12) + b"\x08\x00"


def record(us: int, source: int, flags: int, payload: bytes = b"") -> trim.Record:
    tcp = struct.pack(
        ">HHIIBBHHH", source, 443 if source != 443 else 5000, 1, 1, 0x50, flags, 9, 0, 0
    )
    size = 20 + len(tcp) + len(payload)
    hosts = [bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2))]
    ends = hosts if source != 443 else hosts[::-1]
    ip = struct.pack(">BBHHHBBH", 0x45, 0, size, 0, 0, 64, 6, 0) + b"".join(ends)
    frame = LINK + ip + tcp + payload
    return trim.Record(us, len(frame), frame)


PACKETS = [
    record(0, 5000, SYN), record(1, 443, SYN | ACK), record(2, 5000, ACK),
    record(50, 5000, ACK, b"x" * 200), record(60, 443, FIN | ACK), record(100, 5000, RST),
]  # fmt: skip
OTHER = trim.Record(55, 18, bytes(12) + b"\x08\x06" + bytes(4))


def left(change: trim.Change, packets: Iterable[trim.Record] = PACKETS) -> list[int]:
    return [one.us for one in change(list(packets))]


def test_by_flags() -> None:
    assert left(trim.without(SYN)) == [2, 50, 60, 100]
    assert left(trim.without(RST), [*PACKETS, OTHER]) == [0, 1, 2, 50, 60, 55]
    assert left(trim.flags_only, [*PACKETS, OTHER]) == [0, 1, 60, 100]


def test_by_direction_and_time() -> None:
    assert left(trim.one_direction) == [0, 2, 50, 100]
    assert left(trim.between(0, 0.5)) == [0, 1, 2, 50]
    assert left(trim.between(0.5, 1)) == [50, 60, 100]
    assert left(trim.between(0.5, 1), []) == []
    assert left(trim.first(0.5)) == [0, 1, 2]


def test_losses_and_copies() -> None:
    assert left(trim.lossy(3)) == [0, 1, 50, 60]
    assert left(trim.lossy(3, 2)) == [0, 50]
    assert left(trim.twice) == sorted(us + more for us in left(trim.lossy(9)) for more in (0, 12))
    assert left(trim.shifted(-0.00002)) == [us - 20 for us in (0, 1, 2, 50, 60, 100)]
    assert max(len(one.frame) for one in trim.short(96)(PACKETS)) == 96


@pytest.mark.parametrize("change", [trim.twice, trim.short(60), trim.shifted(3)])
def test_a_file_is_written_and_read_again(tmp_path: Path, change: trim.Change) -> None:
    source, target = tmp_path / "a.pcap", tmp_path / "b.pcap"
    source.write_bytes(bytes(trim.HEADER))
    trim.trimmed(source, target, lambda _: PACKETS)
    trim.trimmed(target, source, change)
    assert list(trim.records(source.read_bytes())) == list(change(PACKETS))


def test_two_captures_as_one(tmp_path: Path) -> None:
    head = bytes(trim.HEADER)
    whole = tmp_path / "whole.pcap"
    whole.write_bytes(
        head
        + b"".join(
            struct.pack("=IIII", 0, one.us, len(one.frame), one.length) + one.frame
            for one in PACKETS
        )
    )
    parts = [tmp_path / name for name in ("odd.pcap", "even.pcap")]
    trim.trimmed(whole, parts[0], lambda some: (one for one in some if one.us % 2))
    trim.trimmed(whole, parts[1], lambda some: (one for one in some if not one.us % 2))
    trim.merged(parts, tmp_path / "both.pcap")
    assert (tmp_path / "both.pcap").read_bytes() == whole.read_bytes()
