"""Writes captures that strain a flow table: all connections open at the same time.

    python benchmarks/make_interleaved.py 2m.pcap --connections 2000000 --rounds 10
    python benchmarks/make_interleaved.py 2m.pcap --connections 2000000 --begin 500000
    python benchmarks/make_interleaved.py flood.pcap --connections 20000 --flood 20000000

Each round sends one packet of every connection, in an order drawn anew: SYN, SYN ACK, ACK, then
data and ACKs in turn; none is closed.  With `--begin` so many at a time complete their handshakes:
where more than 2**20 begin at once, the trackers' ceiling of embryonic connections is met, and what
is measured is that.  With `--flood` that many SYNs of distinct tuples, none of
them answered, go by between the rounds after the handshakes.  Time advances by 1 µs a packet.
"""

from __future__ import annotations

import argparse
import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np

FRAME = np.dtype([
    ("seconds", "<u4"), ("micros", "<u4"), ("captured", "<u4"), ("wire", "<u4"),
    ("ether", "u1", 12), ("ethertype", ">u2"),
    ("version", "u1"), ("tos", "u1"), ("ip_len", ">u2"), ("ip_id", ">u2"), ("bits", ">u2"),
    ("ttl", "u1"), ("protocol", "u1"), ("ip_sum", ">u2"), ("src", ">u4"), ("dst", ">u4"),
    ("src_p", ">u2"), ("dst_p", ">u2"), ("seq", ">u4"), ("ack", ">u4"), ("flags", ">u2"),
    ("win", ">u2"), ("sum", ">u2"), ("urgent", ">u2"),
    ("option", ">u4"), ("tsval", ">u4"), ("tsecr", ">u4"),
])  # fmt: skip
START = 1_700_000_000
BYTES = 100  # payload of a data segment, of which none is captured
PIECE = 1 << 18
HANDSHAKE = 3  # packets


class Writer:
    """Frames one after another."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.count = 0
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 96, 1))

    def write(self, number: np.ndarray, first: int, step: int) -> None:
        """Packet `step` of these connections; `first` is the address of connection 0."""
        side = step % 2 if step < 3 else (step - 3) // 2 % 2 ^ step % 2 ^ 1
        frames = np.zeros(len(number), FRAME)
        at = self.count + np.arange(len(number))
        self.count += len(number)
        frames["seconds"], frames["micros"] = START + at // 10**6, at % 10**6
        length = BYTES if step >= 3 and step % 2 else 0
        frames["captured"] = 66
        frames["ethertype"], frames["version"], frames["ttl"] = 0x0800, 0x45, 64
        frames["protocol"], frames["ip_len"], frames["wire"] = 6, 52 + length, 66 + length
        frames["ip_id"] = at % 65521
        client, server = first + number // 28000, np.uint32(0xC6336401)
        port = 32768 + number % 28000
        frames["src"], frames["dst"] = (client, server) if side == 0 else (server, client)
        frames["src_p"], frames["dst_p"] = (port, 443) if side == 0 else (443, port)
        sent = [0, 0]
        for earlier in range(step):
            by = earlier % 2 if earlier < 3 else (earlier - 3) // 2 % 2 ^ earlier % 2 ^ 1
            sent[by] += 1 if earlier < 2 else BYTES if earlier >= 3 and earlier % 2 else 0
        frames["seq"] = 1000 + sent[side]
        frames["ack"] = 0 if step == 0 else 1000 + sent[1 - side]
        frames["flags"] = 0x8000 | (2, 18, 16)[min(step, 2)]
        frames["win"] = 1000
        frames["option"] = 0x0101080A
        frames["tsval"], frames["tsecr"] = at // 1000, at // 1000
        self.file.write(frames.tobytes())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path)
    parser.add_argument("--connections", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--begin", type=int, default=0)
    parser.add_argument("--flood", type=int, default=0)
    options = parser.parse_args()
    random = np.random.default_rng(1)
    flooded = 0
    with options.path.open("wb") as file:
        writer = Writer(file)
        begin = options.begin or options.connections
        for first in range(0, options.connections, begin):
            some = np.arange(first, min(first + begin, options.connections))
            for step in range(HANDSHAKE if options.begin else 0):
                order = random.permutation(some)
                for at in range(0, len(order), PIECE):
                    writer.write(order[at : at + PIECE], 0x0A000000, step)
        for step in range(HANDSHAKE if options.begin else 0, options.rounds):
            order = random.permutation(options.connections)
            for at in range(0, len(order), PIECE):
                writer.write(order[at : at + PIECE], 0x0A000000, step)
            until = options.flood * max(step - 1, 0) // max(options.rounds - 2, 1)
            for at in range(flooded, until, PIECE):
                writer.write(np.arange(at, min(at + PIECE, until)), 0x14000000, 0)
            flooded = until
    print(writer.count, "packets")


if __name__ == "__main__":
    main()
