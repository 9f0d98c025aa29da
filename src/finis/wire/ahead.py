"""Reading ahead: what makes batches runs in a second thread, so that reading and tracking (or
decompressing and reading), which release the interpreter, go on at the same time.  Order is kept,
so nothing depends on it."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable
from queue import Empty, Full, Queue
from typing import TypeVar

from finis.wire.captures._api import LASTING

T = TypeVar("T")

DEPTH = LASTING - 2  # batches ready at most, besides the one in use and the one being made
WAIT_S = 0.2  # how soon an abandoned thread notices


class _End:
    """The last thing in the queue: how the other thread came to its end."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def ahead(items: Iterable[T]) -> Generator[T, None, None]:
    """The items in their order.  Each must stay as it is while the DEPTH + 1 after it are made; it
    has been used up when the next one is asked for.  A single item starts no thread."""
    source = iter(items)
    first = next(source, None)
    if first is None:
        return
    yield first  # used up before the source goes on
    second = next(source, None)
    if second is None:
        return
    ready: Queue[T | _End] = Queue(DEPTH)
    over = threading.Event()

    def put(item: T | _End) -> None:
        while not over.is_set():
            try:
                ready.put(item, timeout=WAIT_S)
            except Full:
                continue
            return

    def run() -> None:
        error: BaseException | None = None
        try:
            put(second)
            for item in source:
                put(item)
                if over.is_set():
                    break
        except BaseException as failure:  # raised again where the items are used
            error = failure
        put(_End(error))

    thread = threading.Thread(target=run, name="reading", daemon=True)
    thread.start()
    try:
        while True:
            try:  # with a timeout, so that Ctrl-C is heard
                item = ready.get(timeout=WAIT_S)
            except Empty:
                continue
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        over.set()
        thread.join()
