"""Working ahead: what makes batches runs in a second thread, so that steps which release the
interpreter (decompressing, decoding, tracking, most of judging) go on at the same time.  Order is
kept, so nothing depends on it."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable
from queue import Empty, SimpleQueue
from typing import TypeVar

from finis.wire.captures._api import AHEAD

T = TypeVar("T")

WAIT_S = 0.2  # how soon an abandoned thread notices


class _End:
    """The last thing in the queue: how the other thread came to its end."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def ahead(
    items: Iterable[T], alive: int = AHEAD, *, much: bool = False
) -> Generator[T, None, None]:
    """The items in their order.  An item has been used up when the next one is asked for; it must
    stay as it is until then, while the `alive` - 1 after it are made, and no more are.  A single
    item starts no thread, unless there is `much` to do before the first."""
    source = iter(items)
    ready: SimpleQueue[T | _End] = SimpleQueue()
    used_up: SimpleQueue[None] = SimpleQueue()
    for _ in range(alive if much else alive - 1):
        used_up.put(None)
    if not much:
        first = next(source, None)
        if first is None:
            return
        yield first  # used up before the source goes on
        del first
        second = next(source, None)
        if second is None:
            return
        ready.put(second)
        del second
    over = threading.Event()

    def room() -> bool:
        """Wait until one more may be made; False: it is not wanted any more."""
        while not over.is_set():
            try:
                used_up.get(timeout=WAIT_S)
            except Empty:
                continue
            return True
        return False

    def run() -> None:
        error: BaseException | None = None
        try:
            while room():
                item = next(source, None)
                if item is None:
                    break
                ready.put(item)
                del item  # not held while the next one is made
        except BaseException as failure:  # raised again where the items are used
            error = failure
        ready.put(_End(error))

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
            del item
            used_up.put(None)
    finally:
        over.set()
        thread.join()
