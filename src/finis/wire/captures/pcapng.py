"""pcapng files: any number of sections and interfaces, both byte orders.

Format: draft-ietf-opsawg-pcapng.  The walker takes the packet blocks and skips what it does not
know; sections, interfaces and statistics are read here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING

from finis.errors import InputError
from finis.wire.captures._points import CookedPoints, InterfacePoints, clean
from finis.wire.captures._resync import MAX_RESYNCS, next_block
from finis.wire.captures._sides import decoder_of
from finis.wire.captures._window import END, Window, batches
from finis.wire.link import SUPPORTED
from finis.wire.stamps import resolution_ns, stamp
from finis.wire.walk import (
    ENHANCED_BLOCK,
    INTERFACE_BLOCK,
    MAX_BLOCK,
    PACKET_BLOCK,
    SECTION_BLOCK,
    SIMPLE_BLOCK,
    Interface,
    Stop,
)

if TYPE_CHECKING:
    import numpy as np

    from finis.wire.captures._api import Readable
    from finis.wire.source import Reading, Source
    from finis.wire.walk import FrameDecoder

NAME = "pcapng"
BINARY = True
MAX_INTERFACES = 4096  # per section
MAX_PACKET_BLOCK = 1 << 24  # a larger one is a damaged length field
_SECTION = b"\x0a\x0d\x0d\x0a"
_ORDERS = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
_IF_NAME, _IF_DESCRIPTION, _IF_TSRESOL, _IF_TSOFFSET = 2, 3, 9, 14
_ISB_IFDROP, _ISB_OSDROP = 5, 7


def sniff(head: bytes) -> float:
    return 1.0 if head[:4] == _SECTION and head[8:12] in _ORDERS else 0.0


def read(stream: Readable, source: Source, reading: Reading) -> Iterator[np.ndarray]:
    window = Window(stream)
    window.advance(0)
    if not sniff(bytes(window.data[:12])):
        raise InputError(source.path, "not a pcapng file")
    source.kind, source.format, source.resolution_ns = "capture", NAME, 1
    decoder = reading.probe or decoder_of(read, window, source)
    reader = _Blocks(window, source, decoder)
    yield from batches(window, reader.decoder, reader.decoder.walk_pcapng, reader.handle, source)
    if source.rows and source.first_ns is None:
        source.dated = False


class _Blocks:
    """Reads the blocks that the walker leaves to us."""

    def __init__(self, window: Window, source: Source, decoder: FrameDecoder) -> None:
        self.window = window
        self.source = source
        self.decoder = decoder
        self.order = "<"
        self.interfaces = 0
        self.bases: list[str] = []  # name of each interface's point
        self.points = InterfacePoints(source)
        self.cooked = CookedPoints(source.points)
        self.strange_links: set[int] = set()
        self.section = 0
        self.resyncs = 0
        self.frames_before = 0  # of this section
        self.lost: dict[tuple[int, bytes, int], int] = {}

    def handle(self, why: Stop, at: int) -> int:
        if why == Stop.POINT:
            self.cooked.add(self.decoder, self.bases[self.decoder.wanted[0]], several=True)
            return at
        if why == Stop.CORRUPT:
            return self._corrupt(at)
        head = bytes(self.window.data[at : at + 12])
        if head[:4] == _SECTION:
            order = _ORDERS.get(head[8:12])
            if order is None:
                return self._corrupt(at)
            self.order = order
            self.decoder.set_section(order == ">")
            self.section += 1
            self.frames_before = self.decoder.frames
            self.interfaces = 0
            self.bases.clear()
        kind: int
        length: int
        kind, length = struct.unpack(self.order + "II", head[:8])
        if length < 12 or length % 4:
            return self._corrupt(at)
        if length > MAX_BLOCK:
            return self._skip(at, kind, length)
        while len(self.window.data) - at < length:
            if not self.window.advance(at):
                self._cut(0)
                return END
            at = 0
        block = bytes(self.window.data[at : at + length])
        if block[-4:] != block[4:8]:
            return self._corrupt(at)
        if kind == INTERFACE_BLOCK:
            self._interface(block[8:-4], at)
        elif kind != SECTION_BLOCK:
            self._statistics(block[8:-4])
        return at + length

    def _interface(self, body: bytes, at: int) -> None:
        """Options that matter, see `_options`; broken ones count as absent."""
        source, position = self.source, f"byte {self.window.offset + at}"
        if len(body) < 8 or self.interfaces >= MAX_INTERFACES:
            source.problems.add("interface description not usable", position)
            return
        linktype, _, snaplen = struct.unpack_from(self.order + "HHI", body)
        options = self._options(body[8:])
        name = self.points.name(
            clean(options.get(_IF_NAME, b"")), clean(options.get(_IF_DESCRIPTION, b""))
        )
        resolution, offset_s = 6, 0
        if len(options.get(_IF_TSRESOL, b"")) == 1:
            resolution = options[_IF_TSRESOL][0]
        if len(options.get(_IF_TSOFFSET, b"")) == 8:
            (offset_s,) = struct.unpack(self.order + "q", options[_IF_TSOFFSET])
        source.resolution_ns = max(source.resolution_ns, resolution_ns(resolution))
        if linktype not in SUPPORTED and len(self.strange_links) < 16:
            if linktype not in self.strange_links:
                source.problems.add(f"link type {linktype} is not supported", position)
            self.strange_links.add(linktype)
        point = self.points.id(name)
        self.bases.append(source.points.names[point])
        self.interfaces += 1
        self.decoder.add_interface(Interface(linktype, point, snaplen, stamp(resolution, offset_s)))

    def _statistics(self, body: bytes) -> None:
        """What the capturing tool lost, as the last statistics of each interface say."""
        options = self._options(body[12:])
        for code in (_ISB_IFDROP, _ISB_OSDROP):
            if len(options.get(code, b"")) == 8 and len(self.lost) < MAX_INTERFACES:
                (count,) = struct.unpack(self.order + "Q", options[code])
                self.lost[self.section, body[:4], code] = count
                self.source.lost = sum(self.lost.values())

    def _options(self, data: bytes) -> dict[int, bytes]:
        """Code → first value; reading ends where a length does not fit."""
        found: dict[int, bytes] = {}
        at = 0
        while at + 4 <= len(data):
            code, length = struct.unpack_from(self.order + "HH", data, at)
            at += 4
            if code == 0 or at + length > len(data):
                break
            found.setdefault(code, data[at : at + length])
            at += length + -length % 4
        return found

    def _skip(self, at: int, kind: int, length: int) -> int:
        """Pass over a block too large to hold."""
        start = self.window.offset + at
        if kind in (ENHANCED_BLOCK, PACKET_BLOCK, SIMPLE_BLOCK):
            if length > MAX_PACKET_BLOCK:
                return self._corrupt(at)
            self.decoder.frames += 1
            self.source.problems.add("packet too large to be one", f"frame {self.decoder.frames}")
        if not self.window.skip(at + length - 4):
            self._cut(start)
            return END
        if len(self.window.data) < 4:
            self.window.advance(0)
        if self.window.data[:4] != struct.pack(self.order + "I", length):
            self.source.truncated = True
            self.source.problems.add("corrupt block: not read further", f"byte {start}")
            return END
        return 4

    def _cut(self, start: int) -> None:
        self.source.truncated = True
        position = f"byte {start or self.window.offset}"
        self.source.problems.add("the file is cut off inside a record", position)

    def _corrupt(self, at: int) -> int:
        self.window.advance(at)
        start, found = self.window.offset, None
        # Before the first packet an interface might be lost, and all after it be misnumbered.
        packets = self.decoder.frames > self.frames_before
        if packets and self.resyncs < MAX_RESYNCS:
            self.resyncs += 1
            found = next_block(self.window.data, self.order, MAX_BLOCK)
        if found is None:
            self.source.truncated = True
            position = f"byte {start}, after frame {self.decoder.frames}"
            self.source.problems.add("corrupt block: not read further", position)
            return END
        position = f"byte {start} to {start + found}, after frame {self.decoder.frames}"
        self.source.problems.add("corrupt block: passed over to the next that fits", position)
        return found
