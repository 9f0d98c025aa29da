"""A moving window over a stream: what walkers look at, and the loop that drives them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from finis.wire.walk import Stop

if TYPE_CHECKING:
    import numpy as np

    from finis.wire.captures._api import Readable
    from finis.wire.source import Source
    from finis.wire.walk import Bytes, FrameDecoder

WINDOW_BYTES = 1 << 20
END = -1  # what a handler gives to stop reading

Handler = Callable[[Stop, int], int]


class Window:
    """`data` are the bytes at hand, `offset` is where they stand in the stream.  They lie in memory
    that is used again and again: what is to outlast the next `advance` or `skip` is copied."""

    def __init__(self, stream: Readable) -> None:
        self.stream = stream
        self.data = memoryview(b"")
        self.offset = 0
        self._memory = memoryview(bytearray(0))

    def advance(self, at: int) -> bool:
        """Drop `data[:at]` and read on; False: nothing more came."""
        rest = self.data[at:]
        end = len(rest) + WINDOW_BYTES
        memory = self._memory
        if len(memory) < end:
            memory = self._memory = memoryview(bytearray(end + WINDOW_BYTES // 4))
        have = len(rest)
        memory[:have] = rest
        self.offset += at
        while have < end:
            count = self._read(memory[have:end])
            if not count:
                break
            have += count
        self.data = memory[:have]
        return have > len(rest)

    def _read(self, room: memoryview) -> int:
        """Fill `room` or a part of it; how much of it."""
        into = getattr(self.stream, "readinto", None)
        if into is not None:
            return int(into(room))
        piece = self.stream.read(len(room))
        room[: len(piece)] = piece
        return len(piece)

    def skip(self, size: int) -> bool:
        """Go `size` bytes forward from `data[0]`; False: the stream ends before."""
        while size > len(self.data):
            size -= len(self.data)
            if not self.advance(len(self.data)):
                return False
        self.data = self.data[size:]
        self.offset += size
        return True


def batches(
    window: Window,
    decoder: FrameDecoder,
    walk: Callable[[Bytes, int], tuple[int, int]],
    handle: Handler,
    source: Source,
) -> Iterator[np.ndarray]:
    """Walk to the end of the stream.  `handle` is told of every stop but DATA and FULL with the
    offset in `window.data`, and gives where to go on there, or `END`."""
    at = 0
    while True:
        why, at = walk(window.data, at)
        if why == Stop.FULL:
            decoder.settle(source)
            yield decoder.take()
        elif why == Stop.DATA:
            if window.advance(at):
                at = 0
                continue
            if len(window.data) > 0:
                source.truncated = True
                source.problems.add("the file is cut off inside a record", f"byte {window.offset}")
            break
        else:
            at = handle(Stop(why), at)
            if at == END:
                break
    decoder.flush()
    decoder.settle(source)
    rows = decoder.take()
    if len(rows):
        yield rows
    settle = getattr(window.stream, "settle", None)
    if settle is not None:
        settle(source)
