"""What segment tracking hands on, the same for the readable reference and the compiled kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from finis.records import dataclass
from finis.tracking.copied import picked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PART = 16_384  # connections handed on at once by `drain`
ALIVE = 2  # what was handed on last lasts, and what was before it


@dataclass(frozen=True, slots=True)
class Observations:
    """Connections at one point.  `rows`: tables.OBSERVATION in order of `conn`; `tail`:
    tables.SEGMENT, the kept segments, `rows[i]` owning `tail[tail_at:tail_at + tail_n]`.  With
    `ask` the tracker still has them: it gives those of some rows, and `tail` is empty."""

    rows: np.ndarray
    tail: np.ndarray
    ask: Callable[[np.ndarray], np.ndarray] | None = None

    def segments(self, at: np.ndarray) -> np.ndarray:
        """The kept segments of these rows one after another."""
        if self.ask is not None:
            return self.ask(at)
        found: np.ndarray = self.tail[
            spans(self.rows["tail_at"][at].astype(np.int64), self.rows["tail_n"][at])
        ]
        return found

    def only(self, at: np.ndarray) -> Observations:
        """Some of the rows, which last as long as all."""
        rows, ask = picked(self.rows, at), self.ask
        return Observations(rows, self.tail, None if ask is None else lambda some: ask(at[some]))

    def whole(self) -> Observations:
        """With all segments in `tail`."""
        if self.ask is None:
            return self
        return Observations(self.rows, self.ask(np.arange(len(self.rows))))


def spans(start: np.ndarray, length: np.ndarray) -> np.ndarray:
    """The numbers from each start on, so many of each, one span after another."""
    length = length.astype(np.int64)
    found: np.ndarray = np.repeat(start - np.cumsum(length) + length, length)
    return found + np.arange(len(found))


class SegmentTracker(Protocol):
    """Follows the segments of one point.  Time is what the segments carry; no clock is read."""

    @property
    def evicted(self) -> int:
        """Connections given up early because the table was full."""

    @property
    def finished(self) -> int:
        """Connections that `take` would give; where threads follow, that it would have given some
        batches ago, so that it does not depend on how far they are."""

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
