"""Addresses in bulk."""

from __future__ import annotations

import numpy as np
import polars as pl

from finis.correlation import keys
from tests.script import address

TEXTS = [
    "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", None, "fw-name", "192.0.2.1", "fe80::1%eth0",
]  # fmt: skip


def test_addresses_read_as_records_hold_them() -> None:
    hi, lo, good = keys.parse(pl.Series(TEXTS, dtype=pl.String))
    assert good.tolist() == [True, True, True, False, False, True, True]
    assert (int(hi[0]), int(lo[0])) == address("192.0.2.1")
    assert (int(hi[1]), int(lo[1])) == address("2001:db8::1")
    assert keys.texts(hi[:2], lo[:2]).to_list() == ["192.0.2.1", "2001:db8::1"]


def test_a_tuple_has_one_key_in_both_directions() -> None:
    a = tuple(np.array([n], np.uint64) for n in (0, 5, 443))
    b = tuple(np.array([n], np.uint64) for n in (0, 9, 4711))
    c = tuple(np.array([n], np.uint64) for n in (0, 9, 4712))
    assert keys.tuple_key(a, b) == keys.tuple_key(b, a)
    assert keys.tuple_key(a, b) != keys.tuple_key(a, c)
    assert keys.tuple_key(a, a) != keys.tuple_key(b, b)
