"""What segment tracking hands on, the same for the readable reference and the compiled kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

PART = 16_384  # connections handed on at once by `drain`
ALIVE = 2  # what was handed on last lasts, and what was before it


@dataclass(frozen=True, slots=True)
class Observations:
    """Connections at one point.  `rows`: tables.OBSERVATION in order of `conn`; `tail`:
    tables.SEGMENT, the kept segments, `rows[i]` owning `tail[tail_at:tail_at + tail_n]`."""

    rows: np.ndarray
    tail: np.ndarray


class SegmentTracker(Protocol):
    """Follows the segments of one point.  Time is what the segments carry; no clock is read."""

    @property
    def evicted(self) -> int:
        """Connections given up early because the table was full."""

    @property
    def finished(self) -> int:
        """Connections that `take` would give."""

    def feed(self, batch: np.ndarray) -> None:
        """Take a batch of tables.SEGMENT rows in order; `kind`, `side`, `role` (RETRANSMISSION),
        `conn` and Quirk.COPY are written into it.  A copy keeps the kind of its original and is
        counted nowhere."""

    def take(self) -> Observations:
        """Connections that can no longer change, and forget them.  The arrays are used again by
        the `ALIVE`-th `take`, `drain` or `finish` after this: a caller that keeps rows for longer
        copies them."""

    def drain(self, *, most: int = PART) -> Iterator[Observations]:
        """All that is left, at the end of the capture, in parts of at most `most` connections,
        numbers rising; the same is true of their arrays.  To be used up before anything else is
        asked of the tracker, which is then as new but for its counts."""

    def finish(self) -> Observations:
        """The same at once, in arrays of the caller's own."""
