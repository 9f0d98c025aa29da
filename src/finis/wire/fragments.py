"""IP fragments: the length of a segment that was sent in several packets.

The first fragment carries the TCP header, the last one says how long the whole is.  A segment is
held until the whole was seen; it goes out as a lower bound (`Quirk.FRAGMENT_MISSING`) as soon as
another segment of the same two hosts passes, since fragments follow one another closely, or when
it is too old, or when too many wait.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from finis.records import dataclass
from finis.terms import Quirk
from finis.wire import payload
from finis.wire.decode import Decoded, Row
from finis.wire.ip import Fragment

MAX_HELD = 32
MAX_AGE_NS = 30 * 10**9  # as hosts hold them (RFC 8200 §4.5 says 60 s, Linux 30)
MAX_AGE_FRAMES = 4096

Key = tuple[int, int, int, int, int]


@dataclass(slots=True, eq=False)
class Held:
    """A datagram of which some fragments were seen; lengths in bytes of the fragmentable part."""

    key: Key
    ts_ns: int
    frame: int
    row: Row | None = None
    start: bytes = b""
    first_len: int = 0
    total: int = 0  # 0: last fragment not seen
    received: int = 0

    def lower_bound(self) -> Row | None:
        """The segment as the first fragment shows it."""
        if self.row is not None:
            self.row["quirks"] |= Quirk.FRAGMENT_MISSING
            self._hash(self.row)
        return self.row

    def whole(self) -> Row | None:
        """The segment if everything was seen."""
        if self.row is None or not self.total or self.received < self.total:
            return None
        grown = self.total - self.first_len
        if grown < 0:
            return None
        self.row["payload_len"] += grown
        self.row["ip_len"] += grown
        self.row["quirks"] |= Quirk.REASSEMBLED
        self._hash(self.row)
        return self.row

    def _hash(self, row: Row) -> None:
        row["payload_hash"] = payload.fingerprint(self.start, row["payload_len"])


class Fragments:
    """Datagrams waiting for their fragments, in order of arrival.  Each method gives the rows
    that go out before the frame at hand."""

    def __init__(self) -> None:
        self.held: list[Held] = []

    def expire(self, ts_ns: int, frame: int) -> Iterator[Row]:
        """What has waited too long at frame `frame`."""
        yield from self._release(
            lambda held: abs(ts_ns - held.ts_ns) > MAX_AGE_NS or frame - held.frame > MAX_AGE_FRAMES
        )

    def overtaken(self, row: Row) -> Iterator[Row]:
        """What waits between the two hosts of `row`, a segment in one piece."""
        a = (row["src_hi"], row["src_lo"])
        b = (row["dst_hi"], row["dst_lo"])
        yield from self._release(
            lambda held: (
                held.row is not None and (held.key[:4] == (*a, *b) or held.key[:4] == (*b, *a))
            )
        )

    def flush(self) -> Iterator[Row]:
        """All that is left."""
        yield from self._release(lambda held: True)

    def add(self, decoded: Decoded, fragment: Fragment, ts_ns: int, frame: int) -> Iterator[Row]:
        """Take one fragment."""
        row = decoded.row
        key = (row["src_hi"], row["src_lo"], row["dst_hi"], row["dst_lo"], fragment.ident)
        if not fragment.at:
            yield from self._release(lambda held: held.key == key and held.row is not None)
        held = next((held for held in self.held if held.key == key), None)
        if held is None:
            if len(self.held) >= MAX_HELD:
                oldest = self.held[0]
                yield from self._release(lambda held: held is oldest)
            held = Held(key, ts_ns, frame)
            self.held.append(held)
        if not fragment.at:
            held.row, held.start = row, decoded.start
            held.first_len = fragment.length
        held.received += fragment.length
        if not fragment.more:
            held.total = fragment.at + fragment.length
        whole = held.whole()
        if whole is not None:
            self.held.remove(held)
            yield whole

    def _release(self, condition: Callable[[Held], bool]) -> Iterator[Row]:
        out = [held for held in self.held if condition(held)]
        if out:
            self.held = [held for held in self.held if held not in out]
        for held in out:
            row = held.lower_bound()
            if row is not None:
                yield row
