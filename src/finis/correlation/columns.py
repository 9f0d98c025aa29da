"""Facts of stories as NumPy has them.  Words stay places in a menu, so that who compares them need
not make texts, and nothing becomes a Polars column that nobody asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from finis.correlation.keys import Array
from finis.terms import word

if TYPE_CHECKING:
    import polars as pl

NONE = 255  # OBSERVATION's "no side"
SIDES = ("orig", "resp", "none", "device")


@dataclass(slots=True, eq=False)
class Column:
    """One fact of every story, null where not `valid` (None: nowhere)."""

    values: Array  # numbers, or with `menu` the places of words in it
    valid: Array | None = None
    menu: pl.Series | None = None  # String; a null in it is no word

    def __post_init__(self) -> None:
        if self.valid is not None and self.valid.all():
            self.valid = None
        if self.values.dtype == np.uint64:
            self.values = self.values.view(np.int64)

    def series(self, rows: Array | None = None) -> pl.Series:
        """As Polars has it, of all stories or of some."""
        import polars as pl

        values = self.values if rows is None else self.values[rows]
        valid = self.valid if self.valid is None or rows is None else self.valid[rows]
        if self.menu is None:
            column = pl.Series(np.ascontiguousarray(values))
        elif self.menu.is_empty():  # nobody said anything
            return pl.Series([None], dtype=pl.String).new_from_index(0, len(values))
        else:
            column = self.menu.gather(values.astype(np.uint32, copy=False))
        return column if valid is None else column.set(pl.Series(~valid), None)


Made = Column | Callable[[], Column]
Columns = dict[str, Made]


class Facts(Mapping[str, Column]):
    """Columns by name; what is dear is made when it is first asked for."""

    def __init__(self, made: Columns, count: int) -> None:
        self._made, self.count = made, count

    def __getitem__(self, name: str) -> Column:
        column = self._made[name]
        if not isinstance(column, Column):
            column = self._made[name] = column()
        return column

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)

    def frame(self, schema: Mapping[str, pl.DataType], rows: Array | None = None) -> pl.DataFrame:
        """These columns in these types, of all stories or of some; null where nothing is told."""
        import polars as pl

        count = self.count if rows is None else len(rows)
        made = [
            self[name].series(rows).cast(kind).alias(name)
            if name in self._made
            else pl.Series(name, [None], kind).new_from_index(0, count)
            for name, kind in schema.items()
        ]
        return pl.DataFrame(made)


@cache
def menu(*listed: str | None) -> pl.Series:
    """These words, the same series every time."""
    import polars as pl

    return pl.Series(listed, dtype=pl.String)


@cache
def enum_menu(kind: type[IntEnum]) -> pl.Series:
    """The words of a vocabulary by their codes."""
    listed: list[str | None] = [None] * (max(kind) + 1)
    for member in kind:
        listed[member] = word(member)
    return menu(*listed)


def words(kind: type[IntEnum], codes: Array, valid: Array | None = None) -> Column:
    """Enum codes as their printed words."""
    return Column(np.minimum(codes, int(max(kind))), valid, enum_menu(kind))


def sides(codes: Array, valid: Array | None = None) -> Column:
    """0, 1, NONE and 3 as orig, resp, none and device."""
    return Column(np.where(codes == NONE, 2, codes), valid, menu(*SIDES))
