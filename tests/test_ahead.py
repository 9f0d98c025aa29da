"""finis.wire.ahead: order, errors, and buffers that are used again."""

from __future__ import annotations

import random
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from finis import intake
from finis.intake import Options
from finis.pipeline import event_frames, read
from finis.wire.ahead import ahead
from finis.wire.captures._api import AHEAD, LASTING
from finis.wire.dialects import _rows, cisco_asa, netfilter
from finis.wire.source import Source


def reused(count: int) -> Iterator[np.ndarray]:
    """A reader that uses its buffers again as soon as it may."""
    buffers = [np.zeros(3, np.int64) for _ in range(AHEAD)]
    for n in range(count):
        buffer = buffers[n % AHEAD]
        buffer[:] = n
        yield buffer


@pytest.mark.parametrize("much", [False, True])
@pytest.mark.parametrize("count", [0, 1, 2, 3, AHEAD, LASTING, 200])
def test_every_item_arrives_once_in_order_and_unchanged(count: int, much: bool) -> None:
    got = []
    for item in ahead(reused(count), much=much):
        if len(got) % 20 == 10:
            time.sleep(0.01)  # until everything that may be read ahead has been
        got.append(item.tolist())
    assert got == [[n] * 3 for n in range(count)]


@pytest.mark.parametrize("much", [False, True])
@pytest.mark.parametrize("alive", [2, 3])
def test_no_more_than_so_many_are_alive(alive: int, much: bool) -> None:
    def counted() -> Iterator[int]:
        for n in range(50):
            assert n - used < alive
            yield n

    used = 0
    for item in ahead(counted(), alive, much=much):
        time.sleep(0.001)
        assert item == used
        used += 1  # by the time the next one is asked for
    assert used == 50


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
    items.close()
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
    monkeypatch.setattr(intake, "ahead", lambda items, _alive=0, **_: items)
    alone = ahead_tables(files)
    for other in (cut, alone):
        assert other[0].equals(straight[0]) and other[1] == straight[1]
    assert len(straight[0]) == 900  # seen at two points: IP IDs agree


@pytest.mark.parametrize("batch", [50, 333, 16_384])
def test_logs_read_in_one_thread_and_in_two_give_equal_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    files = [str(tmp_path / name) for name in ("a.log", "b.log", "c.log")]
    for number, path in enumerate(files[:2]):
        Path(path).write_text("".join(log_lines(1500, seed=number)))
    write_conntrack(Path(files[2]), 400)
    for given in (files[:1], files):
        straight = log_tables(given)
        with monkeypatch.context() as patch:
            patch.setattr(_rows, "BATCH", batch)
            patch.setattr(netfilter, "BATCH", batch)
            cut = log_tables(given)
            patch.setattr(intake, "ahead", lambda items, _alive=0, **_: items)
            alone = log_tables(given)
        for other in (cut, alone):
            assert all(a.equals(b) for a, b in zip(other[0], straight[0], strict=True))
            assert other[1:] == straight[1:]
    assert len(straight[0][0]) > 1000


def test_rows_stay_as_they_are_while_somebody_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.log"
    path.write_text("".join(log_lines(4000, seed=1)))
    monkeypatch.setattr(_rows, "BATCH", 40)
    reading = intake.Intake(Options())
    reading.open([str(path)])
    held = list(reading.events())
    assert len(held) > LASTING
    numbers = [line for events in held for line in events["line"]]
    assert numbers == sorted(numbers) and len(set(numbers)) == len(numbers) > 3000


def test_little_of_a_log_starts_no_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.log"
    path.write_text("".join(log_lines(500, seed=1)))
    started: list[str] = []
    start = threading.Thread.start
    monkeypatch.setattr(
        threading.Thread, "start", lambda self: (started.append(self.name), start(self))
    )
    assert len(read(str(path)).connections)
    assert not started
    monkeypatch.setattr(_rows, "BATCH", 40)
    assert len(read(str(path)).connections)
    assert started == ["reading"]


def test_a_log_is_left_where_the_user_stops_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.log"
    path.write_text("".join(log_lines(4000, seed=1)))
    monkeypatch.setattr(_rows, "BATCH", 40)
    asked = iter(range(10**6))
    case = read(str(path), Options(stop=lambda: next(asked) >= 20))
    (source,) = case.sources
    assert intake.STOPPED in source.problems.counts
    assert 700 < source.rows < 1500  # twenty batches of events
    assert threading.active_count() == 1


def test_what_fails_while_a_log_is_read_ahead_is_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.log"
    path.write_text("".join(log_lines(1000, seed=1)))
    whole = cisco_asa.read

    def failing(*given: Any) -> Iterator[Any]:
        for number, batch in enumerate(whole(*given)):
            if number == 9:
                raise OSError("gone")
            yield batch

    monkeypatch.setattr(_rows, "BATCH", 40)
    monkeypatch.setattr(cisco_asa, "read", failing)
    before = threading.active_count()
    with pytest.raises(OSError, match="gone"):
        read(str(path))
    assert threading.active_count() == before


def log_tables(files: list[str]) -> tuple[list[pl.DataFrame], list[Any], list[str]]:
    case = read(files)
    events = pl.concat(list(event_frames(files, Options())))
    counts = [(s.path, s.rows, s.used, s.other, s.problems.counts) for s in case.sources]
    return [case.connections, case.denials, events], counts, case.notes


def log_lines(count: int, seed: int) -> Iterator[str]:
    """Connections built and torn down, denials, and other messages, of two firewalls."""
    rnd = random.Random(seed)
    open_ends: list[tuple[int, str, str]] = []
    for number in range(count):
        second = number // 20
        stamp = f"<166>Mar 01 2024 10:{second // 60:02}:{second % 60:02} fw{seed} : "
        ends = (f"198.51.100.{rnd.randrange(250)}/{rnd.randrange(1024, 65536)}",
                f"10.1.{seed}.{rnd.randrange(250)}/443")  # fmt: skip
        what = rnd.random()
        if what < 0.45:
            open_ends.append((number, *ends))
            text = (f"302013: Built inbound TCP connection {number} for outside:{ends[0]} "
                    f"({ends[0]}) to inside:{ends[1]} ({ends[1]})")  # fmt: skip
        elif what < 0.8 and open_ends:
            built, *ends_of = open_ends.pop(rnd.randrange(len(open_ends)))
            text = (f"302014: Teardown TCP connection {built} for outside:{ends_of[0]} to "
                    f"inside:{ends_of[1]} duration 0:00:{rnd.randrange(60):02} bytes "
                    f"{rnd.randrange(10**6)} TCP {rnd.choice(('FINs', 'Reset-O'))}")  # fmt: skip
        elif what < 0.95:
            text = (f"106015: Deny TCP (no connection) from {ends[1]} to {ends[0]} flags RST  "
                    "on interface inside")  # fmt: skip
        else:
            text = "302015: Built inbound UDP connection 9"
        yield f"{stamp}%ASA-6-{text}\n"


def write_conntrack(path: Path, count: int) -> None:
    with path.open("w") as file:
        for number in range(count):
            ends = f"src=10.9.0.{number % 250} dst=192.0.2.1 sport={2000 + number} dport=443"
            back = f"src=192.0.2.1 dst=10.9.0.{number % 250} sport=443 dport={2000 + number}"
            for at, kind, state in ((0, "NEW", "SYN_SENT"), (1, "DESTROY", "")):
                file.write(f"[{1709287200 + number + at}.000001] [{kind}] tcp 6 120 {state} {ends} "
                           f"{back} id={number}\n")  # fmt: skip


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
