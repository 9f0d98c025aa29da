"""Several log files as one stream in order of time.

Within a file and device the order of the lines is kept.  Between files the stamps decide, never
the names: rotated files follow each other, overlapping ones are interleaved.  Only what cannot be
placed yet is held: a few batches per file.  A file whose first stamp is known beforehand (`Later`)
is opened when its time has come.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from finis.records import dataclass
from finis.tracking.clock import GAP_NS, SECOND, STEP_NS, LogClock
from finis.wire.dialects._api import Events
from finis.wire.dialects._packed import BIT, EVENT, Book, Packed, Recoder

_SLACK_NS = 5 * SECOND  # lines of a file are at most this much out of order
_HELD = 131_072  # rows a file may hold back before order gives way
_FAR = 2**62
_NOTHING = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Later:
    """A file that need not be open yet: its events, the earliest log time among the first of them
    (None: unknown), the log time of the first, and its path."""

    events: Iterator[Events]
    earliest_ns: int | None = None
    first_ns: int = 0
    path: str = ""

    @classmethod
    def probed(cls, events: Iterator[Events], probe: Iterator[Events]) -> Later:
        """`probe`: the same events, to be looked into and closed."""
        stream = _Stream(probe, None)
        stream.fill()
        if stream.done:
            return cls(events)
        return cls(events, stream.first_key, stream.first_ns, stream.path)


def merge(sources: Iterable[Iterator[Events] | Later]) -> Iterator[Events]:
    """Batches of all `sources`, merged by time.  A source yields batches of one file in file
    order.  Rows of equal time come in the order of the files' first stamps; the order in which
    the sources are given matters only for files that begin at the same instant under one name."""
    first: Events | None = None
    streams: list[_Stream] = []
    for source in sources:
        if isinstance(source, Later) and source.earliest_ns is not None:
            streams.append(_Stream(source.events, source))
            continue
        events = source.events if isinstance(source, Later) else source
        head = next((batch for batch in events if _count(batch)), None)
        if head is not None:
            first = head if first is None else first
            streams.append(_Stream(events, None, head))
    if len(streams) == 1 and first is not None:
        yield first
        yield from (batch for batch in streams[0].source if _count(batch))
        return
    weaver = _Weaver()
    for stream in streams:
        stream.weaver = weaver
        if stream.later is None:
            stream.fill()
    streams.sort(key=lambda stream: (stream.first_ns, stream.path))
    while streams:
        bound = min(stream.bound() for stream in streams)
        ready = [stream for stream in streams if stream.first_key < bound]
        if parts := [part for stream in ready if (part := stream.take(bound)) is not None]:
            yield weaver.woven(parts)
        for stream in streams:
            if stream.bound() <= bound:
                stream.fill()
        streams = [stream for stream in streams if stream.alive()]


def _count(events: Events) -> int:
    """Rows of a batch; of packed ones no list is made for it."""
    return len(events) if isinstance(events, Packed) else len(events["ts"])


_Part = tuple[np.ndarray, np.ndarray, Book]  # keys, rows, the book of their codes


class _Weaver:
    """Rows of several files, in the codes of one book."""

    def __init__(self) -> None:
        self.book = Book()
        self.recoders: dict[int, Recoder] = {}  # by id of the book, which the recoder keeps

    def woven(self, parts: list[_Part]) -> Packed:
        """Rows of several streams in order of key; equal keys in order of the streams."""
        if len(parts) == 1:
            return Packed(np.ascontiguousarray(parts[0][1]), parts[0][2])
        order = np.argsort(np.concatenate([keys for keys, _, _ in parts]), kind="stable")
        return Packed(self.joined([(rows, book) for _, rows, book in parts])[order], self.book)

    def joined(self, parts: list[tuple[np.ndarray, Book]]) -> np.ndarray:
        """All rows, recoded where they are not yet in the common book."""
        if self.book.full:
            self.book, self.recoders = Book(), {}
        out = np.empty(sum(len(rows) for rows, _ in parts), EVENT)
        at = 0
        for rows, book in parts:
            place = out[at : at + len(rows)]
            place[:] = rows
            at += len(rows)
            if book is not self.book:
                if len(self.recoders) > 256:
                    self.recoders.clear()
                recoder = self.recoders.get(id(book))
                if recoder is None:
                    recoder = self.recoders[id(book)] = Recoder(book, self.book)
                recoder.recode(place)
        return out


class _Stream:
    """One file: the rows read but not yet passed on, in order of key."""

    def __init__(
        self, source: Iterator[Events], later: Later | None, head: Events | None = None
    ) -> None:
        self.source = source
        self.later = later
        self.head = head
        self.weaver = _Weaver()
        self.done = False
        self.clocks: dict[str | None, LogClock] = {}
        self.top = -_FAR  # the latest key read
        self.keys, self.rows, self.book = _NOTHING, np.empty(0, EVENT), Book()
        self.first_ns = _FAR if later is None else later.first_ns
        self.first_key = _FAR
        self.path = "" if later is None else later.path

    def alive(self) -> bool:
        return not self.done or len(self.keys) > 0

    def bound(self) -> int:
        """No row still to be read has a key below this (as far as lines are in order)."""
        if self.done:
            return _FAR
        if self.later is not None:
            return self.later.earliest_ns or 0
        held = len(self.keys)
        # One stamp on every line must not make a file be held as a whole.
        return self.top + (1 if held >= 2 * _HELD else 0 if held >= _HELD else -_SLACK_NS)

    def fill(self) -> None:
        """Read one more batch that has rows."""
        self.later = None
        events, self.head = self.head, None
        if events is None:
            events = next((batch for batch in self.source if len(batch["ts"])), None)
        if events is None:
            self.done = True
            return
        packed = events if isinstance(events, Packed) else Packed.of(events)
        keys = self._keys(packed)
        if self.first_ns == _FAR:
            self.first_ns = int(keys[0])
            self.path = str(packed.book.origins[int(packed.rows["origin"][0])][1])
        if len(self.keys):
            self.rows = self.weaver.joined([(self.rows, self.book), (packed.rows, packed.book)])
            self.keys, self.book = np.concatenate([self.keys, keys]), self.weaver.book
        else:
            self.keys, self.rows, self.book = keys, packed.rows, packed.book
        self.first_key = int(self.keys.min())

    def _keys(self, packed: Packed) -> np.ndarray:
        """Log time per row: of its device, never going back.  A row without a stamp keeps its
        place after the row before it."""
        rows = packed.rows
        keys = np.full(len(rows), -_FAR, np.int64)
        stamped = (rows["has"] & BIT["ts"]) != 0
        names = [device for device, _ in packed.book.origins]
        origins = rows["origin"]
        for origin in np.unique(origins[stamped]).tolist():
            mine = stamped & (origins == origin)
            keys[mine] = _times(self._clock(names[origin]), rows["ts"][mine])
        if not stamped.all():
            start = max(self.top, -_FAR + 1)
            if not stamped[0] and self.top == -_FAR and stamped.any():
                # A file that begins without a stamp: take the first there is.
                start = int(keys[np.argmax(stamped)])
            before = np.maximum.accumulate(np.where(stamped, np.arange(len(rows)), -1))
            keys = np.where(before < 0, start, keys[before])
        self.top = max(self.top, int(keys.max()))
        return keys

    def _clock(self, device: str | None) -> LogClock:
        clock = self.clocks.get(device)
        if clock is None:
            # Thousands of names in one file are damage, not devices: they share a clock.
            shared = None if len(self.clocks) >= 1000 else device
            clock = self.clocks.setdefault(shared, LogClock())
        return clock

    def _sort(self) -> None:
        """Rows in order of key (a lone file is passed on as it is, unsorted)."""
        if np.any(self.keys[1:] < self.keys[:-1]):
            order = np.argsort(self.keys, kind="stable")
            self.keys, self.rows = self.keys[order], self.rows[order]

    def take(self, bound: int) -> _Part | None:
        """Rows with a key below `bound`, removed from here."""
        self._sort()
        count = int(np.searchsorted(self.keys, bound))
        if count == 0:
            return None
        part = (self.keys[:count], self.rows[:count], self.book)
        self.keys, self.rows = self.keys[count:], self.rows[count:]
        self.first_key = int(self.keys[0]) if len(self.keys) else _FAR
        return part


def _times(clock: LogClock, stamps: np.ndarray) -> np.ndarray:
    """Log time after each of these stamps of one device."""
    stamps = np.clip(stamps, -_FAR, _FAR - 1)
    if clock.suspect is None and abs(clock.shift) < _FAR:
        begin = int(stamps[0]) + clock.shift if clock.now is None else clock.now
        steps = np.concatenate([[begin], stamps + clock.shift])
        times = np.maximum.accumulate(steps)
        ahead = steps[1:] - times[:-1]
        if ahead.min() >= -STEP_NS and ahead.max() <= GAP_NS and times.max() < _FAR:
            clock.now = int(times[-1])
            out: np.ndarray = times[1:]
            return out
    moved = []
    for stamp in stamps.tolist():
        clock.move(stamp)
        moved.append(min(clock.now or 0, _FAR - 1))
    return np.array(moved, np.int64)
