"""Addresses in bulk."""

from __future__ import annotations

import ipaddress

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finis.correlation import keys, naming
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


_OCTETS = st.sampled_from(
    ("0", "1", "9", "10", "99", "100", "199", "249", "255", "256", "01", "", "1x")
)
_ADDRESSES = st.one_of(
    st.lists(_OCTETS, min_size=3, max_size=5).map(".".join),
    st.ip_addresses().map(str),
    st.text("0123456789.:%abf \n", max_size=12),
    st.none(),
)


@settings(max_examples=100)
@given(st.lists(_ADDRESSES, max_size=20), st.sampled_from((0, 32)), st.sampled_from(("0", "1")))
def test_addresses_are_those_of_the_standard_library(
    texts: list[str | None], few: int, pure: str
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys, "FEW", few)
        patch.setenv("FINIS_PURE", pure)
        hi, lo, good = keys.parse(pl.Series("h", texts, pl.String))
    for text, high, low, read in zip(texts, hi, lo, good, strict=True):
        try:
            address = ipaddress.ip_address((text or "").split("%", 1)[0])
        except ValueError:
            assert (high, low, read) == (0, 0, False)
            continue
        number = int(address) | (keys.V4_PREFIX if ":" not in str(text) else 0)
        assert (int(high) << 64 | int(low), read) == (number, True)


HOSTILE = ["10.0.0.1", "2001:db8::1", "::ffff:10.0.0.1", "fe80::1%eth0", "mail-gw", "", None,
           "256.1.1.1", "1.2.3", "01.2.3.4", "10.0.0.1%x", "٣.1.1.1", "1" * 400]  # fmt: skip


def test_few_and_many_are_read_alike() -> None:
    few = [keys.parse(pl.Series([text], dtype=pl.String)) for text in HOSTILE]
    many = keys.parse(pl.Series(HOSTILE * (keys.FEW // len(HOSTILE) + 1), dtype=pl.String))
    for at, (hi, lo, good) in enumerate(few):
        assert (hi[0], lo[0], good[0]) == tuple(part[at] for part in many), HOSTILE[at]


@settings(max_examples=60)
@given(st.lists(st.text(max_size=9) | st.integers(100, 300).map("é".__mul__), max_size=9))
def test_texts_have_the_same_hash_by_kernel_and_by_reference(texts: list[str]) -> None:
    series = pl.Series("t", texts, pl.String)
    told = []
    for pure in ("1", "0"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("FINIS_PURE", pure)
            told.append(naming.text_hash(series).tolist())
    assert told[0] == told[1]
