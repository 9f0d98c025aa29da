"""Memory for as long as something may still be referred to: dictionaries that forget by log time
and by number, a slice at a time, so that forgetting costs nothing per entry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

V = TypeVar("V")

WATCHED = 1000  # of one key


class Budget:
    """A ceiling shared by several `Recent`: whoever holds most gives up its oldest slice."""

    def __init__(self, entries: int) -> None:
        self.entries = entries
        self.members: list[Recent[int]] = []

    def check(self) -> None:
        """Give up slices until the members together are below the ceiling."""
        while sum(len(member) for member in self.members) > self.entries:
            largest = max(self.members, key=len)
            if not largest.drop_oldest():
                return


class Recent(Generic[V]):
    """A dictionary whose entries live at least `keep_ns` of log time and at most `slices + 1`
    times `keep_ns / slices`, unless there are more than `most` of them.

    `since_ns` is the log time from which every entry is still held: None while none was forgotten.
    """

    __slots__ = ("head", "head_ns", "most", "old", "since_ns", "slice_ns", "slices")

    def __init__(self, keep_ns: int, most: int, slices: int = 1) -> None:
        self.slice_ns = max(1, keep_ns // slices)
        self.slices = slices
        self.most = max(1, most // (slices + 1))  # per slice
        self.head: dict[int, V] = {}
        self.head_ns: int | None = None  # log time at which the newest slice began
        self.old: list[tuple[int, dict[int, V]]] = []  # oldest first
        self.since_ns: int | None = None

    def __len__(self) -> int:
        return len(self.head) + sum(len(entries) for _, entries in self.old)

    def __bool__(self) -> bool:
        return bool(self.head or self.old)

    def put(self, key: int, value: V, now_ns: int) -> None:
        """Remember; a full slice is closed before its time."""
        if len(self.head) >= self.most:
            self.turn(now_ns)
        self.head[key] = value

    def get(self, key: int) -> V | None:
        """The newest entry, or None."""
        found = self.head.get(key)
        if found is None and self.old:
            for _, entries in reversed(self.old):
                if key in entries:
                    return entries[key]
        return found

    def tick(self, now_ns: int) -> None:
        """Let log time pass."""
        if self.head_ns is None:
            self.head_ns = now_ns
        elif now_ns - self.head_ns >= self.slice_ns:
            self.turn(now_ns)
            while self.old and now_ns - self.old[0][0] >= (self.slices + 1) * self.slice_ns:
                self.drop_oldest()

    def turn(self, now_ns: int) -> None:
        """Begin a new slice; the oldest one beyond `slices` is forgotten."""
        if self.head:
            self.old.append((now_ns if self.head_ns is None else self.head_ns, self.head))
            self.head = {}
        self.head_ns = now_ns
        while len(self.old) > self.slices:
            self.drop_oldest()

    def drop_oldest(self) -> bool:
        """Forget the oldest slice; False if there was nothing to forget."""
        if self.old:
            self.old.pop(0)
            self.since_ns = self.old[0][0] if self.old else self.head_ns
            return True
        if not self.head:
            return False
        self.head = {}
        self.since_ns = self.head_ns
        return True

    def clear(self) -> None:
        self.head = {}
        self.old = []
        self.head_ns = None
        self.since_ns = None

    def values(self) -> Iterator[V]:
        for _, entries in self.old:
            yield from entries.values()
        yield from self.head.values()


class Watch(Recent[list[tuple[int, int]]]):
    """What waits for something to come: lists of (log time, number)."""

    __slots__ = ()

    def wait(self, key: int, at: int, number: int, now: int) -> None:
        """Let one more wait; at most WATCHED wait for one key."""
        waiting = self.head.get(key)
        if waiting is None:
            older = self.get(key) or []
            waiting = [pair for pair in older if now - pair[0] <= self.slice_ns]
            self.put(key, waiting, now)
        if len(waiting) < WATCHED:
            waiting.append((at, number))
