"""Walks the records of pcap and pcapng data and collects segment rows: what a decoder is, and the
readable reference of it.  The kernel (`_walk.pyx`) does the same in one pass over the buffer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from finis.tables import SEGMENT, record_dtype
from finis.terms import Quirk
from finis.wire.captures._api import BATCH, Arrays
from finis.wire.decode import Row, decode_frame
from finis.wire.fragments import MAX_HELD, Fragments
from finis.wire.link import LinkType
from finis.wire.outcomes import Outcome
from finis.wire.source import APART, SHOWN
from finis.wire.stamps import SECOND_NS, Stamp

if TYPE_CHECKING:
    from finis.wire.source import Source

DTYPE = record_dtype(SEGMENT)
MAX_CAPTURED = 1 << 18  # bytes of a frame that no snap length allows to exceed (as libpcap)
MAX_BLOCK = MAX_CAPTURED + 4096  # bytes of a pcapng packet block, options included
MAX_POINTS = 256  # interfaces of cooked captures told apart, per section
SIDE = 1 << 31  # from here on sides are numbered, beyond any interface
PACKET_BLOCK, SIMPLE_BLOCK, ENHANCED_BLOCK = 2, 3, 6
SECTION_BLOCK, INTERFACE_BLOCK, STATISTICS_BLOCK = 0x0A0D0D0A, 1, 5
_OURS = frozenset({SECTION_BLOCK, INTERFACE_BLOCK, STATISTICS_BLOCK})
Bytes = bytes | memoryview
Link = tuple[int, bytes]  # VLAN, link address
_FULL = BATCH - MAX_HELD - 1  # one frame may release every held fragment, and itself


class Stop(IntEnum):
    """Why a walk came back; it stands at the record it could not take."""

    DATA = 0  # the buffer is used up, or holds only a part of the record
    FULL = 1  # take the rows first
    POINT = 2  # `wanted` names an interface of a cooked capture, or a side, that needs a point
    BLOCK = 3  # a pcapng block that the caller reads: section, interface, statistics, or too large
    CORRUPT = 4  # no record can look like this


class Interface(NamedTuple):
    """Where frames were captured, and how they are written down."""

    linktype: int
    point: int
    snaplen: int  # 0: no limit
    stamp: Stamp


class FrameDecoder(Protocol):
    """One per source.  `walk_*` take a buffer and where to start in it and give why and where they
    stopped; rows collect in a reused array until `take`."""

    frames: int
    wanted: tuple[int, int]

    def __init__(self, file: int, arrays: Arrays) -> None: ...
    def set_pcap(self, big_endian: bool, header_len: int, tick_ns: int, max_len: int) -> None: ...
    def set_section(self, big_endian: bool) -> None: ...
    def add_interface(self, interface: Interface) -> None: ...
    def add_point(self, interface: int, ifindex: int, point: int) -> None: ...
    def set_sides(self, sides: Mapping[Link, int]) -> None: ...
    def walk_pcap(self, data: Bytes, at: int) -> tuple[int, int]: ...
    def walk_pcapng(self, data: Bytes, at: int) -> tuple[int, int]: ...
    def flush(self) -> None: ...
    def take(self) -> np.ndarray: ...
    def settle(self, source: Source) -> None: ...  # before `take`


class Decoder:
    """The reference."""

    def __init__(self, file: int, arrays: Arrays) -> None:
        self.file = file
        self.frames = 0
        self.wanted = (0, 0)
        self._arrays = arrays
        self._rows = self._arrays.next()
        self._n = 0
        self._used = self._apart = 0
        self._order = "little"
        self._header_len, self._tick_ns, self._max_len = 16, 1000, MAX_CAPTURED
        self._interfaces: list[Interface] = []
        self._points: dict[tuple[int, int], int] = {}
        self._sides: Mapping[Link, int] = {}
        self._fragments = Fragments()
        self._counts = [0] * len(Outcome)
        self._first: list[list[int]] = [[] for _ in Outcome]
        self._last_ns: int | None = None
        self._period: tuple[int, int] | None = None

    # --- settings ------------------------------------------------------------------------

    def set_pcap(self, big_endian: bool, header_len: int, tick_ns: int, max_len: int) -> None:
        """Byte order, bytes of a record header (16 or 24), length of a tick, longest record."""
        self._order = "big" if big_endian else "little"
        self._header_len, self._tick_ns, self._max_len = header_len, tick_ns, max_len

    def set_section(self, big_endian: bool) -> None:
        """A new pcapng section: its interfaces are numbered from 0 again."""
        self._order = "big" if big_endian else "little"
        self._interfaces.clear()
        self._points.clear()

    def add_interface(self, interface: Interface) -> None:
        self._interfaces.append(interface)

    def add_point(self, interface: int, ifindex: int, point: int) -> None:
        """The point of a cooked capture's interface, or of a side, see `Stop.POINT`."""
        self._points[interface, ifindex] = point

    def set_sides(self, sides: Mapping[Link, int]) -> None:
        """Link addresses, a few, on each side of a firewall, see `captures._sides`: the frames of
        an Ethernet are told apart as if sides were interfaces, of SIDE and more."""
        self._sides = sides

    # --- results -------------------------------------------------------------------------

    def take(self) -> np.ndarray:
        """The rows collected, in an array that will be used again, see `Arrays`."""
        rows = self._rows[: self._n]
        self._rows = self._arrays.next()
        self._n = self._apart = 0
        return rows

    def flush(self) -> None:
        """At the end of the capture: no fragment can follow."""
        self._emit(self._fragments.flush())

    def settle(self, source: Source) -> None:
        """Hand over what was counted since the last time."""
        settle(source, self._counts, self._first)
        self._counts = [0] * len(Outcome)
        self._first = [[] for _ in Outcome]
        source.rows = self.frames
        source.used = self._used
        source.mixed = self._apart != 0
        if self._period is not None:
            source.seen(self._period[0])
            source.seen(self._period[1])

    # --- walking -------------------------------------------------------------------------

    def _u32(self, data: Bytes, at: int) -> int:
        return int.from_bytes(data[at : at + 4], self._order)  # type: ignore[arg-type]

    def _u16(self, data: Bytes, at: int) -> int:
        return int.from_bytes(data[at : at + 2], self._order)  # type: ignore[arg-type]

    def walk_pcap(self, data: Bytes, at: int) -> tuple[int, int]:
        while True:
            body = at + self._header_len
            if body > len(data):
                return Stop.DATA, at
            if self._n >= _FULL:
                return Stop.FULL, at
            captured, wire_len = self._u32(data, at + 8), self._u32(data, at + 12)
            if captured > self._max_len or captured == wire_len == 0:
                return Stop.CORRUPT, at
            if body + captured > len(data):
                return Stop.DATA, at
            ts_ns = self._u32(data, at) * SECOND_NS + self._u32(data, at + 4) * self._tick_ns
            if not self._frame(data[body : body + captured], wire_len, 0, ts_ns):
                return Stop.POINT, at
            at = body + captured

    def walk_pcapng(self, data: Bytes, at: int) -> tuple[int, int]:
        while True:
            if at + 12 > len(data):
                return Stop.DATA, at
            if self._n >= _FULL:
                return Stop.FULL, at
            kind, length = self._u32(data, at), self._u32(data, at + 4)
            if kind in _OURS:
                return Stop.BLOCK, at
            if length < 12 or length % 4:
                return Stop.CORRUPT, at
            if length > MAX_BLOCK:
                return Stop.BLOCK, at
            if at + length > len(data):
                return Stop.DATA, at
            if self._u32(data, at + length - 4) != length:
                return Stop.CORRUPT, at
            reader = self._PACKETS.get(kind)
            if reader is not None and not reader(self, data[at + 8 : at + length - 4]):
                return Stop.POINT, at
            at += length

    def _enhanced(self, body: Bytes) -> bool:
        return self._block(body, 20, self._u32(body, 0), 4)

    def _obsolete(self, body: Bytes) -> bool:
        return self._block(body, 20, self._u16(body, 0), 4)

    def _block(self, body: Bytes, header_len: int, interface: int, at: int) -> bool:
        if len(body) < header_len:
            return self._bad(Outcome.BAD_RECORD)
        captured, wire_len = self._u32(body, at + 8), self._u32(body, at + 12)
        if captured > len(body) - header_len:
            return self._bad(Outcome.BAD_RECORD)
        if interface >= len(self._interfaces):
            return self._bad(Outcome.NO_INTERFACE)
        ticks = self._u32(body, at) << 32 | self._u32(body, at + 4)
        stamp = self._interfaces[interface].stamp
        ts_ns = stamp.ns(ticks) if ticks <= stamp.limit else None
        missing = Outcome.BAD_STAMP
        return self._frame(
            body[header_len : header_len + captured], wire_len, interface, ts_ns, missing
        )

    def _simple(self, body: Bytes) -> bool:
        if len(body) < 4:
            return self._bad(Outcome.BAD_RECORD)
        if not self._interfaces:
            return self._bad(Outcome.NO_INTERFACE)
        wire_len = self._u32(body, 0)
        captured = min(wire_len, len(body) - 4, self._interfaces[0].snaplen or wire_len)
        return self._frame(body[4 : 4 + captured], wire_len, 0, None, Outcome.NO_STAMP)

    _PACKETS: dict[int, Callable[[Decoder, Bytes], bool]] = {
        ENHANCED_BLOCK: _enhanced,
        PACKET_BLOCK: _obsolete,
        SIMPLE_BLOCK: _simple,
    }

    # --- frames --------------------------------------------------------------------------

    def _bad(self, outcome: Outcome) -> bool:
        self.frames += 1
        self._count(outcome)
        return True

    def _count(self, outcome: Outcome) -> None:
        self._counts[outcome] += 1
        if len(self._first[outcome]) < SHOWN:
            self._first[outcome].append(self.frames)

    def _frame(
        self,
        data: Bytes,
        wire_len: int,
        number: int,
        ts_ns: int | None,
        missing: Outcome = Outcome.NO_STAMP,
    ) -> bool:
        """Take one frame of interface `number`; `ts_ns` None: `missing` says why.  False: its point
        is not known and nothing was done."""
        interface = self._interfaces[number]
        decoded = decode_frame(bytes(data), wire_len, interface.linktype)
        point = interface.point
        cooked = interface.linktype == LinkType.LINUX_SLL2
        sides = self._sides and interface.linktype == LinkType.ETHERNET
        if (cooked or sides) and not isinstance(decoded, Outcome):
            key = (number, self._side(decoded.row["vlan"], data) if sides else decoded.ifindex)
            if key not in self._points and len(self._points) < MAX_POINTS:
                self.wanted = key
                return False
            point = self._points.get(key, point)
        self.frames += 1
        undated = ts_ns is None and self._last_ns is None
        if ts_ns is None:
            self._count(missing)
            ts_ns = self._last_ns or 0
        else:
            self._last_ns = ts_ns
            first, last = self._period or (ts_ns, ts_ns)
            self._period = min(first, ts_ns), max(last, ts_ns)
        if isinstance(decoded, Outcome):
            self._count(decoded)
            return True
        row = decoded.row
        row["ts_ns"], row["frame"] = ts_ns, self.frames & 0xFFFFFFFF
        row["file"], row["point"] = self.file, point
        if undated:
            row["quirks"] |= Quirk.UNDATED
        self._emit(self._fragments.expire(ts_ns, self.frames))
        if decoded.fragment is None:
            self._emit(self._fragments.overtaken(row))
            self._emit([row])
            return True
        if decoded.fragment.at:
            self._count(Outcome.FRAGMENT)
        self._emit(self._fragments.add(decoded, decoded.fragment, ts_ns, self.frames))
        return True

    def _side(self, vlan: int, data: Bytes) -> int:
        """That of the sender, or else of the receiver."""
        links = [(vlan, bytes(data[at : at + 6])) for at in (6, 0)]
        return next((self._sides[link] for link in links if link in self._sides), SIDE)

    def _emit(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self._rows[self._n] = tuple(row.values())
            self._n += 1
            self._used += 1
            self._apart |= row["quirks"] & APART | row["point"] ^ int(self._rows["point"][0])


def settle(source: Source, counts: Iterable[int], first: Iterable[Iterable[int]]) -> None:
    """Enter counts and first frame numbers per `Outcome` into `source`."""
    from finis.wire.outcomes import OTHER, PROBLEM

    for number, (count, frames) in enumerate(zip(counts, first, strict=True)):
        if not count:  # as in nearly every batch
            continue
        outcome = Outcome(number)
        if outcome in OTHER:
            source.count_other(OTHER[outcome], int(count))
        elif outcome in PROBLEM:
            problem, rest = PROBLEM[outcome], int(count)
            for frame in frames:
                if frame and rest:
                    source.problems.add(problem, f"frame {frame}")
                    rest -= 1
            if rest:
                source.problems.counts[problem] += rest
