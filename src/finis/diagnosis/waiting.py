"""Denials of a log that wait on disk, each with the connection it belongs to."""

from __future__ import annotations

import numpy as np

from finis.diagnosis.spill import Shelf, Spill
from finis.records import replace
from finis.tracking.copied import gather
from finis.tracking.parts import CONNECTION, DENIAL, LogPart
from finis.wire.dialects._packed import Book

Array = np.ndarray
_NO_BOOK = Book()


class Waiting:
    """Denials, part by part as they came."""

    def __init__(self) -> None:
        self._denials, self._connections = Spill(DENIAL), Spill(CONNECTION)
        self._begins: list[tuple[int, int]] = []  # the first rows of each part
        self._numbers: list[int] = []  # of their books
        self._books = Shelf()  # a log whose words never come again fills one after another
        self.codes: list[LogPart] = []  # what codes of a part mean, but for its book

    def add(self, part: LogPart, at: Array) -> None:
        """Keep some denials of a part, by index (i8); its memory may be used again."""
        self._begins.append((self._denials.rows, self._connections.rows))
        self._numbers.append(self._books.put(part.book))
        self.codes.append(replace(part.bare(), book=_NO_BOOK))
        of = part.denials["at"][at]
        known = of >= 0
        used = np.zeros(len(part.connections), bool)
        used[of[known]] = True
        place = np.cumsum(used) - 1
        of[known] = place[of[known]]
        gather(part.denials, at, self._denials.room(len(at)))["at"] = of
        at = np.flatnonzero(used)
        gather(part.connections, at, self._connections.room(len(at)))

    @property
    def ends(self) -> list[int]:
        """Where each part begins, and where the last one ends."""
        return [*(begin for begin, _ in self._begins), self._denials.rows]

    def some(self, part: int, at: Array) -> LogPart:
        """Some denials of a part, with the connections they belong to."""
        denials_from, connections_from = self._begins[part]
        denials = self._denials.at(denials_from + at)
        known = denials["at"] >= 0
        used, place = np.unique(denials["at"][known], return_inverse=True)
        denials["at"][known] = place
        connections = self._connections.at(connections_from + used)
        book = self._books.get(self._numbers[part])
        return replace(self.codes[part], book=book, connections=connections, denials=denials)
