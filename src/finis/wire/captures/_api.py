"""What a capture format provides.  A module of this package that defines `NAME`, `sniff` and
`read` is a format; nothing else needs editing to add one.

``NAME: str``
    as shown in reports and accepted by ``--kind``.
``sniff(head: bytes) -> float``
    0 (not mine) … 1 (certain), from the first 64 KiB after decompression.  Never raises.
``read(stream, source, reading) -> Iterator[numpy.ndarray]``
    batches of `tables.SEGMENT` rows in file order.  The array is reused: a consumer that keeps rows
    copies them.  Fills `source` as it goes (period, counts, problems, truncated).  Raises
    `InputError` only if nothing at all can be read.  A frame that cannot be decoded is counted
    in `source.problems` with its frame number; other protocols in `source.other`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np

    from finis.wire.source import Reading, Source

BATCH = 16_384  # rows; the array is reused between batches


class Readable(Protocol):
    """A binary stream that can only be read forward."""

    def read(self, size: int, /) -> bytes: ...


class CaptureFormat(Protocol):
    NAME: str

    def sniff(self, head: bytes) -> float: ...

    def read(self, stream: Readable, source: Source, reading: Reading) -> Iterator[np.ndarray]: ...
