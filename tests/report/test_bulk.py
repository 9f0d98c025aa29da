"""Tables written a column at a time are what they are cell by cell."""

from __future__ import annotations

import io
from datetime import datetime
from typing import Any

import polars as pl
from hypothesis import example, given
from hypothesis import strategies as st

from finis.report import grid
from finis.report.document import clean
from finis.report.formats import guarded, stamps, to_json, visible, write_batches
from finis.report.styled import cell_len

HOSTILE = (
    "\x00\x07\t\n\r\x1b\x1c\x7f\x85\x9b\xa0\u061c\u200b\u202e\u2028\ufeff\u3000"
    '漢한é\u0301👩"\\=+-@,;|<&…–'
)
TEXTS = st.one_of(
    st.sampled_from(["10.0.0.1", "TCP FINs", "", " ", "a  ", "=cmd()", "=", "-1", "\t@", "x" * 60]),
    st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=70),
    st.text(alphabet=HOSTILE, max_size=8),
    st.text(alphabet="a漢é ", min_size=50, max_size=70),
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=8),
)
EDGES = [0.0, -0.0, 1e6, 999999.0, 999999.5, -123456.0, 1e15, 1e16, 2.0**53, 1e300, 5e-324]
FLOATS = st.one_of(
    st.sampled_from(EDGES),
    st.floats(),
    st.integers(-(10**7), 10**7).map(float),
)
NS = st.integers(-(1 << 62), 1 << 62)
COLUMNS: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "text": (pl.String, TEXTS),
    "int": (pl.Int64, st.integers(-(1 << 63), (1 << 63) - 1)),
    "port": (pl.UInt16, st.integers(0, 65535)),
    "float": (pl.Float64, FLOATS),
    "bool": (pl.Boolean, st.booleans()),
    "ts": (pl.Datetime("ns", "UTC"), NS),
    "naive": (pl.Datetime("us"), st.datetimes()),
    "list": (pl.List(pl.String), st.lists(st.none() | TEXTS, max_size=3)),
    "other": (pl.List(pl.Int64), st.lists(st.integers(0, 9), max_size=2)),
}


@st.composite
def frames(draw: st.DrawFn) -> list[pl.DataFrame]:
    """Batches of one table, of any of the columns in any order."""
    kinds = draw(st.lists(st.sampled_from(list(COLUMNS)), min_size=1, max_size=5))
    schema = {f"{kind}{at}": COLUMNS[kind][0] for at, kind in enumerate(kinds)}
    return [
        pl.DataFrame(
            {
                name: draw(st.lists(st.none() | COLUMNS[kind][1], min_size=rows, max_size=rows))
                for name, kind in zip(schema, kinds, strict=True)
            },
            schema=schema,
        )
        for rows in draw(st.lists(st.integers(0, 4), min_size=1, max_size=3))
    ]


def careful(batches: list[pl.DataFrame]) -> bytes:
    """`grid.write` cell by cell."""
    names, lines, widths = batches[0].columns, [], {}
    right = [kind.is_numeric() for kind in batches[0].dtypes]

    def line(cells: list[str]) -> None:
        gaps = [
            " " * (widths[name] - cell_len(cell)) for name, cell in zip(names, cells, strict=True)
        ]
        put = [
            gap + cell if at else cell + gap
            for cell, gap, at in zip(cells, gaps, right, strict=True)
        ]
        lines.append("  ".join(put).rstrip() + "\n")

    for number, frame in enumerate(batches):
        rows = [[grid._cell(value) for value in row] for row in frame.iter_rows()]
        for at, name in enumerate(names):
            widths[name] = max([widths.get(name, len(name)), *(cell_len(row[at]) for row in rows)])
        for row in [names, *rows] if number == 0 else rows:
            line(row)
    return "".join(lines).encode()


@given(frames())
@example([pl.DataFrame({"edges": EDGES})])
@example(
    [pl.DataFrame({"years": [datetime(1, 1, 1), datetime(999, 12, 31), datetime(1000, 1, 1)]})]
)
def test_text(batches: list[pl.DataFrame]) -> None:
    out = io.BytesIO()
    grid.write(iter(batches), batches[0].columns, out)
    assert out.getvalue() == careful(batches)


@given(frames())
@example([pl.DataFrame({"edges": EDGES})])
@example(
    [pl.DataFrame({"years": [datetime(1, 1, 1), datetime(999, 12, 31), datetime(1000, 1, 1)]})]
)
def test_json(batches: list[pl.DataFrame]) -> None:
    out = io.BytesIO()
    write_batches(iter(batches), "json", out)
    rows = [row for frame in batches for row in stamps(frame).to_dicts()]
    assert out.getvalue().decode() == to_json(rows)


@given(st.lists(st.none() | TEXTS))
def test_guards_hold_cell_by_cell(texts: list[str | None]) -> None:
    frame = pl.DataFrame({"x": texts}, schema={"x": pl.String})
    assert visible(frame)["x"].to_list() == [
        text if text is None or clean(text) == text.replace("\u00a0", " ") else clean(text)
        for text in texts
    ]
    assert guarded(frame)["x"].to_list() == [
        f"'{text}" if text and text[0] in "=+-@\t\r" and len(text) > 1 else text for text in texts
    ]


def test_csv_of_lists_is_as_harmless_as_text() -> None:
    frame = pl.DataFrame({"points": [["=in\x1b[2J", "\u202eout"]]})
    out = io.BytesIO()
    write_batches(iter([frame]), "csv", out)
    assert out.getvalue() == b"points\n'=in\\x1b[2J; \\u202eout\n"
