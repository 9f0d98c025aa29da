"""A capture many times over, as one long capture: time advances and addresses change.

    python benchmarks/repeat_packets.py 10m.pcap --times 10 | finis diagnose -
    python benchmarks/repeat_packets.py 10m.pcap --times 10 > 100m.pcap

Every repetition begins a second after the end of the one before, and the second octet of every
IPv4 address is raised by one, so that no tuple comes again (up to 250 times).  The input is what
`make_packets.py` writes: microseconds, little-endian, Ethernet or raw IPv4, no VLANs.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

HEADER, RECORD = 24, 16
LINK = {1: 14, 101: 0, 12: 0, 228: 0}  # link type → bytes before the IP header


def offsets(data: np.ndarray) -> np.ndarray:
    """Where every record begins."""
    raw, at, out = memoryview(data), HEADER, []
    append, unpack = out.append, int.from_bytes
    while at + RECORD <= len(raw):
        append(at)
        at += RECORD + unpack(raw[at + 8 : at + 12], "little")
    return np.array(out, np.int64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("capture", type=Path)
    parser.add_argument("--times", type=int, default=10)
    given = parser.parse_args()
    data = np.fromfile(given.capture, np.uint8)
    if bytes(data[:4]) != b"\xd4\xc3\xb2\xa1":
        raise SystemExit("a little-endian pcap with microseconds is needed")
    if not 1 <= given.times <= 250:
        raise SystemExit("--times: 1 to 250")
    ip = LINK[int(data[20:24].view("<u4")[0])]
    at = offsets(data)
    shift = np.arange(4)
    seconds = data[at[:, None] + shift].copy().view("<u4").reshape(-1)
    last = int(seconds[-1]) + 2 - int(seconds[0])
    octets = np.concatenate((at + RECORD + ip + 13, at + RECORD + ip + 17))
    sys.stdout.buffer.write(data[:HEADER].tobytes())
    for number in range(given.times):
        if number:
            seconds += np.uint32(last)
            data[at[:, None] + shift] = seconds.view(np.uint8).reshape(-1, 4)
            data[octets] += 1
        sys.stdout.buffer.write(memoryview(data)[HEADER:])


if __name__ == "__main__":
    main()
