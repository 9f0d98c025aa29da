"""Columns as text in bulk: Polars turns what is proved plain, a column at a time, and leaves the
odd cells null; those are turned one by one, with care.  Which way a cell took cannot be seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

ODD = "[^ -~]"  # all but printable ASCII: may be an escape, or not take one cell of a terminal


def plain(column: pl.Series, odd: str = ODD, longest_bytes: int | None = None) -> pl.Series:
    """Texts of a text column; null where `odd` matches or that are longer."""
    mask = column.str.contains(odd)
    if longest_bytes is not None:
        mask |= column.str.len_bytes() > longest_bytes
    return column.set(mask, None) if mask.any() else column.clone()


def whole_numbers(column: pl.Series, below: int) -> pl.Series:
    """Numbers in decimal; of floats those only that are whole and smaller than `below`."""
    import polars as pl

    if not column.dtype.is_float():
        return column.cast(pl.String)
    cut = column.cast(pl.Int64, strict=False)
    simple = (cut == column) & (cut.abs() < below) & (1 / column > float("-inf"))  # -0.0 has a sign
    return cut.cast(pl.String).set(~simple.fill_null(False), None)


def times(column: pl.Series, form: str) -> pl.Series:
    """Times as `form` has them; Python pads no year, so four digits are proved first."""
    return column.dt.strftime(form).set(~column.dt.year().is_between(1000, 9999), None)


def odd_rows(texts: pl.Series, column: pl.Series) -> pl.Series:
    """Where `column` has a value and `texts` has none."""
    return (texts.is_null() & column.is_not_null()).arg_true()


def filled(texts: pl.Series, column: pl.Series, careful: Callable[[Any], str]) -> pl.Series:
    """`texts`, and what `careful` makes of the odd cells."""
    odd = odd_rows(texts, column)
    if not len(odd):
        return texts
    return texts.scatter(odd, [careful(value) for value in column.gather(odd).to_list()])
