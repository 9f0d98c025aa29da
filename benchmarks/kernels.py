"""Processor time of the packet kernels alone, in one process and one thread.

    python benchmarks/kernels.py 8m.pcap [--runs 3]

prints, for reading, for reading and decoding, and for these with tracking (finished connections
taken out now and then, as the pipeline does), the least of several runs: user + system seconds,
millions of frames a second, and the peak of the process after each.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from datetime import UTC

from finis.tracking import segments
from finis.wire.captures import pcap, pcapng
from finis.wire.source import Points, Reading, Source
from finis.wire.streams import open_input

TAKE_EVERY = 8  # batches


def reading(path: str) -> int:
    stream, _ = open_input(path)
    with stream:
        while stream.read(1 << 20):
            pass
    return 0


def decoding(path: str) -> int:
    stream, head = open_input(path)
    source = Source(0, path, Points(), "here")
    with stream:
        for _ in (pcap if pcap.sniff(head) else pcapng).read(stream, source, Reading(UTC)):
            pass
    return source.rows


def tracking(path: str, rounds: int = 1) -> int:
    """With `rounds`, the file again and again, later each time: what a long capture costs once
    memory is no longer new."""
    tracker = segments.tracker()
    frames = shift_ns = 0
    for turn in range(rounds):
        start = time.process_time()
        stream, head = open_input(path)
        source = Source(0, path, Points(), "here")
        with stream:
            batches = (pcap if pcap.sniff(head) else pcapng).read(stream, source, Reading(UTC))
            for number, batch in enumerate(batches, 1):
                if shift_ns:
                    batch["ts_ns"] += shift_ns
                tracker.feed(batch)
                if number % TAKE_EVERY == 0:
                    tracker.take()
        shift_ns += (source.last_ns or 0) - (source.first_ns or 0) + 1
        frames += source.rows
        if rounds > 1:
            rate = source.rows / (time.process_time() - start) / 1e6
            print(f"  round {turn + 1}: {rate:.1f} M frames/s")
    for _ in tracker.drain():
        pass
    return frames


def spent(work: Callable[[str], int], path: str, runs: int) -> tuple[float, int]:
    """Least processor seconds, frames."""
    least, frames = float("inf"), 0
    for _ in range(runs):
        start = time.process_time()
        frames = work(path)
        least = min(least, time.process_time() - start)
    return least, frames


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=1, help="track the file so many times")
    options = parser.parse_args()
    if options.rounds > 1:
        tracking(options.path, options.rounds)
        return
    for work in (reading, decoding, tracking):
        seconds, frames = spent(work, options.path, options.runs)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        rate = f"{frames / seconds / 1e6:6.1f} M frames/s" if frames else ""
        print(f"{work.__name__:10} {seconds:7.2f} s {peak:6} MB {rate}")


if __name__ == "__main__":
    main()
