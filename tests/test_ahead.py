"""finis.ahead: order, errors, and buffers that are used again."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from finis.ahead import DEPTH, ahead


def reused(count: int) -> Iterator[np.ndarray]:
    """A reader that hands out the same buffer every time."""
    buffer = np.zeros(3, np.int64)
    for n in range(count):
        buffer[:] = n
        yield buffer


def keeper() -> list[np.ndarray]:
    return [np.zeros(3, np.int64) for _ in range(DEPTH + 2)]


@pytest.mark.parametrize("count", [0, 1, 2, 3, DEPTH + 2, 200])
def test_every_item_arrives_once_in_order_and_unchanged(count: int) -> None:
    places = keeper()

    def keep(item: np.ndarray, place: int) -> np.ndarray:
        places[place][:] = item
        return places[place]

    assert [item.tolist() for item in ahead(reused(count), keep)] == [[n] * 3 for n in range(count)]


def test_an_error_comes_after_the_items_before_it() -> None:
    def failing() -> Iterator[int]:
        yield from range(10)
        raise ValueError("cut off")

    got: list[int] = []
    with pytest.raises(ValueError, match="cut off"):
        got.extend(ahead(failing(), lambda item, _: item))
    assert got == list(range(10))


def test_leaving_early_ends_the_thread() -> None:
    before = threading.active_count()
    items = ahead(iter(range(10**9)), lambda item, _: item)
    assert [next(items) for _ in range(5)] == list(range(5))
    items.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_a_single_item_starts_no_thread() -> None:
    before = threading.active_count()
    for _ in ahead(iter([1]), lambda item, _: item):
        assert threading.active_count() == before
