"""What waits on disk, so that memory does not grow with it."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from finis.errors import UsageError

if TYPE_CHECKING:
    from finis.tracking.parts import LogPart

Array = np.ndarray
BUFFER_BYTES = 32 << 20  # of one spill held in memory; more go to disk


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


class Spill:
    """Packed rows of one dtype in the order they come; given back from the first, any number of
    times."""

    def __init__(self, kind: np.dtype[Any]) -> None:
        self.kind = kind
        self.rows = 0
        self._buffer: list[Array] = []
        self._waiting = 0  # rows in the buffer
        self._path: Path | None = None

    def add(self, rows: Array) -> None:
        """Take rows; their memory may be used again."""
        if not len(rows):
            return
        self._buffer.append(rows.copy())
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
        memory = np.concatenate([np.empty(0, self.kind), *self._buffer])
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

    def __iter__(self) -> Iterator[Array]:
        step = 1 << 17
        sizes = (min(step, self.rows - at) for at in range(0, self.rows, step))
        return self.chunks(sizes)


class Waiting:
    """Denials that wait for the end of the log, with the connections they belong to and what was
    found of these (`verdict`)."""

    def __init__(self) -> None:
        from finis.tracking.parts import CONNECTION, DENIAL

        self._denials, self._connections = Spill(DENIAL), Spill(CONNECTION)
        self._verdicts = Spill(np.dtype(np.uint32))
        self._parts: list[tuple[int, int, LogPart]] = []  # rows of both, and the codes

    def add(self, part: LogPart, verdict: Array) -> None:
        """Keep the denials of a part; copies of other lines are left out."""
        denials = part.denials[part.denials["refusal"]["copy_row"] < 0]
        used = np.zeros(len(part.connections) + 1, bool)
        used[denials["at"]] = True  # -1: the one beyond the end
        used = used[:-1]
        place = np.cumsum(used) - 1
        known = denials["at"] >= 0
        denials["at"][known] = place[denials["at"][known]]
        self._denials.add(denials)
        self._connections.add(part.connections[used])
        self._verdicts.add(verdict[used])
        codes = replace(part, connections=part.connections[:0], denials=part.denials[:0])
        self._parts.append((len(denials), int(used.sum()), codes))

    def __iter__(self) -> Iterator[tuple[LogPart, Array]]:
        """The parts as they came."""
        denials = self._denials.chunks(n for n, _, _ in self._parts)
        connections = self._connections.chunks(n for _, n, _ in self._parts)
        verdicts = self._verdicts.chunks(n for _, n, _ in self._parts)
        for _, _, codes in self._parts:
            part = replace(codes, denials=next(denials), connections=next(connections))
            yield part, next(verdicts)
