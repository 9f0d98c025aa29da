"""Opening input: a file or standard input, compressed or not, as one stream of bytes.

Compression is recognised by content.  Reads are bounded: no more than what is asked for is ever
decompressed, whatever the ratio.  What is broken ends the stream early and is said in
`Input.damage`, after everything that could be decompressed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, cast

from finis.errors import InputError
from finis.wire.ahead import ahead

if TYPE_CHECKING:
    from finis.wire.source import Source

HEAD_BYTES = 1 << 16  # what `sniff` gets to see
RAW_BYTES = 1 << 18  # read from the file at once
LARGE_BYTES = 1 << 22  # after so many decompressing gets a thread of its own
PIECE_BYTES = 1 << 15  # decompressed at once: what is lost where corruption begins
XZ_MEMORY = 1 << 28  # as the largest preset of xz asks for, and a margin
ZSTD_WINDOW = 1 << 27  # as `zstd --long` writes

_ZSTD = 0xFD2FB528
_ZSTD_SKIPPABLE = 0x184D2A50  # … 5F
_MAGICS = {
    "gzip": (b"\x1f\x8b\x08",),
    "zstd": (b"\x28\xb5\x2f\xfd", *(bytes([0x50 + n, 0x2A, 0x4D, 0x18]) for n in range(16))),
    "xz": (b"\xfd7zXZ\0",),
    "bzip2": (b"BZh",),
}


class DamageError(Exception):
    """Inside this module: the rest of the input cannot be decompressed."""


class _Layer(Protocol):
    def read(self, size: int) -> bytes: ...


class _Raw:
    """The file itself; an error of the operating system ends it."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.rest = b""
        self.count = 0  # bytes taken from the file

    def read(self, size: int) -> bytes:
        if self.rest:
            piece, self.rest = self.rest[:size], self.rest[size:]
            return piece
        try:
            piece = self.file.read(size) or b""
        except (OSError, ValueError) as error:
            raise DamageError("the file cannot be read further") from error
        self.count += len(piece)
        return piece

    def readinto(self, room: memoryview) -> int:
        into = getattr(self.file, "readinto", None)
        if self.rest or into is None:
            piece = self.read(len(room))
            room[: len(piece)] = piece
            return len(piece)
        try:
            count = int(into(room) or 0)
        except (OSError, ValueError) as error:
            raise DamageError("the file cannot be read further") from error
        self.count += count
        return count


def _gzip() -> Any:
    from isal import igzip_lib

    return igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)


def _xz() -> Any:
    import lzma

    return lzma.LZMADecompressor(memlimit=XZ_MEMORY)


def _bzip2() -> Any:
    import bz2

    return bz2.BZ2Decompressor()


_DECOMPRESSORS: dict[str, Callable[[], Any]] = {"gzip": _gzip, "xz": _xz, "bzip2": _bzip2}


class _Members:
    """gzip, xz and bzip2: any number of members one after another, zero padding between."""

    def __init__(self, raw: _Raw, compression: str) -> None:
        self.raw = raw
        self.compression = compression
        self.make = _DECOMPRESSORS[compression]
        self.current = self.make()
        self.pending = b""

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; empty at the end."""
        while True:
            if self.current.eof:
                if not self._next_member():
                    return b""
                continue
            data = self.pending
            self.pending = b""
            if not data and self.current.needs_input:
                data = self.raw.read(RAW_BYTES)
                if not data:
                    raise DamageError(f"the {self.compression} data is cut off")
            try:
                out: bytes = self.current.decompress(data, min(size, PIECE_BYTES))
            except MemoryError as error:
                raise DamageError(
                    f"the {self.compression} data asks for too much memory"
                ) from error
            except Exception as error:  # each library has its own error type
                raise DamageError(f"the {self.compression} data is corrupt") from error
            if out:
                return out

    def _next_member(self) -> bool:
        rest = self.current.unused_data.lstrip(b"\0")
        while not rest:
            piece = self.raw.read(RAW_BYTES)
            if not piece:
                return False
            rest = piece.lstrip(b"\0")
        if len(rest) < 6:
            rest += self.raw.read(6)
        if not rest.startswith(_MAGICS[self.compression]):
            raise DamageError(f"what follows the {self.compression} data is something else")
        self.current = self.make()
        self.pending = rest
        return True


class _ZstdFrames:
    """Passes raw zstd data through and follows its frames (RFC 8878 §3.1), because the
    decompressor does not tell a cut-off end from a proper one."""

    def __init__(self, raw: _Raw) -> None:
        self.raw = raw
        self.header = b""  # bytes of the header being collected
        self.want = 4
        self.step: Callable[[bytes], None] = self._magic
        self.skip = 0
        self.checksum = False
        self.foreign = False

    @property
    def complete(self) -> bool:
        """At the end of a frame."""
        return self.step == self._magic and not self.header and not self.skip

    def read(self, size: int) -> bytes:
        """Raw data up to the end of the frames; a magic number is withheld until it is whole, so
        that the decompressor never sees what follows them."""
        out = b""
        while not out and not self.foreign:
            data = self.raw.read(size)
            if not data:
                break
            out = self._follow(data)
        return out

    def _follow(self, data: bytes) -> bytes:
        at = start = 0
        prefix = b""
        while at < len(data):
            if self.skip:
                step = min(self.skip, len(data) - at)
                self.skip -= step
                at += step
                continue
            in_magic = self.step == self._magic
            if in_magic and not self.header:
                prefix, start = prefix + data[start:at], at
            take = self.want - len(self.header)
            self.header += data[at : at + take]
            at += take
            if len(self.header) < self.want:
                return prefix if in_magic else prefix + data[start:]
            header, self.header = self.header, b""
            self.step(header)
            if self.foreign:
                return prefix
            if in_magic:
                prefix, start = prefix + header, at
        return prefix + data[start:]

    def _magic(self, header: bytes) -> None:
        magic = int.from_bytes(header, "little")
        if magic == _ZSTD:
            self.want, self.step = 1, self._descriptor
        elif magic & ~15 == _ZSTD_SKIPPABLE:
            self.want, self.step = 4, self._skippable
        else:
            self.foreign = True

    def _skippable(self, header: bytes) -> None:
        self.skip = int.from_bytes(header, "little")
        self.want, self.step = 4, self._magic

    def _descriptor(self, header: bytes) -> None:
        bits = header[0]
        self.checksum = bool(bits & 4)
        size_bytes = (1 if bits & 32 else 0, 2, 4, 8)[bits >> 6]
        window_bytes = 0 if bits & 32 else 1
        self.skip = window_bytes + (0, 1, 2, 4)[bits & 3] + size_bytes
        self.want, self.step = 3, self._block

    def _block(self, header: bytes) -> None:
        bits = int.from_bytes(header, "little")
        kind, size = bits >> 1 & 3, bits >> 3
        self.skip = 1 if kind == 1 else size
        if bits & 1:
            self.skip += 4 if self.checksum else 0
            self.want, self.step = 4, self._magic


class _Zstd:
    def __init__(self, raw: _Raw) -> None:
        import zstandard

        self.frames = _ZstdFrames(raw)
        self.error = zstandard.ZstdError
        decompressor = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW)
        self.reader = decompressor.stream_reader(
            cast(BinaryIO, self.frames), read_size=RAW_BYTES, read_across_frames=True, closefd=False
        )

    def read(self, size: int) -> bytes:
        try:
            out: bytes = self.reader.read(min(size, PIECE_BYTES))
        except self.error as error:
            raise DamageError("the zstd data is corrupt") from error
        except MemoryError as error:
            raise DamageError("the zstd data asks for too much memory") from error
        if not out and self.frames.foreign:
            raise DamageError("what follows the zstd data is something else")
        if not out and not self.frames.complete:
            raise DamageError("the zstd data is cut off")
        return out


def _pieces(layer: _Layer) -> Iterator[bytes]:
    """All that a layer gives, in pieces of RAW_BYTES."""
    while True:
        parts: list[bytes] = []
        want = RAW_BYTES
        try:
            while want and (part := layer.read(want)):
                parts.append(part)
                want -= len(part)
        except DamageError:
            if parts:
                yield b"".join(parts)
            raise
        if parts:
            yield b"".join(parts)
        if want:
            return


class _Ahead:
    """What a layer gives, made in a thread of its own."""

    def __init__(self, layer: _Layer) -> None:
        self.pieces = ahead(_pieces(layer))
        self.rest = b""

    def read(self, size: int) -> bytes:
        piece = self.rest or next(self.pieces, b"")
        self.rest = piece[size:]
        return piece[:size]

    def close(self) -> None:
        self.pieces.close()


class Input:
    """One opened input.  `compression` is ``""``, gzip, zstd, xz or bzip2; `damage` is None, or
    says in words why the stream ended early (never text from the input); `offset` counts the
    bytes handed out, after decompression."""

    def __init__(self, path: str, file: BinaryIO, owned: bool = True) -> None:
        self.path = path
        self.damage: str | None = None
        self.offset = 0
        self._settled = False
        self._file = file if owned else None
        raw = self._raw = _Raw(file)
        self._layer: _Layer = raw
        self._head = b""
        magic = self._gather(6)
        raw.rest = magic
        self.compression = next((c for c, m in _MAGICS.items() if magic.startswith(m)), "")
        if self.compression == "zstd":
            self._layer = _Zstd(raw)
        elif self.compression:
            self._layer = _Members(raw, self.compression)
        self._head = self._gather(HEAD_BYTES)

    @property
    def head(self) -> bytes:
        """First 64 KiB; valid until the first `read`."""
        return self._head

    def read(self, size: int = RAW_BYTES) -> bytes:
        """`size` bytes; fewer only at the end, where `damage` says whether it is a proper one."""
        if size <= 0:
            return b""
        if self._head:
            piece, self._head = self._head[:size], self._head[size:]
            if len(piece) < size:
                piece += self._gather(size - len(piece))
        else:
            if self.offset >= LARGE_BYTES and self.compression and self._file is not None:
                self._hasten()
            piece = self._gather(size)
        self.offset += len(piece)
        return piece

    def readinto(self, room: memoryview) -> int:
        """As `read`, into memory of the caller's: how much of it was filled."""
        if self._head or self._layer is not self._raw or self.damage is not None:
            piece = self.read(len(room))
            room[: len(piece)] = piece
            return len(piece)
        try:
            count = self._raw.readinto(room)
        except DamageError as error:
            self.damage = str(error)
            count = 0
        self.offset += count
        return count

    @property
    def consumed_bytes(self) -> int:
        """Bytes taken from the file so far, before decompression."""
        return self._raw.count

    def settle(self, source: Source) -> None:
        """Enter the damage into `source`, once, however often this is called."""
        if self.damage is None or self._settled:
            return
        self._settled = True
        source.truncated = True
        source.problems.add(self.damage, f"byte {self.offset}")

    def close(self) -> None:
        if isinstance(self._layer, _Ahead):
            self._layer.close()
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> Input:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _hasten(self) -> None:
        """Decompress ahead from now on.  Not from standard input: a thread that waits for more of
        it cannot be ended."""
        if not isinstance(self._layer, _Ahead):
            self._layer = _Ahead(self._layer)

    def _gather(self, size: int) -> bytes:
        """Up to `size` bytes from the layer, fewer only at its end; never raises."""
        if self.damage is not None:
            return b""
        pieces: list[bytes] = []
        while size > 0:
            try:
                piece = self._layer.read(size)
            except DamageError as error:
                self.damage = str(error)
                break
            if not piece:
                break
            pieces.append(piece)
            size -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def open_input(path: str | Path) -> tuple[Input, bytes]:
    """Open `path`, ``-`` for standard input, and give its first 64 KiB without consuming them.

    Raises `InputError` where it cannot be opened at all."""
    name = str(path)
    if name == "-":
        stream = Input(name, sys.stdin.buffer, owned=False)
    else:
        try:
            file = Path(name).open("rb")  # noqa: SIM115 - Input closes it
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "not a usable name"
            raise InputError(name, f"cannot be opened: {reason}") from error
        stream = Input(name, file)
    return stream, stream.head
