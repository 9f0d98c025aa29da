"""Joining the lines of a frame: what is common to the readers of text captures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from finis.errors import InputError
from finis.wire.captures._text import bits
from finis.wire.captures._text.hexdump import HexDump
from finis.wire.captures._text.lines import lines
from finis.wire.captures._text.rows import Batch, Row

if TYPE_CHECKING:
    from finis.wire.captures._api import Readable
    from finis.wire.source import Reading, Source

_MAX_JOINED = 8192  # characters of a frame's lines
_MTU_BYTES = 1500
_HEADERS_BYTES = 40  # IP and TCP header, at least

STRANGE = "line not recognised"
BAD_STAMP = "stamp impossible"
DUMP_DIFFERS = "hex dump shows another packet than its line"


class FrameReader:
    """Follows the lines of a file and keeps those of the frame being read.

    A reader of a format says which lines begin, continue or end a frame (`line`) and what a
    frame's joined text means (`frame`).
    """

    nothing = "no packet in it"  # said where not a single line of the format was found

    def __init__(self, source: Source, reading: Reading) -> None:
        self.source = source
        self.reading = reading
        self.batch = Batch(source)
        self.marked = False  # a line only this format has was seen, though perhaps no frame
        self.pending: list[str] = []
        self.pending_line = 0
        self.dump = HexDump()

    def line(self, number: int, line: str) -> bool:
        """Take one line; True if the batch became full."""
        raise NotImplementedError

    def frame(self, text: str) -> tuple[str, Row | None]:
        """(problem or "", row or None) of a frame; `text` has single blanks.  A row given with a
        problem lacks what the problem says, and counts only if a hex dump supplies it."""
        raise NotImplementedError

    def read(self, stream: Readable) -> Iterator[npt.NDArray[np.void]]:
        """See `captures._api`."""
        for number, line in lines(stream, self.source):
            if self.line(number, line):
                yield self.batch.take()
        self.flush()
        if self.batch.rows:
            yield self.batch.take()
        if not self.source.rows and not self.marked:
            raise InputError(self.source.path, self.nothing)

    def begin(self, number: int, line: str) -> bool:
        """A frame begins with this line; True if the one before filled the batch."""
        full = self.flush()
        self.pending = [line]
        self.pending_line = number
        return full

    def join(self, line: str) -> None:
        if sum(map(len, self.pending)) < _MAX_JOINED:
            self.pending.append(line)

    def problem(self, reason: str, number: int | None = None, count: int = 1) -> None:
        at = self.pending_line if number is None else number
        self.source.problems.add(reason, f"line {at}", count)

    def flush(self) -> bool:
        """Read the frame kept, if any; True if the batch became full."""
        if not self.pending:
            return False
        text = " ".join(" ".join(self.pending).split())
        self.pending = []
        self.source.rows += 1
        problem, row = self.frame(text)
        if row is not None and self.dump:
            if self.dump.complete(row, trusted=not problem):
                problem = ""
            elif not problem:
                self.problem(DUMP_DIFFERS)
        self.dump.clear()
        if problem:
            self.problem(problem)
        if problem or row is None:
            return False
        if max(row.ip_len, row.payload_len + _HEADERS_BYTES) > _MTU_BYTES:
            row.quirks |= bits.OVERSIZE
        return self.batch.add(row)
