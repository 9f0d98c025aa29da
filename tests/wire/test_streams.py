"""Compressed, damaged and hostile input as one stream of bytes."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import sys
import threading
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
import zstandard

from finis.errors import InputError
from finis.wire import streams
from finis.wire.source import Points, Source
from finis.wire.streams import HEAD_BYTES, Input, open_input

TEXT = random.Random(1).randbytes(150_000) + b"finis\n" * 40_000
PACK: dict[str, Any] = {
    "": bytes,
    "gzip": gzip.compress,
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
    "xz": lzma.compress,
    "bzip2": bz2.compress,
}
COMPRESSED = [kind for kind in PACK if kind]


def opened(data: bytes) -> Input:
    return Input("x", io.BytesIO(data))


def drain(stream: Input, size: int = 1 << 16) -> bytes:
    pieces = []
    while piece := stream.read(size):
        assert len(piece) <= size
        pieces.append(piece)
    return b"".join(pieces)


@pytest.mark.parametrize("kind", PACK)
@pytest.mark.parametrize("size", [1000, 65_536, 1 << 20])
def test_contents_come_back(kind: str, size: int) -> None:
    stream = opened(PACK[kind](TEXT))
    assert stream.compression == kind
    assert stream.head == TEXT[:HEAD_BYTES]
    assert drain(stream, size) == TEXT
    assert stream.damage is None
    assert stream.offset == len(TEXT)


@pytest.mark.parametrize("kind", COMPRESSED)
def test_several_members(kind: str) -> None:
    pack = PACK[kind]
    stream = opened(pack(TEXT[:1000]) + pack(b"") + pack(TEXT[1000:]))
    assert drain(stream) == TEXT
    assert stream.damage is None


@pytest.mark.parametrize("kind", ["gzip", "xz", "bzip2"])
def test_padding_after_the_end(kind: str) -> None:
    stream = opened(PACK[kind](b"abc") + bytes(512))
    assert drain(stream) == b"abc"
    assert stream.damage is None


@pytest.mark.parametrize("kind", COMPRESSED)
def test_what_follows_is_said(kind: str) -> None:
    stream = opened(PACK[kind](b"abc") + b"something else entirely")
    assert drain(stream) == b"abc"
    assert stream.damage == f"what follows the {kind} data is something else"


@pytest.mark.parametrize("kind", COMPRESSED)
def test_cut_off(kind: str) -> None:
    data = PACK[kind](TEXT)
    for keep in (0.1, 0.5, 0.9):
        stream = opened(data[: int(len(data) * keep)])
        out = drain(stream)
        assert TEXT.startswith(out)
        assert stream.damage == f"the {kind} data is cut off"
        if keep == 0.9 and kind != "bzip2":  # its blocks are larger than this
            assert len(out) > 10_000


@pytest.mark.parametrize("kind", COMPRESSED)
def test_cut_at_every_byte_of_a_small_one(kind: str) -> None:
    data = PACK[kind](b"abcdefgh" * 20)
    for size in range(6, len(data)):
        stream = opened(data[:size])
        assert (b"abcdefgh" * 20).startswith(drain(stream))
        assert stream.damage is not None


def test_zstd_frames_in_any_pieces() -> None:
    pack = PACK["zstd"]
    data = pack(b"abc") + b"\x5a\x2a\x4d\x18\3\0\0\0xyz" + pack(TEXT[:500]) + b"other"
    for step in range(1, 40):
        stream = Input("x", Dribble(data, step))
        assert drain(stream) == b"abc" + TEXT[:500]
        assert stream.damage == "what follows the zstd data is something else"


class Dribble(io.BytesIO):
    """A file that gives a few bytes at a time, as a pipe may."""

    def __init__(self, data: bytes, step: int) -> None:
        super().__init__(data)
        self.step = step

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(self.step)


@pytest.mark.parametrize("kind", COMPRESSED)
def test_flipped_bytes_never_raise(kind: str) -> None:
    dice = random.Random(7)
    data = PACK[kind](TEXT[:3000] * 3)
    for _ in range(150):
        body = bytearray(data)
        body[dice.randrange(len(body))] ^= 1 << dice.randrange(8)
        stream = opened(bytes(body))
        out = drain(stream)
        assert len(out) <= 1 << 24
        assert stream.damage is None or not stream.read(1)


@pytest.mark.parametrize("kind", ["gzip", "zstd", "xz"])
def test_a_bomb_costs_no_memory(kind: str) -> None:
    packer = {"gzip": lambda d: gzip.compress(d, 9), "xz": lzma.compress}.get(kind, PACK[kind])
    bomb = packer(bytes(1 << 26))
    tracemalloc.start()
    stream = opened(bomb)
    total = 0
    while total < 1 << 24 and (piece := stream.read(1 << 16)):
        total += len(piece)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total >= 1 << 24
    assert peak < 12 << 20  # xz: a dictionary of 8 MiB


@pytest.mark.parametrize("kind", COMPRESSED)
@pytest.mark.parametrize("keep", [1.0, 0.8])
def test_in_a_thread_of_its_own(
    kind: str, keep: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = PACK[kind](random.Random(2).randbytes(3_000_000))  # more than is made ahead
    path = tmp_path / "packed"
    path.write_bytes(data[: int(len(data) * keep)] + (b"" if keep < 1 else b"other"))

    def told(large: int, size: int) -> tuple[bytes, str | None, int, int]:
        monkeypatch.setattr(streams, "LARGE_BYTES", large)
        stream, _ = open_input(path)
        with stream:
            return drain(stream, size), stream.damage, stream.offset, stream.consumed_bytes

    before = threading.active_count()
    alone = told(1 << 40, 1 << 16)
    assert alone[1] is not None
    assert told(1 << 17, 1 << 16) == alone == told(1 << 17, 1 << 20)
    stream, _ = open_input(path)
    stream.read(1 << 17)
    assert threading.active_count() == before
    while threading.active_count() == before:
        assert stream.read(1 << 10)
    stream.close()  # early
    assert threading.active_count() == before


def test_damage_is_entered_once() -> None:
    stream = opened(gzip.compress(TEXT)[:5000])
    out = drain(stream)
    source = Source(0, "x", Points(), "x")
    stream.settle(source)
    stream.settle(source)
    assert source.truncated
    assert list(source.problems) == [("the gzip data is cut off", 1, [f"byte {len(out)}"])]


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stdin:
        buffer = io.BytesIO(gzip.compress(b"hello"))

    monkeypatch.setattr(sys, "stdin", Stdin)
    stream, head = open_input("-")
    assert head == b"hello"
    stream.close()
    assert not Stdin.buffer.closed
    assert drain(stream) == b"hello"


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.zst"
    path.write_bytes(PACK["zstd"](TEXT))
    stream, head = open_input(path)
    with stream:
        assert (head, drain(stream)) == (TEXT[:HEAD_BYTES], TEXT)
    empty = tmp_path / "empty"
    empty.touch()
    stream, head = open_input(empty)
    with stream:
        assert (head, stream.read(5), stream.damage) == (b"", b"", None)


@pytest.mark.parametrize("name", ["no such file", "", "a\0b"])
def test_what_cannot_be_opened(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot be opened"):
        open_input(str(tmp_path / name) if name else str(tmp_path))


def test_a_failing_file() -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > 10:
                raise OSError("disk")
            return super().read(20)

    stream = Input("x", Failing(bytes(range(100))))
    assert drain(stream) == bytes(range(20))
    assert stream.damage == "the file cannot be read further"
