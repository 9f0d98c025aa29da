"""Which connection a user means, in every form people write it."""

from __future__ import annotations

import polars as pl
import pytest

from finis.correlation.selection import LISTED, matches, select
from finis.errors import UsageError

ROWS = [
    # conn_id, number, orig, resp, mapped orig
    ("aaaaaaaaa", 101, ("192.0.2.1", 40000), ("198.51.100.1", 443), ("203.0.113.9", 51000)),
    ("bbbbbbbbb", 102, ("192.0.2.1", 40001), ("198.51.100.1", 443), None),
    ("ccccccccc", None, ("2001:db8::1", 40000), ("2001:db8::2", 22), None),
    ("ddddddddd", 443, ("192.0.2.4", 40000), ("198.51.100.2", 80), None),
]


def table(rows: list[tuple] = ROWS) -> pl.DataFrame:  # type: ignore[type-arg]
    made = []
    for number, (conn_id, fw, orig, resp, mapped) in enumerate(rows):
        made.append(
            {
                "row": number, "conn_id": conn_id, "fw_conn_id": fw, "first_ts": None,
                "cause": "END201",
                "orig_h": orig[0], "orig_p": orig[1], "resp_h": resp[0], "resp_p": resp[1],
                "orig_mapped_h": mapped[0] if mapped else None,
                "orig_mapped_p": mapped[1] if mapped else None,
                "resp_mapped_h": None, "resp_mapped_p": None,
            }
        )  # fmt: skip
    kinds = {"orig_mapped_h": pl.String, "orig_mapped_p": pl.UInt16, "resp_mapped_h": pl.String,
             "resp_mapped_p": pl.UInt16}  # fmt: skip
    return pl.DataFrame(made, schema_overrides=kinds, infer_schema_length=None)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        # ids and numbers
        ("aaaaaaaaa", [0]),
        ("  aaaaaaaaa ", [0]),
        ("102", [1]),
        ("443", [3]),
        # one end
        ("192.0.2.1", [0, 1]),
        ("192.0.2.1:40001", [1]),
        ("198.51.100.1:443", [0, 1]),
        ("203.0.113.9:51000", [0]),
        ("203.0.113.9", [0]),
        # IPv6, bare and in brackets, in any spelling
        ("2001:db8::1", [2]),
        ("[2001:db8::1]", [2]),
        ("[2001:db8::1]:40000", [2]),
        ("[2001:0db8:0::0001]:40000", [2]),
        ("[2001:db8::1]:40001", []),
        # both ends, either order, any separator
        ("192.0.2.1:40000 -> 198.51.100.1:443", [0]),
        ("198.51.100.1:443 -> 192.0.2.1:40000", [0]),
        ("192.0.2.1:40000->198.51.100.1:443", [0]),
        ("192.0.2.1:40000 → 198.51.100.1:443", [0]),
        ("192.0.2.1:40000 <-> 198.51.100.1:443", [0]),
        ("192.0.2.1:40000-198.51.100.1:443", [0]),
        ("192.0.2.1:40000 198.51.100.1:443", [0]),
        ("192.0.2.1:40000,198.51.100.1:443", [0]),
        ("192.0.2.1:40000 > 198.51.100.1:443 tcp", [0]),
        ("192.0.2.1 -> 198.51.100.1", [0, 1]),
        ("203.0.113.9:51000 -> 198.51.100.1:443", [0]),
        ("[2001:db8::1]:40000 -> [2001:db8::2]:22", [2]),
        ("[2001:db8::1]:40000-[2001:db8::2]:22", [2]),
        # nothing
        ("192.0.2.1:1", []),
        ("192.0.2.1:99999", []),
        ("192.0.2.1:40000 -> 198.51.100.2:80", []),
        ("nonsense", []),
        ("", []),
        ("::::", []),
        ("a b c d", []),
        ("9" * 40, []),
        ("²", []),  # a digit, and no number
    ],
)
def test_matches(text: str, rows: list[int]) -> None:
    assert matches(table(), text.strip())["row"].to_list() == rows


def test_one() -> None:
    assert select(table(), " [2001:db8::2]:22 ") == 2


def test_none() -> None:
    with pytest.raises(UsageError, match="no connection fits"):
        select(table(), "203.0.113.1")


def test_several_are_listed() -> None:
    with pytest.raises(UsageError) as error:
        select(table(), "192.0.2.1")
    assert str(error.value).splitlines() == [
        "'192.0.2.1' fits 2 connections; name one by its id:",
        "  aaaaaaaaa  192.0.2.1:40000 → 198.51.100.1:443    END201",
        "  bbbbbbbbb  192.0.2.1:40001 → 198.51.100.1:443    END201",
    ]


def test_too_many_are_counted() -> None:
    rows = [(f"id{n}", n, ("192.0.2.1", n), ("198.51.100.1", 443), None) for n in range(50)]
    with pytest.raises(UsageError) as error:
        select(table(rows), "192.0.2.1")
    assert len(str(error.value).splitlines()) == 1 + LISTED + 1
    assert str(error.value).endswith(f"… and {50 - LISTED} more")
