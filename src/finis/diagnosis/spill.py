"""What waits on disk, so that memory does not grow with it."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from finis.errors import UsageError

Array = np.ndarray
BUFFER_BYTES = 8 << 20  # of one spill held in memory; more go to disk
IN_MEMORY = 1 << 20  # rows of frames held in memory; more go to disk
CHUNK = 1 << 17  # packed rows read at one time
Made = Mapping[str, Callable[[], pl.Series]]  # made when asked for


def folder(owner: object) -> Path:
    """A temporary folder that goes with its owner."""
    import shutil  # with half the standard library behind them, and seldom needed
    import tempfile

    made = Path(tempfile.mkdtemp(prefix="finis-"))
    weakref.finalize(owner, shutil.rmtree, made, ignore_errors=True)
    return made


def no_room(where: Path | None, error: Exception) -> UsageError:
    """What to say where the disk is full."""
    return UsageError(
        f"rows that do not fit in memory cannot be written to {where}: {error}; "
        "TMPDIR names another place"
    )


def picked(rows: Array, at: Array) -> Array:
    """Some packed rows (of whole 8 bytes each), copied."""
    words = np.ascontiguousarray(rows).view(np.uint64).reshape(len(rows), rows.itemsize // 8)
    out: Array = np.take(words, at, axis=0).view(rows.dtype).reshape(-1)
    return out


class Spill:
    """Packed rows of one dtype in the order they come; given back from the first, any number of
    times, or by number."""

    def __init__(self, kind: np.dtype[Any]) -> None:
        self.kind = kind
        self.rows = 0
        self._buffer: list[Array] = []
        self._waiting = 0  # rows in the buffer
        self._path: Path | None = None

    def add(self, rows: Array) -> None:
        """Take rows, which must not be changed any more."""
        if not len(rows):
            return
        self._buffer.append(rows)
        self.rows += len(rows)
        self._waiting += len(rows)
        if self._waiting * self.kind.itemsize > BUFFER_BYTES:
            self._write()

    def _write(self) -> None:
        try:
            if self._path is None:
                self._path = folder(self) / "rows"
            with self._path.open("ab") as file:
                for rows in self._buffer:
                    rows.tofile(file)
        except OSError as error:
            raise no_room(self._path, error) from None
        self._buffer, self._waiting = [], 0

    def chunks(self, sizes: Iterator[int]) -> Iterator[Array]:
        """So many rows, and then so many, …"""
        memory = self._memory()
        left = self.rows - self._waiting  # on disk
        at = 0
        file = None if self._path is None else self._path.open("rb")
        try:
            for size in sizes:
                parts = []
                if left and file is not None:
                    parts.append(np.fromfile(file, self.kind, min(size, left)))
                    left -= len(parts[0])
                    size -= len(parts[0])
                parts.append(memory[at : at + size])
                at += size
                yield np.concatenate(parts) if len(parts) > 1 else parts[0]
        finally:
            if file is not None:
                file.close()

    def at(self, numbers: Array) -> Array:
        """Rows by number, in that order."""
        out = np.empty(len(numbers), self.kind)
        written = self.rows - self._waiting
        on_disk = numbers < written
        if on_disk.any() and self._path is not None:
            file = np.memmap(self._path, self.kind, "r")
            out[on_disk] = file[numbers[on_disk]]
        if not on_disk.all():
            out[~on_disk] = self._memory()[numbers[~on_disk] - written]
        return out

    def _memory(self) -> Array:
        """What is not on disk."""
        if len(self._buffer) != 1:
            self._buffer = [np.concatenate([np.empty(0, self.kind), *self._buffer])]
        return self._buffer[0]

    def __iter__(self) -> Iterator[Array]:
        sizes = (min(CHUNK, self.rows - at) for at in range(0, self.rows, CHUNK))
        return self.chunks(sizes)


def scanned(
    chunks: Callable[[], Iterator[Any]],
    columns: Callable[[Any], Made],
    schema: Mapping[str, Any],
    rows: int,
) -> pl.LazyFrame:
    """Packed rows as a frame, in the order they came.  Of many (`rows`) every query reads them
    anew, a chunk at a time, and makes only the columns that it needs."""

    def frame(chunk: Any, names: Sequence[str]) -> pl.DataFrame:
        made = columns(chunk)
        return pl.DataFrame({name: made[name]() for name in names})

    def read(
        names: list[str] | None, predicate: pl.Expr | None, most: int | None, _: int | None
    ) -> Iterator[pl.DataFrame]:
        left = rows if most is None else most
        for chunk in chunks():
            some = frame(chunk, list(schema) if names is None else names).head(left)
            left -= some.height
            yield some if predicate is None else some.filter(predicate)
            if not left:
                return

    if rows <= CHUNK:
        empty = pl.DataFrame(schema=schema)
        return pl.concat([empty, *(frame(chunk, list(schema)) for chunk in chunks())]).lazy()
    from polars.io.plugins import register_io_source

    return register_io_source(read, schema=dict(schema))


class Rows:
    """Frames of one schema, put together when asked for."""

    def __init__(self) -> None:
        self.frames: list[pl.DataFrame] = []
        self.waiting = 0
        self.folder: Path | None = None
        self.files: list[Path] = []

    def add(self, frame: pl.DataFrame) -> None:
        if not frame.height and self.frames:
            return
        self.frames.append(frame)
        self.waiting += frame.height
        if self.waiting > IN_MEMORY:
            self._spill()

    def _spill(self) -> None:
        if self.folder is None:
            self.folder = folder(self)
        path = self.folder / f"{len(self.files)}.arrow"
        try:
            pl.concat(self.frames).write_ipc(path)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise no_room(self.folder, error) from None
        self.files.append(path)
        self.frames, self.waiting = [], 0

    def lazy(self) -> pl.LazyFrame:
        """All rows in the order they came.  At least one frame, perhaps empty, must have come."""
        parts = [pl.scan_ipc(path) for path in self.files]
        return pl.concat([*parts, *(frame.lazy() for frame in self.frames)])
