"""What is known of one firewall while its log is read: open connections by number, ended ones by
tuple, and how far its log can be trusted to have shown a connection.

Times are log time in nanoseconds (`finis.tracking.clock`).  A connection is held as one small
tuple or integer; everything else about it already stands in the output columns, by row number.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NamedTuple

from finis.records import dataclass, field
from finis.terms import Firewall, Teardown, word
from finis.tracking.clock import GAP_NS, SECOND, LogClock, Move
from finis.tracking.recent import Budget, Recent, Watch

MINUTE = 60 * SECOND
UNKNOWN_MAKE = Firewall()
_TICK = 15 * SECOND
_ROW_BITS = 40
_ROW_MASK = (1 << _ROW_BITS) - 1

# After these both ends know that the connection is over (or never was): only stray segments
# follow.  After all others an end may still believe in it.
SHORT = frozenset(
    word(kind)
    for kind in (
        Teardown.FINS,
        Teardown.RESET_ORIG,
        Teardown.RESET_RESP,
        Teardown.RESET_DEVICE,
        Teardown.RESET_SIDE_UNKNOWN,
        Teardown.REFUSED,
        Teardown.SYN_TIMEOUT,
        Teardown.SYN_ACK_TIMEOUT,
        Teardown.HANDSHAKE_RESET,
        Teardown.INVALID_SYN,
        Teardown.SYN_CONTROL,
        Teardown.TCP_INTERCEPT,
        Teardown.PROBE,
        Teardown.LOOPBACK,
        Teardown.INJECTED,
    )
)


@dataclass(frozen=True, slots=True)
class LogOptions:
    """How long and how much is remembered.  Seconds of log time; entries.

    An ended connection costs some 150 bytes for each of its tuples (one, or up to four with
    translation); `ended_most` bounds them all together, the other ceilings hold per device.
    """

    wait_s: float = 5.0  # lines stand out of order by this at most
    ahead_s: float = 60.0  # and this long for the next Built of its tuple
    idle_s: float | None = None  # the firewall's idle timer; None: that of its make
    ended_s: float = 3600.0  # kept after FINs or a reset
    expired_s: float = 86_400.0  # kept after a timeout, clearing or failover
    ended_most: int = 1_000_000
    open_most: int = 2_000_000
    lines_most: int = 200_000  # fingerprints of recent lines, to tell copies
    # Denials that may still change, and others that wait for their connection to be complete; those
    # that would be too many wait no longer.
    denials_most: int = 1 << 20
    devices_most: int = 1000  # further names share one state, which claims nothing
    # Nobody asks for connections and denials: the kernel follows what tells copies, no more, and
    # what rows there are is not to be used.
    only_copies: bool = False


class Open(NamedTuple):
    """A connection that was built and not torn down (built as a plain tuple in the hot path)."""

    row: int
    tuples: tuple[int, ...]  # hashes of its tuples as a → b: real first, then mapped
    at: int  # log time of the Built
    orig: int  # 0: a is orig, 1: b is
    direction: str | None  # inbound, outbound
    event: int  # number of the line among all events


def pack(at: int, row: int, orig: int) -> int:
    """Log time, row and which endpoint is orig as one integer."""
    return ((at << _ROW_BITS) | row) << 1 | orig


def unpack(value: int) -> tuple[int, int, int]:
    return value >> (_ROW_BITS + 1), value >> 1 & _ROW_MASK, value & 1


class Logs(NamedTuple):
    """What a firewall's log tells of connections."""

    connections: bool  # Built and Teardown: it shows who opened connections, and how many
    ends: bool  # Teardown: what has none was open to the end of the log


NOT_LOGGED = Logs(connections=False, ends=True)  # of what no log tells


@dataclass(slots=True)
class Counts:
    """What one device logged, copies left out unless they are what is counted."""

    events: int = 0
    built: int = 0  # TCP
    teardowns: int = 0  # TCP
    denials: int = 0
    copies: int = 0
    late: int = 0  # Teardowns without Built
    lost: int = 0  # of these, Built within the log's time; and Builts whose number came again
    epochs: int = 0  # steps back of the clock
    gaps: int = 0  # silences of more than clock.GAP_NS
    longest_gap: tuple[int, int] = (0, 0)  # log time it began and ended
    unreadable: int = 0  # Built, Teardown or denial without readable addresses


class Tracked:
    """How one firewall's log is followed; the state is `Device`'s, or that of the kernel."""

    name: str
    options: LogOptions
    budget: Budget
    shared: bool
    firewall: Firewall
    clocks: dict[str | None, LogClock]
    held: dict[str | None, Any]
    now: int | None
    next_tick: int
    first_ns: int | None
    last_ns: int | None
    counts: Counts
    open: dict[Any, Any]
    open_tuples: dict[int, Any]
    ended: Recent[int]
    expired: Recent[int]
    torn: Recent[tuple[Any, ...]]
    lingering: dict[Any, tuple[int, tuple[int, ...]]]
    states: dict[Any, tuple[Any, ...]]
    orphans: OrderedDict[Any, Any]
    lines: Recent[Any]
    watch: Watch
    permits: Recent[tuple[int, str | None, str | None, int | None]]
    xlates: Recent[tuple[Any, Any]]
    failover: int | None
    since: int
    since_why: str
    built_since: int | None
    torn_since: int | None
    id_top: int | None
    ids: int
    ids_missing: int
    other_ids: bool

    # --- identity --------------------------------------------------------------------------

    def key(self, *ends: Any) -> int:
        """A number for a tuple of hosts and ports, or for one host and port."""
        return hash(ends)

    def mark(self, ts: int, key: int, hits: int | None, *words: Any) -> int:
        """A number for a line without a number of its own."""
        return hash((ts, key, hits, words))

    @property
    def idle_ns(self) -> int:
        """The firewall's idle timer."""
        idle_s = self.options.idle_s
        return int((self.firewall.idle_s if idle_s is None else idle_s) * SECOND)

    def new_clock(self) -> LogClock:
        return LogClock()

    # --- time ------------------------------------------------------------------------------

    def clock(self, raw: str | None) -> LogClock:
        """The clock behind a name as logged: the units of a pair have one each."""
        clock = self.clocks.get(raw)
        if clock is None:
            where = raw if len(self.clocks) < 16 else None
            clock = self.clocks.setdefault(where, self.new_clock())
        return clock

    def time(self, stamp_ns: int, clock: LogClock) -> tuple[int, Move]:
        """Log time of a line, and what its stamp did to the device's clock."""
        move = clock.move(stamp_ns)
        now = clock.now or 0
        if self.now is None:
            self.now = self.since = now
        if move is Move.EPOCH:
            self._new_epoch(now)
        elif move is Move.GAP and now - self.now > 0:
            self._gap(self.now, now)
        if now > self.now:
            self.now = now
        if self.now >= self.next_tick:
            self._tick(self.now)
        if move is not Move.ASTRAY:
            if self.first_ns is None or stamp_ns < self.first_ns:
                self.first_ns = stamp_ns
            if self.last_ns is None or stamp_ns > self.last_ns:
                self.last_ns = stamp_ns
        return stamp_ns + clock.shift, move

    def _remembered(self) -> tuple[Recent[Any], ...]:
        return (
            self.ended, self.expired, self.torn, self.lines, self.watch, self.permits, self.xlates,
        )  # fmt: skip

    def forget(self) -> None:
        """Give all memory back: the log is over."""
        for recent in self._remembered():
            recent.clear()
        self.open.clear()
        self.open_tuples.clear()
        self.orphans.clear()
        self.lingering.clear()
        self.states.clear()

    def _tick(self, now: int) -> None:
        for recent in self._remembered():
            recent.tick(now)
        self.budget.check()
        self.next_tick = now + _TICK

    def _new_epoch(self, now: int) -> None:
        """The clock was set back or the firewall restarted: what had ended before can no longer
        be dated against what follows.  Open connections stay; a number used again is a new one."""
        self.counts.epochs += 1
        for recent in self._remembered():
            if recent is not self.lines:  # copies of lines before the step may still come
                recent.clear()
        self.failover = None
        self._restart(now, "the device's clock steps back")

    def _gap(self, begin: int, end: int) -> None:
        """Silence: lines may be missing.  Rotated files with one lost look like this."""
        self.counts.gaps += 1
        longest = self.counts.longest_gap
        if end - begin > longest[1] - longest[0]:
            self.counts.longest_gap = begin, end
        self._restart(end, f"the log is silent for {_span(end - begin)}, ending")

    def _restart(self, at: int, why: str) -> None:
        self.since, self.since_why = at, why
        self.built_since = self.torn_since = None

    # --- what the log could have shown -----------------------------------------------------

    def note_id(self, number: int | None) -> None:
        """Follow the firewall's connection numbers; skipped ones tell of missing lines."""
        if number is None or not self.firewall.numbered:
            return
        self.ids += 1
        top = self.id_top
        if top is None:
            self.id_top = number
        elif number > top:
            self.ids_missing += min(number - top - 1, 10_000)
            self.id_top = number
        elif top - number > 1_000_000:  # wrapped or restarted
            self.id_top = number
        elif self.ids_missing:
            self.ids_missing -= 1  # late, not missing

    def why_unknown(self, at: int) -> str | None:
        """Why "never seen" cannot be claimed of a denial at this log time; None if it can."""
        if self.shared:
            return "the log names too many devices to follow each"
        if self.built_since is None or self.torn_since is None:
            lacking = " or ".join(self._lacking())
            if self.since_why == "the log starts":
                return (
                    f"no {lacking} of a TCP connection is logged before it by this device "
                    f"({self.firewall.logs})"
                )
            return (
                f"{self.since_why} before it, and no {lacking} of a TCP connection is logged since"
            )
        if (silence := self._silence(at)) > GAP_NS:
            return f"the log is silent for {_span(silence)} just before it: lines may be missing"
        idle = self.idle_ns
        age = max(0, at - max(self.since, self.built_since))
        if age < idle:
            return f"{self.since_why} {_span(age)} before: the connection may be older"
        if self.counts.lost > 5 and self.counts.lost * 50 > self.counts.teardowns:
            return (
                f"lines are missing: {self.counts.lost} of {self.counts.teardowns} Teardowns have "
                "no Built in the log (rate limit, loss)"
            )
        allowed = 0.1 if self.other_ids else 0.9  # numbers of UDP and ICMP are skipped lawfully
        if self.ids_missing > allowed * (self.ids + self.ids_missing):
            return (
                f"lines are missing: the log shows {self.ids} of some "
                f"{self.ids + self.ids_missing} connection numbers (an excerpt, "
                f"{self.firewall.limits}, loss)"
            )
        reach = self.reach(at)
        if reach < idle:
            return f"ended connections are remembered for {_span(reach)} only (memory ceiling)"
        return None

    def _lacking(self) -> list[str]:
        """Which of the two messages is not logged, by its number where it has one."""
        built, torn = self.firewall.messages
        met = ((built, self.built_since), (torn, self.torn_since))
        return [message for message, since in met if since is None]

    def _silence(self, at: int) -> int:
        """How long the log was silent before this log time.  The line at its end does not move the
        clock, nor begin anew what is known (`_gap`), before another line confirms its stamp."""
        return 0 if self.now is None else at - self.now

    def reach(self, at: int) -> int:
        """How far back a miss means "none": nanoseconds before `at`."""
        if self._silence(at) > GAP_NS:
            return 0
        begin = self.since
        for recent in (self.ended, self.expired):
            if recent.since_ns is not None and recent.since_ns > begin:
                begin = recent.since_ns
        return max(0, at - begin)

    # --- connections -----------------------------------------------------------------------

    def find_ended(self, key: int, latest: int) -> tuple[int, int, int] | None:
        """(log time, row, orig) of the last connection of this tuple ended by `latest`."""
        best: tuple[int, int, int] | None = None
        for recent in (self.ended, self.expired):
            if (value := recent.get(key)) is not None:
                found = unpack(value)
                if found[0] <= latest and (best is None or found[0] > best[0]):
                    best = found
        return best

    def remember(self, tuples: tuple[int, ...], at: int, row: int, orig: int, how: str) -> None:
        """A connection ended."""
        value = pack(at, row, orig)
        store = self.ended if how in SHORT else self.expired
        now = at if self.now is None else self.now
        for key in tuples:
            store.put(key, value, now)

    def close(self, number: Any) -> None:
        """Drop an open connection; tuples that a newer connection has taken over stay."""
        open_tuples = self.open_tuples
        for key in self.open.pop(number)[1]:
            if open_tuples.get(key) == number:
                del open_tuples[key]
        if self.states:
            self.states.pop(number, None)

    def bound_open(self) -> int:
        """Forget the oldest eighth of the open connections when there are too many; how many."""
        if len(self.open) <= self.options.open_most:
            return 0
        from itertools import islice

        oldest = list(islice(self.open, len(self.open) // 8 or 1))
        for number in oldest:
            self.close(number)
        return len(oldest)


@dataclass(slots=True)
class Device(Tracked):
    """State of one firewall (or failover pair)."""

    name: str
    options: LogOptions
    budget: Budget
    shared: bool = False  # stands for many names: claims nothing
    firewall: Firewall = UNKNOWN_MAKE
    clocks: dict[str | None, LogClock] = field(default_factory=dict)  # by name as logged
    held: dict[str | None, Any] = field(default_factory=dict)  # a line whose stamp went astray
    now: int | None = None
    next_tick: int = -(2**63)
    first_ns: int | None = None  # stamps as logged
    last_ns: int | None = None
    counts: Counts = field(default_factory=Counts)
    open: dict[Any, Any] = field(default_factory=dict)  # number → Open
    open_tuples: dict[int, Any] = field(default_factory=dict)  # hash → number
    ended: Recent[int] = field(init=False)  # hash → pack(teardown, row, orig)
    expired: Recent[int] = field(init=False)
    torn: Recent[tuple[Any, ...]] = field(init=False)  # number → (tuples, built, torn, row, event)
    # Of a firewall that logs states.  number → (row, tuples): over, its entry not yet removed.
    lingering: dict[Any, tuple[int, tuple[int, ...]]] = field(default_factory=dict)
    states: dict[Any, tuple[Any, ...]] = field(default_factory=dict)  # number → last state's line
    # Teardowns waiting for their Built; ordered, because its front is taken off again and again.
    orphans: OrderedDict[Any, Any] = field(default_factory=OrderedDict)
    lines: Recent[Any] = field(init=False)  # fingerprints of lines without a number of their own
    watch: Watch = field(init=False)  # hash → [(denial time, row)]
    permits: Recent[tuple[int, str | None, str | None, int | None]] = field(init=False)
    xlates: Recent[tuple[Any, Any]] = field(init=False)  # hash of a real (host, port) → mapped
    failover: int | None = None
    since: int = 0  # log time from which the log is whole, as far as is known
    since_why: str = "the log starts"
    built_since: int | None = None  # first TCP Built since then
    torn_since: int | None = None
    id_top: int | None = None
    ids: int = 0  # connection numbers met
    ids_missing: int = 0  # numbers skipped
    other_ids: bool = False  # numbers of UDP or ICMP connections are logged, too

    def __post_init__(self) -> None:
        o = self.options
        second = SECOND
        self.ended = Recent(int(o.ended_s * second), o.ended_most, 2)
        self.expired = Recent(int(o.expired_s * second), o.ended_most, 4)
        self.torn = Recent(2 * MINUTE, o.lines_most)
        self.lines = Recent(2 * MINUTE, o.lines_most)
        self.watch = Watch(int(o.ahead_s * second), o.lines_most)
        self.permits = Recent(int(o.wait_s * second), o.lines_most)
        self.xlates = Recent(MINUTE, o.lines_most)
        self.budget.members += [self.ended, self.expired]


def _span(ns: int) -> str:
    """A duration as a person says it."""
    seconds = ns // SECOND
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 7200:
        return f"{seconds // 60} min"
    if seconds < 172_800:
        return f"{seconds // 3600} h"
    return f"{seconds // 86_400} days"
