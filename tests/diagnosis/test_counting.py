"""Counters in bounded memory: kernel ≡ reference, and what forgetting may cost."""

from __future__ import annotations

from collections import Counter as Exact

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
