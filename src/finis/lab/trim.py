"""Captures with something missing, made from whole ones: what finis is scored on with less."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from finis.lab.packet import SYN, parse

HEADER, RECORD = 24, 16
ETHERNET = 14


@dataclass(frozen=True, slots=True)
class Record:
    """One packet of a capture: its header's four numbers, and its bytes."""

    seconds: int
    micros: int
    length: int
    frame: bytes


Change = Callable[[int, Record], Record | None]  # number and record; None leaves it out


def trimmed(source: Path, target: Path, change: Change) -> None:
    """Copy a capture of tcpdump (pcap, microseconds, this machine's byte order)."""
    whole = source.read_bytes()
    with target.open("wb") as out:
        out.write(whole[:HEADER])
        for number, record in enumerate(records(whole)):
            changed = change(number, record)
            if changed is not None:
                size = len(changed.frame)
                out.write(
                    struct.pack("=IIII", changed.seconds, changed.micros, size, changed.length)
                )
                out.write(changed.frame)


def records(whole: bytes) -> Iterator[Record]:
    """Every packet of a capture of tcpdump on this machine."""
    at = HEADER
    while at + RECORD <= len(whole):
        seconds, micros, size, length = struct.unpack_from("=IIII", whole, at)
        at += RECORD
        yield Record(seconds, micros, length, whole[at : at + size])
        at += size


def no_handshake(number: int, record: Record) -> Record | None:
    """Without SYN and SYN ACK: the capture started later."""
    packet = parse(record.frame[ETHERNET:])
    return None if packet is not None and packet.flags & SYN else record


def short(number: int, record: Record) -> Record:
    """At most 96 bytes of each frame."""
    return Record(record.seconds, record.micros, record.length, record.frame[:96])


def lossy(number: int, record: Record) -> Record | None:
    """Every tenth packet was not captured."""
    return None if number % 10 == 7 else record


def shifted(seconds: float) -> Change:
    """Taken with a clock so far ahead."""

    def change(number: int, record: Record) -> Record:
        micros = record.seconds * 1_000_000 + record.micros + round(seconds * 1_000_000)
        return Record(*divmod(micros, 1_000_000), record.length, record.frame)

    return change


def late(fraction: float, source: Path) -> Change:
    """Begun when so much of the capture's time had passed."""
    times = [one.seconds + one.micros / 1e6 for one in records(source.read_bytes())]
    start = times[0] + (times[-1] - times[0]) * fraction if times else 0.0

    def change(number: int, record: Record) -> Record | None:
        return record if record.seconds + record.micros / 1e6 >= start else None

    return change
