"""Facts of stories as NumPy has them.  Words stay places in a menu, so that who compares them need
not make texts, and nothing becomes a Polars column that nobody asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import IntEnum
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from finis.correlation.keys import Array
from finis.records import dataclass
from finis.tables import CONNECTIONS, STORY_FACTS
from finis.terms import word

if TYPE_CHECKING:
    from datetime import datetime

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

    def series(self, rows: Array | None = None, words: pl.DataType | None = None) -> pl.Series:
        """As Polars has it, of all stories or of some.  `words`: the type of words, if not text."""
        import polars as pl

        values = self.values if rows is None else self.values[rows]
        valid = self.valid if self.valid is None or rows is None else self.valid[rows]
        if self.menu is None:
            column = pl.Series(np.ascontiguousarray(values))
        elif self.menu.is_empty():  # nobody said anything
            return nulls(words or pl.String(), len(values))
        else:
            menu = self.menu if words is None else self.menu.cast(words)
            column = menu[pl.Series(values.astype(np.uint32, copy=False))]
        return column if valid is None else null_unless(valid, column)

    def value(self, story: int, stamp: bool = False) -> Any:
        """Of one story, as Python has it; `stamp`: a number of ns is a time."""
        if self.valid is not None and not self.valid[story]:
            return None
        value = self.values[story].item()
        if self.menu is not None:
            return self.menu[value]
        return as_time(value) if stamp else value


def null_unless(valid: Array, column: pl.Series) -> pl.Series:
    """The column, null where not valid."""
    import polars as pl

    return column if valid.all() else column.zip_with(pl.Series(valid), _null(column.dtype))


@cache
def _null(kind: pl.DataType) -> pl.Series:
    import polars as pl

    return pl.Series([None], dtype=kind)


def nulls(kind: pl.DataType, count: int) -> pl.Series:
    """Nothing, so many times."""
    return _null(kind).new_from_index(0, count)


def framed(
    columns: dict[str, pl.Series], schema: Mapping[str, pl.DataType], count: int
) -> pl.DataFrame:
    """These columns of a schema in its types, `count` rows; those that are lacking are null.  They
    are taken out of `columns`, so that none is there twice."""
    import polars as pl

    return pl.DataFrame(
        [
            (columns.pop(name) if name in columns else nulls(kind, count)).cast(kind).alias(name)
            for name, kind in schema.items()
        ]
    )


Made = Column | Callable[[], Column]
Columns = dict[str, Made]


class Facts(Mapping[str, Column]):
    """Columns by name; what is dear is made when it is first asked for.  `order`: the stories in
    the order of rows (None: as they are)."""

    def __init__(self, made: Columns, count: int, order: Array | None = None) -> None:
        self._made, self.count, self.order = made, count, order

    def __getitem__(self, name: str) -> Column:
        column = self._made[name]
        if not isinstance(column, Column):
            column = self._made[name] = column()
        return column

    def __contains__(self, name: object) -> bool:
        return name in self._made

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)

    def frame(self, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
        """A row per story, of these columns in these types; null where nothing is told."""
        made = {name: self[name].series(self.order) for name in schema if name in self._made}
        return framed(made, schema, self.count)

    def row(self, row: int, known: Mapping[str, Any]) -> dict[str, Any]:
        """The values of every column of CONNECTIONS and STORY_FACTS in one row, as Polars gives
        them; those already `known` are taken as they are."""
        story = row if self.order is None else int(self.order[row])
        out: dict[str, Any] = {}
        for column in CONNECTIONS + STORY_FACTS:
            name = column.name
            if name in known:
                out[name] = known[name]
            elif name in self._made:
                out[name] = self[name].value(story, column.type == "ts")
            else:
                out[name] = None
        return out


def as_time(ns: int) -> datetime:
    """UTC, cut off to microseconds."""
    import polars as pl

    return pl.Series([ns]).cast(pl.Datetime("ns", "UTC"))[0]  # type: ignore[no-any-return]


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
