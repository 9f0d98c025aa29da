"""Several log files as one stream in order of time.

Within a file and device the order of the lines is kept.  Between files the stamps decide, never
the names: rotated files follow each other, overlapping ones are interleaved.  Only what cannot be
placed yet is held: a few batches per file, packed where many files wait for their turn.
"""

from __future__ import annotations

import marshal
import zlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from finis.tracking.clock import SECOND, LogClock

if TYPE_CHECKING:
    from finis.wire.dialects._api import Events

_SLACK_NS = 5 * SECOND  # lines of a file are at most this much out of order
_HELD = 131_072  # rows a file may hold back before order gives way
_PACK_FROM = 16  # files
_FAR = 2**62


def merge(sources: Iterable[Iterator[Events]]) -> Iterator[Events]:
    """Batches of all `sources`, merged by time.  A source yields batches of one file in file
    order.  Rows of equal time come in the order of the files' first stamps; the order in which
    the sources are given matters only for files that begin at the same instant under one name."""
    streams = [stream for source in sources if (stream := _Stream(source)).fill()]
    if len(streams) == 1:
        yield from streams[0].rest()
        return
    streams.sort(key=lambda stream: (stream.first_ns, stream.path))
    if len(streams) >= _PACK_FROM:
        for stream in streams:
            stream.pack()
    while streams:
        bound = min(stream.bound() for stream in streams)
        ready = [stream for stream in streams if stream.first_key < bound]
        if parts := [part for stream in ready if (part := stream.take(bound)) is not None]:
            yield parts[0][1] if len(parts) == 1 else _woven(parts)
        for stream in streams:
            if stream.bound() <= bound:
                stream.fill()
        streams = [stream for stream in streams if stream.alive()]


def _woven(parts: list[tuple[np.ndarray, Events]]) -> Events:
    """Rows of several streams in order of key; equal keys in order of the streams."""
    order = np.argsort(np.concatenate([keys for keys, _ in parts]), kind="stable").tolist()
    names = dict.fromkeys(name for _, events in parts for name in events)
    out: Events = {}
    for name in names:
        column: list[Any] = []
        for keys, events in parts:
            column += events.get(name) or [None] * len(keys)
        out[name] = [column[i] for i in order]
    return out


class _Stream:
    """One file: the rows read but not yet passed on, in order of key."""

    def __init__(self, source: Iterator[Events]) -> None:
        self.source = source
        self.done = False
        self.clocks: dict[Any, LogClock] = {}
        self.top = -_FAR  # the latest key read
        self.events: Events = {}
        self.keys = np.empty(0, np.int64)
        self.packed: bytes | None = None
        self.first_ns = _FAR
        self.first_key = _FAR
        self.path = ""

    def alive(self) -> bool:
        return not self.done or len(self.keys) > 0

    def bound(self) -> int:
        """No row still to be read has a key below this (as far as lines are in order)."""
        if self.done:
            return _FAR
        held = len(self.keys)
        # One stamp on every line must not make a file be held as a whole.
        return self.top + (1 if held >= 2 * _HELD else 0 if held >= _HELD else -_SLACK_NS)

    def fill(self) -> bool:
        """Read one more batch that has rows; False at the end."""
        self._unpack()
        for events in self.source:
            if not events["ts"]:
                continue
            keys = self._keys(events)
            if self.first_ns == _FAR:
                self.first_ns = int(keys[0])
                self.path = str(events["file"][0])
            if len(self.keys):
                keys = np.concatenate([self.keys, keys])
                events = {
                    name: [*(self.events.get(name) or [None] * len(self.keys)), *column]
                    for name, column in events.items()
                }
            self.keys, self.events = keys, events
            self.first_key = int(keys.min())
            return True
        self.done = True
        return False

    def _keys(self, events: Events) -> np.ndarray:
        """Log time per row: of its device, never going back.  A row without a stamp keeps its
        place after the row before it."""
        out = []
        clocks = self.clocks
        last = max(self.top, -_FAR + 1)
        for stamp, device in zip(events["ts"], events["device"], strict=True):
            if stamp is not None:
                clock = clocks.get(device)
                if clock is None:
                    # Thousands of names in one file are damage, not devices: they share a clock.
                    clock = clocks.setdefault(device if len(clocks) < 1000 else None, LogClock())
                clock.move(min(max(stamp, -_FAR), _FAR))
                last = min(clock.now or 0, _FAR - 1)
            out.append(last)
        keys = np.array(out, np.int64)
        if (
            events["ts"][0] is None and self.first_ns == _FAR
        ):  # a file that begins without a stamp: take the first there is
            known = next((i for i, s in enumerate(events["ts"]) if s is not None), len(keys) - 1)
            keys[:known] = keys[known]
        self.top = max(self.top, int(keys.max()))
        return keys

    def _sort(self) -> None:
        """Rows in order of key (a lone file is passed on as it is, unsorted)."""
        if np.any(self.keys[1:] < self.keys[:-1]):
            order = np.argsort(self.keys, kind="stable")
            self.keys = self.keys[order]
            at = order.tolist()
            self.events = {name: [column[i] for i in at] for name, column in self.events.items()}

    def take(self, bound: int) -> tuple[np.ndarray, Events] | None:
        """Rows with a key below `bound`, removed from here."""
        self._unpack()
        self._sort()
        count = int(np.searchsorted(self.keys, bound))
        if count == 0:
            return None
        if count == len(self.keys):
            part = (self.keys, self.events)
            self.keys, self.events, self.first_key = np.empty(0, np.int64), {}, _FAR
            return part
        part = (self.keys[:count], {name: col[:count] for name, col in self.events.items()})
        self.keys = self.keys[count:]
        self.events = {name: column[count:] for name, column in self.events.items()}
        self.first_key = int(self.keys[0])
        return part

    def rest(self) -> Iterator[Events]:
        """All that is left, as it comes."""
        yield self.events
        for events in self.source:
            if events["ts"]:
                yield events

    def pack(self) -> None:
        """Hold the rows compressed until they are needed."""
        if self.packed is None and len(self.keys):
            try:
                self.packed = zlib.compress(marshal.dumps(self.events), 1)
            except ValueError:  # a dialect with values of its own types: held as they are
                return
            self.events = {}

    def _unpack(self) -> None:
        if self.packed is not None:
            self.events = marshal.loads(zlib.decompress(self.packed))
            self.packed = None
