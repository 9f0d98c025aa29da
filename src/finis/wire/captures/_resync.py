"""Finding the way back after a damaged record: forward search for two records that fit together.

Cautious: near by, near in time, and only a few times per file; what is passed over is said.
"""

from __future__ import annotations

import struct

import numpy as np

SEARCH_BYTES = 1 << 19
MAX_RESYNCS = 64  # per file
MAX_CANDIDATES = 4096
DAY_S = 86_400
_BLOCKS = (1, 2, 3, 5, 6)


def _words(data: memoryview, order: str) -> np.ndarray:
    """The 32-bit word at every offset of `data`."""
    octets = np.frombuffer(data, np.uint8).astype(np.uint32)
    if len(octets) < 4:
        return octets[:0]
    parts = (octets[:-3], octets[1:-2], octets[2:-1], octets[3:])
    if order == ">":
        parts = parts[::-1]
    return parts[0] | parts[1] << 8 | parts[2] << 16 | parts[3] << 24


def next_record(
    data: memoryview, order: str, header_len: int, tick_ns: int, max_len: int, near_s: int
) -> int | None:
    """Offset in `data`, after 0, of a pcap record within a day of `near_s` (seconds since 1970)
    that another one follows, or the end of `data`."""
    words = _words(data[:SEARCH_BYTES], order)
    n = len(words) - 12
    if n <= 1:
        return None
    seconds, part = words[:n].astype(np.int64), words[4 : n + 4]
    captured, wire_len = words[8 : n + 8], words[12 : n + 12]
    fits = (np.abs(seconds - near_s) < DAY_S) & (part < 10**9 // tick_ns)
    fits &= (captured >= 14) & (captured <= max_len) & (wire_len >= captured)
    fits &= wire_len <= 1 << 18
    fits[0] = False
    for at in np.flatnonzero(fits)[:MAX_CANDIDATES].tolist():
        end = at + header_len + int(captured[at])
        if end == len(data):
            return int(at)
        if end + 16 <= len(data):
            next_s, next_part, next_len, next_wire = struct.unpack_from(order + "4I", data, end)
            if (
                abs(next_s - near_s) < DAY_S
                and next_part < 10**9 // tick_ns
                and 0 < next_len <= min(max_len, next_wire)
            ):
                return int(at)
    return None


def next_block(data: memoryview, order: str, max_len: int) -> int | None:
    """Offset in `data`, after 0, of a pcapng block of a known type whose two lengths agree."""
    words = _words(data[:SEARCH_BYTES], order)
    n = len(words) - 8
    if n <= 1:
        return None
    kind, length = words[:n], words[4 : n + 4]
    fits = np.isin(kind, _BLOCKS) & (length >= 16) & (length <= max_len) & (length % 4 == 0)
    fits[0] = False
    for at in np.flatnonzero(fits)[:MAX_CANDIDATES].tolist():
        end = at + int(length[at])
        if data[end - 4 : end] == data[at + 4 : at + 8] and end <= len(data):
            return int(at)
    return None
