"""finis.ahead: order, errors, and buffers that are used again."""

from __future__ import annotations

import random
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from finis import intake
from finis.ahead import DEPTH, ahead
from finis.pipeline import read
from finis.wire.captures._api import LASTING
from finis.wire.source import Source


def reused(count: int) -> Iterator[np.ndarray]:
    """A reader that uses its buffers again as soon as it may."""
    buffers = [np.zeros(3, np.int64) for _ in range(LASTING)]
    for n in range(count):
        buffer = buffers[n % LASTING]
        buffer[:] = n
        yield buffer


@pytest.mark.parametrize("count", [0, 1, 2, 3, DEPTH + 2, 200])
def test_every_item_arrives_once_in_order_and_unchanged(count: int) -> None:
    got = []
    for item in ahead(reused(count)):
        if len(got) % 20 == 10:
            time.sleep(0.01)  # until everything that may be read ahead has been
        got.append(item.tolist())
    assert got == [[n] * 3 for n in range(count)]


def test_an_error_comes_after_the_items_before_it() -> None:
    def failing() -> Iterator[int]:
        yield from range(10)
        raise ValueError("cut off")

    got: list[int] = []
    with pytest.raises(ValueError, match="cut off"):
        got.extend(ahead(failing()))
    assert got == list(range(10))


def test_leaving_early_ends_the_thread() -> None:
    before = threading.active_count()
    items = ahead(iter(range(10**9)))
    assert [next(items) for _ in range(5)] == list(range(5))
    items.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_a_single_item_starts_no_thread() -> None:
    before = threading.active_count()
    for _ in ahead(iter([1])):
        assert threading.active_count() == before


@pytest.mark.parametrize("batch", [1 << 16, 700])
def test_one_thread_and_two_give_equal_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    """Nothing may depend on reading ahead, nor on where batches end."""
    files = [str(tmp_path / name) for name in ("a.pcap", "b.pcap")]
    for number, path in enumerate(files):
        write_capture(Path(path), connections=900, seed=number)
    straight = ahead_tables(files)

    def small(self: intake.Intake, **options: bool) -> Iterator[tuple[int, Source, np.ndarray]]:
        for point, source, rows in whole(self, **options):
            for at in range(0, len(rows), batch):
                yield point, source, rows[at : at + batch]

    whole = intake.Intake.segments
    monkeypatch.setattr(intake.Intake, "segments", small)
    cut = ahead_tables(files)
    monkeypatch.setattr(intake, "ahead", lambda items: items)
    alone = ahead_tables(files)
    for other in (cut, alone):
        assert other[0].equals(straight[0]) and other[1] == straight[1]
    assert len(straight[0]) == 900  # seen at two points: IP IDs agree


def ahead_tables(files: list[str]) -> tuple[pl.DataFrame, list[tuple[str, int, int]]]:
    case = read(files)
    counts = [(source.path, source.rows, source.used) for source in case.sources]
    return case.connections, counts


def write_capture(path: Path, connections: int, seed: int) -> None:
    """Interleaved connections with every kind of ending, as a raw IP pcap."""
    rnd = random.Random(seed)
    out = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)]
    lives = []
    for number in range(connections):
        client, server, port = struct.pack("!BBH", 10, seed, number), b"\xc0\0\2\1", 1024 + number
        seq, ack = rnd.randrange(2**32), rnd.randrange(2**32)
        ends = [(0, 17, 1, 1), (1, 17, 1, 2), (0, 16, 2, 2)]
        life = [(0, 2, 0, 0), (1, 18, 0, 1), (0, 16, 1, 1)]
        life += rnd.choice([ends, ends[:1], [(0, 20, 1, 1)], [(1, 4, 1, 0)], []])
        lives.append((client, server, port, seq, ack, life))
    microseconds = 0
    for step in range(6):
        for client, server, port, seq, ack, life in lives:
            if step >= len(life):
                continue
            side, flags, mine, theirs = life[step]
            microseconds += 7
            ends_of = (client, server) if side == 0 else (server, client)
            ports = (port, 443) if side == 0 else (443, port)
            numbers = (seq + mine, ack + theirs) if side == 0 else (ack + mine, seq + theirs)
            tcp = struct.pack("!HHIIBBHHH", *ports, *(n % 2**32 for n in numbers), 0x50, flags,
                              65535, 0, 0)  # fmt: skip
            ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, microseconds % 65536, 0x4000, 64, 6, 0,
                             *ends_of)  # fmt: skip
            stamp = divmod(microseconds, 10**6)
            out.append(struct.pack("<IIII", 1_700_000_000 + stamp[0], stamp[1], 40, 40) + ip + tcp)
    path.write_bytes(b"".join(out))
