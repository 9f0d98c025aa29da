"""What segment tracking hands on, the same for the readable reference and the compiled kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np


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

    def feed(self, batch: np.ndarray) -> None:
        """Take a batch of tables.SEGMENT rows in order; `kind`, `side`, `role` (RETRANSMISSION),
        `conn` and Quirk.COPY are written into it.  A copy keeps the kind of its original and is
        counted nowhere."""

    def take(self) -> Observations:
        """Connections that can no longer change, and forget them."""

    def finish(self) -> Observations:
        """All that is left, at the end of the capture."""
