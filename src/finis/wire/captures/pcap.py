"""pcap files as libpcap writes them: µs and ns, both byte orders, and Kuznetzov's variant.

Format: draft-ietf-opsawg-pcap.  A file cut off or corrupt is read up to there.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from finis.errors import InputError
from finis.wire.captures._points import CookedPoints
from finis.wire.captures._resync import MAX_RESYNCS, next_record
from finis.wire.captures._sides import decoder_of
from finis.wire.captures._window import END, Window, batches
from finis.wire.link import SUPPORTED
from finis.wire.stamps import SECOND_NS, stamp
from finis.wire.walk import MAX_CAPTURED, Interface, Stop

if TYPE_CHECKING:
    import numpy as np

    from finis.wire.captures._api import Readable
    from finis.wire.source import Reading, Source
    from finis.wire.walk import FrameDecoder

NAME = "pcap"
BINARY = True
HEADER_BYTES = 24
MAX_SNAPLEN = 1 << 24  # larger ones are taken for damage


class _Magic(NamedTuple):
    order: str
    tick_ns: int
    record_header: int


_MAGICS = {
    struct.pack(order + "I", number): _Magic(order, tick_ns, record_header)
    for order in "<>"
    for number, tick_ns, record_header in (
        (0xA1B2C3D4, 1000, 16),
        (0xA1B23C4D, 1, 16),
        (0xA1B2CD34, 1000, 24),
    )
}


def sniff(head: bytes) -> float:
    return 1.0 if head[:4] in _MAGICS else 0.0


def read(stream: Readable, source: Source, reading: Reading) -> Iterator[np.ndarray]:
    window = Window(stream)
    window.advance(0)
    header = bytes(window.data[:HEADER_BYTES])
    magic = _MAGICS.get(header[:4])
    if magic is None:
        raise InputError(source.path, "not a pcap file")
    if len(header) < HEADER_BYTES:
        raise InputError(source.path, "the pcap header is cut off", f"byte {len(header)}")
    _, _, _, _, snaplen, network = struct.unpack(magic.order + "HHiIII", header[4:])
    linktype = network & 0xFFFF  # above: length of the frame check sequence
    source.kind, source.format, source.resolution_ns = "capture", NAME, magic.tick_ns
    if linktype not in SUPPORTED:
        source.problems.add(f"link type {linktype} is not supported", "byte 20")
    decoder = reading.probe or decoder_of(read, window, source)
    records = _Records(window, source, magic, linktype, snaplen, decoder)
    window.skip(HEADER_BYTES)
    yield from batches(window, records.decoder, records.decoder.walk_pcap, records.handle, source)


class _Records:
    """Decides where the walker does not know on."""

    def __init__(
        self,
        window: Window,
        source: Source,
        magic: _Magic,
        linktype: int,
        snaplen: int,
        decoder: FrameDecoder,
    ) -> None:
        self.window = window
        self.source = source
        self.linktype = linktype
        self.resyncs = 0
        self.cooked = CookedPoints(source.points)
        self.decoder = decoder
        point = source.points.id(source.point)
        self.decoder.add_interface(Interface(linktype, point, snaplen, stamp()))
        self._set(magic, snaplen)

    def _set(self, magic: _Magic, snaplen: int) -> None:
        self.magic = magic
        self.limit = max(MAX_CAPTURED, min(snaplen, MAX_SNAPLEN))
        order = magic.order == ">"
        self.decoder.set_pcap(order, magic.record_header, magic.tick_ns, self.limit)

    def handle(self, why: Stop, at: int) -> int:
        if why == Stop.POINT:
            ahead = _ifindexes(self.window.data, at, self.magic)
            self.cooked.add(self.decoder, self.source.point, several=len(ahead) > 1)
            return at
        self.window.advance(at)
        data = self.window.data
        magic = _MAGICS.get(bytes(data[:4]))
        if magic is not None and len(data) >= HEADER_BYTES:
            return self._another_file(magic, data)
        if any(data[:8]) and not any(data[8:16]):  # nothing on the wire, yet with a time
            self.decoder.frames += 1
            self.source.problems.add("frame without a byte", f"frame {self.decoder.frames}")
            return self.magic.record_header
        return self._resync(data)

    def _another_file(self, magic: _Magic, data: memoryview) -> int:
        """A file header where a record should be: files were put one after another."""
        snaplen, network = struct.unpack_from(magic.order + "II", data, 16)
        if network & 0xFFFF != self.linktype:
            self._stop("another pcap file of another link type follows: not read")
            return END
        self._set(magic, snaplen)
        return HEADER_BYTES

    def _resync(self, data: memoryview) -> int:
        self.decoder.settle(self.source)
        near_ns = self.source.last_ns
        found = None
        if near_ns is not None and self.resyncs < MAX_RESYNCS:
            self.resyncs += 1
            magic = self.magic
            found = next_record(
                data,
                magic.order,
                magic.record_header,
                magic.tick_ns,
                self.limit,
                near_ns // SECOND_NS,
            )
        if found is None:
            self._stop("corrupt record header: not read further")
            return END
        start = self.window.offset
        position = f"byte {start} to {start + found}, after frame {self.decoder.frames}"
        self.source.problems.add("corrupt record: passed over to the next that fits", position)
        return found

    def _stop(self, reason: str) -> None:
        self.source.truncated = True
        position = f"byte {self.window.offset}, after frame {self.decoder.frames}"
        self.source.problems.add(reason, position)


def _ifindexes(data: memoryview, at: int, magic: _Magic) -> set[int]:
    """Interfaces in the records at hand of a cooked (v2) capture; two are enough."""
    found: set[int] = set()
    while at + magic.record_header <= len(data) and len(found) < 2:
        (captured,) = struct.unpack_from(magic.order + "I", data, at + 8)
        at += magic.record_header
        if captured >= 20 and at + 8 <= len(data):
            found.add(int.from_bytes(data[at + 4 : at + 8], "big"))
        at += captured
    return found
