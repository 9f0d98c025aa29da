"""What a capture format provides.  A module of this package that defines `NAME`, `sniff` and
`read` is a format; nothing else needs editing to add one.

``NAME: str``
    as shown in reports and accepted by ``--kind``.
``sniff(head: bytes) -> float``
    0 (not mine) … 1 (certain), from the first 64 KiB after decompression.  Never raises.
``BINARY: bool`` (may be left out: False)
    what it is certain of begins as no text does, and nothing else need be asked.
``read(stream, source, reading) -> Iterator[numpy.ndarray]``
    batches of `tables.SEGMENT` rows in file order.  An array is used again after LASTING - 1 others
    (see `Arrays`): a consumer that keeps rows for longer copies them.  Fills `source` as it goes
    (period, counts, problems, truncated).  Raises
    `InputError` only if nothing at all can be read.  A frame that cannot be decoded is counted
    in `source.problems` with its frame number; other protocols in `source.other`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

import numpy as np

from finis.tables import SEGMENT, record_dtype

if TYPE_CHECKING:
    from finis.wire.source import Reading, Source

BATCH = 16_384  # rows
AHEAD = 4  # batches that are at hand or read ahead
LASTING = AHEAD + 8  # arrays used in turn: so many more are followed meanwhile (`_kernel.SLOTS`)


class Arrays:
    """Arrays of BATCH rows that are used in turn.  New memory is dear, so each is made when it is
    first needed, and then used again and again."""

    def __init__(self) -> None:
        self._made: list[np.ndarray] = []
        self._turn = -1

    def next(self) -> np.ndarray:
        """The one whose rows were handed out longest ago; they are still in it."""
        self._turn = (self._turn + 1) % LASTING
        if self._turn == len(self._made):
            self._made.append(np.zeros(BATCH, record_dtype(SEGMENT)))
        return self._made[self._turn]


class Readable(Protocol):
    """A binary stream that can only be read forward."""

    def read(self, size: int, /) -> bytes: ...


class CaptureFormat(Protocol):
    NAME: str

    def sniff(self, head: bytes) -> float: ...

    def read(self, stream: Readable, source: Source, reading: Reading) -> Iterator[np.ndarray]: ...
