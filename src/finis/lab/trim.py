"""Captures with something missing or amiss, made from whole ones: what finis is scored on with
less."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from finis.lab.packet import FIN, RST, SYN, Packet, parse

HEADER, RECORD = 24, 16
ETHERNET = 14
COPY_US = 12  # after which a port that mirrors both directions shows a packet again


@dataclass(frozen=True, slots=True)
class Record:
    """One packet of a capture: its time, its length on the wire, and its bytes."""

    us: int
    length: int
    frame: bytes

    @property
    def packet(self) -> Packet | None:
        """None if it is no TCP."""
        return parse(self.frame[ETHERNET:])


Change = Callable[[list[Record]], Iterable[Record]]


def trimmed(source: Path, target: Path, change: Change) -> None:
    """Copy a capture of tcpdump (pcap, microseconds, this machine's byte order)."""
    whole = source.read_bytes()
    _write(target, whole[:HEADER], change(list(records(whole))))


def merged(sources: Iterable[Path], target: Path) -> None:
    """Several such captures as one, in order of time."""
    found = [source.read_bytes() for source in sources]
    packets = [record for whole in found for record in records(whole)]
    _write(target, found[0][:HEADER], sorted(packets, key=lambda one: one.us))


def _write(target: Path, header: bytes, packets: Iterable[Record]) -> None:
    with target.open("wb") as out:
        out.write(header)
        for record in packets:
            seconds, micros = divmod(record.us, 1_000_000)
            out.write(struct.pack("=IIII", seconds, micros, len(record.frame), record.length))
            out.write(record.frame)


def records(whole: bytes) -> Iterator[Record]:
    """Every packet of a capture of tcpdump on this machine."""
    at = HEADER
    while at + RECORD <= len(whole):
        seconds, micros, size, length = struct.unpack_from("=IIII", whole, at)
        at += RECORD
        yield Record(seconds * 1_000_000 + micros, length, whole[at : at + size])
        at += size


def without(flags: int) -> Change:
    """Without segments that have one of these flags: of SYN, as if it had started later."""
    return lambda packets: (
        one for one in packets if (found := one.packet) is None or not found.flags & flags
    )


def flags_only(packets: list[Record]) -> Iterable[Record]:
    """Taken with the filter for SYN, FIN and RST that is often asked for."""
    return (one for one in packets if (found := one.packet) and found.flags & (SYN | FIN | RST))


def one_direction(packets: list[Record]) -> Iterable[Record]:
    """Only what the side sent that spoke first: a tap of one direction, or two paths."""
    first: dict[frozenset[object], object] = {}
    for one in packets:
        if found := one.packet:
            ends = frozenset((found.src, found.dst))
            if first.setdefault(ends, found.src) == found.src:
                yield one


def short(most_bytes: int) -> Change:
    """At most so much of each frame."""
    return lambda packets: (replace(one, frame=one.frame[:most_bytes]) for one in packets)


def lossy(every: int, run: int = 1) -> Change:
    """Of so many packets the last few, one after another, were not captured."""
    return lambda packets: (one for n, one in enumerate(packets) if n % every < every - run)


def shifted(seconds: float) -> Change:
    """Taken with a clock so far ahead."""
    us = round(seconds * 1_000_000)
    return lambda packets: (replace(one, us=one.us + us) for one in packets)


def between(begin: float, end: float) -> Change:
    """Only that part of the capture's time (0 to 1)."""

    def change(packets: list[Record]) -> Iterable[Record]:
        if not packets:
            return
        first, length = packets[0].us, packets[-1].us - packets[0].us
        for one in packets:
            if first + begin * length <= one.us <= first + end * length:
                yield one

    return change


def first(share: float) -> Change:
    """The capture was ended after so much of its packets (0 to 1)."""
    return lambda packets: packets[: round(len(packets) * share)]


def twice(packets: list[Record]) -> Iterable[Record]:
    """Every packet is there twice."""
    copies = (replace(one, us=one.us + COPY_US) for one in packets)
    return sorted([*packets, *copies], key=lambda one: one.us)
