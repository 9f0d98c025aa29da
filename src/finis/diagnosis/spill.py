"""What waits on disk, so that memory does not grow with it."""

from __future__ import annotations

import pickle
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
import polars as pl

from finis.errors import UsageError
from finis.tracking.copied import gather

Array = np.ndarray
BUFFER_BYTES = 4 << 20  # of one spill held in memory; more go to disk
IN_MEMORY = 1 << 20  # rows of frames held in memory; more go to disk
AT_HAND = 4  # things of a shelf
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


def give_back() -> None:
    """Memory that was freed, and that the C library keeps for the next who asks, goes back to the
    system, where it can be told to (glibc: malloc_trim)."""
    import ctypes

    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


class Appended:
    """A file of things one after another, in a temporary folder that goes with this."""

    def __init__(self) -> None:
        self.path: Path | None = None  # once there is anything

    def add(self, things: Iterable[bytes | memoryview]) -> int:
        """Write them; where they end."""
        try:
            if self.path is None:
                self.path = folder(self) / "things"
            with self.path.open("ab") as file:
                for thing in things:
                    file.write(thing)
                return file.tell()
        except OSError as error:
            raise no_room(self.path, error) from None

    def at(self, begin: int) -> IO[bytes]:
        """To be read from there."""
        assert self.path is not None
        file = self.path.open("rb")
        file.seek(begin)
        return file


class Spill:
    """Packed rows of one dtype in the order they come; given back by number, any number of
    times.  Rows wait in memory that is used again once they are written."""

    def __init__(self, kind: np.dtype[Any], share: int = 1) -> None:
        """`share`: of how many that are held together this is one."""
        self.kind = kind
        self.rows = 0
        self._most = BUFFER_BYTES // (kind.itemsize * share)  # rows in memory
        self._buffer = np.empty(0, kind)
        self._waiting = 0  # rows in the buffer
        self._file = Appended()

    def add(self, rows: Array) -> None:
        """Take rows; nothing of their memory is kept."""
        self.room(len(rows))[:] = rows

    def room(self, count: int) -> Array:
        """The next so many rows, which are to be filled in before anything else is asked of
        this."""
        if self._waiting + count > len(self._buffer):
            self._make_room(count)
        out = self._buffer[self._waiting : self._waiting + count]
        self._waiting += count
        self.rows += count
        return out

    def _make_room(self, count: int) -> None:
        if self._waiting and self._waiting + count > self._most:
            waiting = np.ascontiguousarray(self._memory()).view("u1")
            self._file.add([waiting.data])
            self._waiting = 0
        if self._waiting + count > len(self._buffer):
            size = max(self._waiting + count, min(2 * len(self._buffer), self._most))
            new = np.empty(size, self.kind)
            new[: self._waiting] = self._memory()
            self._buffer = new

    def at(self, numbers: Array) -> Array:
        """Rows by number, in that order."""
        out = np.empty(len(numbers), self.kind)
        written = self.rows - self._waiting
        on_disk = numbers < written
        if on_disk.any() and self._file.path is not None:
            file = np.memmap(self._file.path, self.kind, "r")
            out[on_disk] = file[numbers[on_disk]]
        if not on_disk.all():
            out[~on_disk] = self._memory()[numbers[~on_disk] - written]
        return out

    def between(self, begin: int, end: int) -> Array:
        """Rows by number, the last one excluded; they hold until more are added."""
        written = self.rows - self._waiting
        memory = self._memory()[max(begin - written, 0) : max(end - written, 0)]
        if begin >= written or self._file.path is None:
            return memory
        count, offset = min(end, written) - begin, begin * self.kind.itemsize
        disk = np.fromfile(self._file.path, self.kind, count, offset=offset)
        return np.concatenate([disk, memory]) if len(memory) else disk

    def _memory(self) -> Array:
        """What is not on disk."""
        return self._buffer[: self._waiting]

    def __iter__(self) -> Iterator[Array]:
        return (self.between(at, min(at + CHUNK, self.rows)) for at in range(0, self.rows, CHUNK))


class Shelf:
    """Things of which the latest few are at hand and the others on disk."""

    def __init__(self) -> None:
        self._kept: list[Any] = []  # the latest
        self._ends = [0]  # where each of the others ends on disk, and the next begins
        self._file = Appended()
        self._read: tuple[int, Any] = (-1, None)  # what was last fetched from there

    def put(self, thing: Any) -> int:
        """Its number, the same if it was the last one.  It may grow while it is at hand."""
        if not self._kept or self._kept[-1] is not thing:
            self._kept.append(thing)
            if len(self._kept) > AT_HAND:
                told = pickle.dumps(self._kept.pop(0), pickle.HIGHEST_PROTOCOL)
                self._ends.append(self._file.add([told]))
        return len(self._ends) + len(self._kept) - 2

    def get(self, number: int) -> Any:
        written = len(self._ends) - 1
        if number >= written:
            return self._kept[number - written]
        read = self._read  # other threads may read something else meanwhile
        if read[0] != number:
            with self._file.at(self._ends[number]) as file:
                read = self._read = number, pickle.load(file)
        return read[1]


class Columnar:
    """Packed rows, of which every column waits for itself: a reader reads only what it needs."""

    def __init__(self, columns: Mapping[str, Spill]) -> None:
        self.columns = columns

    @classmethod
    def of(cls, kind: np.dtype[Any]) -> Columnar:
        names = kind.names or ()
        return cls({name: Spill(kind[name], len(names)) for name in names})

    @property
    def rows(self) -> int:
        return max(column.rows for column in self.columns.values())

    def add(self, rows: Array | Mapping[str, Array]) -> None:
        """Take rows, all columns of one length; nothing of their memory is kept."""
        for name, column in self.columns.items():
            column.add(rows[name])

    def add_some(self, rows: Mapping[str, Array], at: Array) -> None:
        """The same of some rows, by index (i8)."""
        for name, column in self.columns.items():
            gather(rows[name], at, column.room(len(at)))

    def chunks(self, sizes: Iterable[int]) -> Iterator[Chunk]:
        """So many rows, and then so many, …"""
        begin = 0
        for size in sizes:
            yield Chunk(self.columns, begin, begin := begin + size)

    def __iter__(self) -> Iterator[Chunk]:
        return self.chunks(min(CHUNK, self.rows - at) for at in range(0, self.rows, CHUNK))


class Chunk:
    """Some rows of a `Columnar` that follow each other: columns by name, read when asked for."""

    def __init__(self, of: Mapping[str, Spill], begin: int, end: int) -> None:
        self._of, self._begin, self._end = of, begin, end
        self._at: Array | None = None  # numbers of the rows, None for all
        self._read: dict[str, Array] = {}

    def __len__(self) -> int:
        return self._end - self._begin if self._at is None else len(self._at)

    def __getitem__(self, name: str) -> Array:
        if name not in self._read:
            column = self._of[name].between(self._begin, self._end)
            self._read[name] = column if self._at is None else column[self._at]
        return self._read[name]

    def only(self, mask: Array) -> Chunk:
        """Those of its rows for which this is true (bool)."""
        if mask.all():
            return self
        out = Chunk(self._of, self._begin, self._end)
        out._at = np.flatnonzero(mask) if self._at is None else self._at[mask]
        out._read = {name: column[mask] for name, column in self._read.items()}
        return out


def scanned(
    chunks: Callable[[], Iterator[Chunk]],
    columns: Callable[[Chunk], Made],
    schema: Mapping[str, Any],
    rows: int,
) -> pl.LazyFrame:
    """Packed rows as a frame, in the order they came.  Of many (`rows`) every query reads them
    anew, a chunk at a time, and makes only the columns that it needs."""

    def frame(chunk: Chunk, names: Sequence[str]) -> pl.DataFrame:
        made = columns(chunk)
        return pl.DataFrame({name: made[name]() for name in names})

    def read(
        names: list[str] | None, predicate: pl.Expr | None, most: int | None, _: int | None
    ) -> Iterator[pl.DataFrame]:
        left = rows if most is None else most
        for chunk in chunks():
            if len(chunk) > left:
                chunk = chunk.only(np.arange(len(chunk)) < left)
            left -= len(chunk)
            if predicate is not None:  # what does not fit need not be read any further
                asked = frame(chunk, predicate.meta.root_names() or list(schema)[:1])
                fits = asked.with_columns(fits=predicate)["fits"]
                chunk = chunk.only(fits.fill_null(False).to_numpy())
            yield frame(chunk, list(schema) if names is None else names)
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
