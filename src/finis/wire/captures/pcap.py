"""pcap files as libpcap writes them: µs and ns, both byte orders, and Kuznetzov's variant.

Format: draft-ietf-opsawg-pcap.  A file cut off or corrupt is read up to there.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from finis.errors import InputError
from finis.wire.captures._points import CookedPoints
from finis.wire.captures._window import END, Window, batches
from finis.wire.kernel import decoder as new_decoder
from finis.wire.link import SUPPORTED
from finis.wire.stamps import stamp
from finis.wire.walk import MAX_CAPTURED, Interface, Stop

if TYPE_CHECKING:
    import numpy as np

    from finis.wire.captures._api import Readable
    from finis.wire.source import Reading, Source

NAME = "pcap"
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
    header = window.data[:HEADER_BYTES]
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
    decoder = new_decoder(source.id)
    limit = max(MAX_CAPTURED, min(snaplen, MAX_SNAPLEN))
    decoder.set_pcap(magic.order == ">", magic.record_header, magic.tick_ns, limit)
    point = source.points.id(source.point)
    decoder.add_interface(Interface(linktype, point, snaplen, stamp()))
    cooked = CookedPoints(source.points)

    def handle(why: Stop, at: int) -> int:
        if why == Stop.POINT:
            ahead = _ifindexes(window.data, at, magic)
            cooked.add(decoder, source.point, several=len(ahead) > 1)
            return at
        position = f"byte {window.offset + at}, after frame {decoder.frames}"
        source.truncated = True
        source.problems.add("corrupt record header: not read further", position)
        return END

    window.skip(HEADER_BYTES)
    yield from batches(window, decoder, decoder.walk_pcap, handle, source)


def _ifindexes(data: bytes, at: int, magic: _Magic) -> set[int]:
    """Interfaces in the records at hand of a cooked (v2) capture; two are enough."""
    found: set[int] = set()
    while at + magic.record_header <= len(data) and len(found) < 2:
        (captured,) = struct.unpack_from(magic.order + "I", data, at + 8)
        at += magic.record_header
        if captured >= 20 and at + 8 <= len(data):
            found.add(int.from_bytes(data[at + 4 : at + 8], "big"))
        at += captured
    return found
