"""Counters in bounded memory: kernel ≡ reference, and what forgetting may cost."""

from __future__ import annotations

from collections import Counter as Exact
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finis.diagnosis import counting

_counting = pytest.importorskip("finis.diagnosis._counting")

KEYS = st.lists(st.integers(0, 40) | st.integers(0, 2**64 - 1), max_size=300)


@given(batches=st.lists(KEYS, max_size=4), most=st.integers(1, 12), forget=st.booleans())
def test_kernel_is_the_reference(batches: list[list[int]], most: int, forget: bool) -> None:
    kernel = _counting.Counter(most, forget)
    reference = counting.Counter(most, forget=forget)
    for batch in batches:
        keys = np.array(batch, np.uint64)
        marked = keys % np.uint64(3) == 0
        kernel.add(keys, marked)
        reference.add(keys, marked)
    for one, other in zip(kernel.items(), reference.items(), strict=True):
        assert np.array_equal(one, other)
    assert kernel.full == reference.full
    asked = np.array([key for batch in batches for key in batch] + [7], np.uint64)
    for one, other in zip(kernel.get(asked), reference.get(asked), strict=True):
        assert np.array_equal(one, other)


@given(keys=KEYS)
def test_exact_while_there_is_room(keys: list[int]) -> None:
    counter = counting.counter(1000)
    counter.add(np.array(keys, np.uint64))
    found, counts, _ = counter.items()
    exact = Exact(key for key in keys if key)
    assert dict(zip(found.tolist(), counts.tolist(), strict=True)) == exact
    assert not counter.full


def test_the_frequent_survive_a_flood_of_the_rare() -> None:
    counter = counting.counter(100)
    flood = np.arange(1, 100_001, dtype=np.uint64) << np.uint64(8)
    often = np.full(2000, 7, np.uint64)
    counter.add(np.insert(flood, np.arange(0, 100_000, 50), often))
    assert counter.full
    assert counter.get(np.array([7], np.uint64))[0][0] >= 2000 - 2


def test_a_closed_counter_goes_on_counting_what_it_knows() -> None:
    counter = counting.counter(1, forget=False)
    counter.add(np.array([1, 2, 3, 1, 2, 3], np.uint64))
    keys, counts, _ = counter.items()
    assert keys.tolist() == [1, 2]
    assert counts.tolist() == [2, 2]
    assert counter.full


@given(batches=st.lists(KEYS, max_size=4))
def test_codes_are_those_of_the_reference(batches: list[list[int]]) -> None:
    kernel, reference = _counting.Codes(), counting.Codes()
    for batch in batches:
        keys = np.array(batch, np.uint64)
        (codes, fresh), (want, want_fresh) = kernel.find(keys), reference.find(keys)
        assert np.array_equal(codes, want) and np.array_equal(fresh, want_fresh)
        for key in keys[fresh[::2]].tolist():
            kernel.put(key, len(reference))
            reference.put(key, len(reference))
        assert len(kernel) == len(reference)


@given(
    batches=st.lists(
        st.lists(
            st.tuples(
                st.integers(0, 9) | st.integers(0, 2**64 - 1),
                st.integers(-5, 5),
                st.integers(-2, 2),
            )
        ),
        max_size=4,
    )
)
def test_the_earliest_are_those_of_the_reference(
    batches: list[list[tuple[int, int, int]]],
) -> None:
    kernel, reference = _counting.Firsts(), counting.Firsts()
    for batch in batches:
        keys = np.array([key for key, _, _ in batch], np.uint64)
        places = [np.array([row[n] for row in batch], np.int64) for n in (1, 2)]
        assert np.array_equal(kernel.add(keys, *places), reference.add(keys, *places))
        for one, other in zip(kernel.items(), reference.items(), strict=True):
            assert np.array_equal(one, other)
        kept = reference.items()[0][::2].copy()
        kernel.keep(kept)
        reference.keep(kept)
        assert len(kernel) == len(reference) == len(kept)


@given(batches=st.lists(KEYS, max_size=4), bits=st.integers(0, 6))
def test_slots_are_those_of_the_reference(batches: list[list[int]], bits: int) -> None:
    kernel, reference = _counting.Slots(bits), counting.Slots(bits)
    for batch in batches:
        keys = np.array(batch * 9, np.uint64)
        kernel.add(keys)
        reference.add(keys)
        assert np.array_equal(kernel.get(keys), reference.get(keys))
        assert kernel.most == reference.most


@given(keys=st.lists(st.integers(0, 40), min_size=1, max_size=80), data=st.data())
def test_some_are_counted_as_if_they_came_alone(keys: list[int], data: st.DataObject) -> None:
    some = np.array(data.draw(st.lists(st.integers(0, len(keys) - 1))), np.int64)
    every = np.array(keys, np.uint64)
    one, other = _counting.Counter(3, True), counting.Counter(3, forget=True)
    for counter in (one, other):
        counter.add_some(every, some)
    for found, wanted in zip(one.items(), other.items(), strict=True):
        assert np.array_equal(found, wanted)
    with pytest.raises(IndexError):
        one.add_some(every, np.array([len(keys)]))
    with pytest.raises(IndexError):
        one.add_some(every, np.array([-1]))


STAMPS = st.just(counting.NEVER) | st.integers(0, 3) | st.integers(-(2**62), 2**62)
ROWS = st.lists(
    st.tuples(STAMPS, STAMPS, st.integers(0, 2), st.integers(0, 2), st.integers(0, 3)), min_size=1
)


@given(rows=ROWS, counted=st.booleans(), data=st.data())
def test_sums_of_some_rows(
    rows: list[tuple[int, int, int, int, int]], counted: bool, data: st.DataObject
) -> None:
    first, last, host, port, product = (np.array(column) for column in zip(*rows, strict=True))
    members = SimpleNamespace(
        ends=(host.astype("u8"), port.astype("u4"), host.astype("u8"), port.astype("u4")),
        product=product.astype("u4"), first_ns=first, last_ns=last,
        packets=last // 8 if counted else None,
    )  # fmt: skip
    indices = st.integers(0, len(rows) - 1)
    some = np.array(data.draw(st.lists(indices, min_size=1, max_size=9)), np.int64)
    one, other = np.zeros(4, np.uint8), np.zeros(4, np.uint8)
    assert _counting.summed(members, some, one) == counting.summed(members, some, other)
    assert np.array_equal(one, other)
    least, latest = data.draw(st.integers(0, 2)), data.draw(STAMPS)
    asked = (some, host.astype("i8"), first, least, latest)
    assert np.array_equal(_counting.rivals(*asked), counting.rivals(*asked))
    with pytest.raises(IndexError):
        _counting.summed(members, np.array([len(rows)]), one)
