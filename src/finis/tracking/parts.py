"""Parts of a log: connections that nothing to come can change, and denials that are complete.

A part holds packed rows in the codes of one book, so that judging needs no text; frames are made
of the rows that are told or printed.  A denial stands in the part of the connection it belongs to.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from finis.records import dataclass, field, replace
from finis.tracking.packed import BY, CONNECTION, DENIAL, Array
from finis.wire.dialects._packed import BIT, Book

if TYPE_CHECKING:
    import polars as pl


@dataclass(slots=True)
class LogPart:
    """`connections` (CONNECTION) and `denials` (DENIAL), each in the order they were completed;
    codes are of `book`, `devices`, `hows` (terms.Teardown in words) and `whys`."""

    connections: Array
    denials: Array
    book: Book
    devices: Sequence[str]
    hows: Sequence[str]
    whys: Sequence[str | None]
    products: dict[str, str | None] = field(default_factory=dict)  # make by device

    def bare(self) -> LogPart:
        """The codes without rows; nothing of the memory of these is kept."""
        return replace(self, connections=np.empty(0, CONNECTION), denials=np.empty(0, DENIAL))

    def connection_frame(self, at: Array | slice = slice(None)) -> pl.DataFrame:
        """tables.LOG_CONNECTIONS of some rows, in their order."""
        from finis.tracking import packed

        return packed.connection_frame(self.connections[at], self)

    def denial_frame(self, at: Array | slice = slice(None)) -> pl.DataFrame:
        """tables.DENIALS + tables.DENIAL_FACTS of some rows, in their order; what the whole log
        tells of them (`repeat`, `repeats`, `src_…`, `dst_…`) is null."""
        from finis.tracking import packed

        return packed.denial_frame(self.denials[at], self)


__all__ = ["BIT", "BY", "CONNECTION", "DENIAL", "LogPart"]
