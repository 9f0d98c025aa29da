"""The time of a log, as its lines tell it: never the computer's clock.

Lines arrive slightly out of order, stamps may jump, and one damaged stamp must not move the time
of all that follows.  A jump counts only when the next line confirms it.
"""

from __future__ import annotations

from enum import IntEnum

SECOND = 1_000_000_000
STEP_NS = 300 * SECOND  # a step back beyond this is a changed clock, not disorder
GAP_NS = 900 * SECOND  # a silence beyond this may hide lines
_AGREE_NS = 300 * SECOND  # two stamps this close confirm each other
_HOUR_NS = 3600 * SECOND
_REASON_NS = 31 * 24 * _HOUR_NS
_DST_SLACK_NS = 120 * SECOND
_END = 2**62


class Move(IntEnum):
    """What a stamp did to the clock."""

    NONE = 0
    GAP = 1  # forward by more than GAP_NS
    DST = 2  # back by one hour: end of summer time, the stamps are local time
    EPOCH = 3  # back by anything else: clock set, or reboot
    AHEAD = 4  # forward by more than GAP_NS, not confirmed yet
    ASTRAY = 5  # back, or forward beyond all reason, not confirmed yet: the line has no time


class LogClock:
    """Log time of one device.  `now` never goes back: after a step back `shift` is added to the
    stamps, so that differences on either side of the step stay true (exactly so for a DST step).
    Unit: nanoseconds."""

    __slots__ = ("now", "shift", "stepped_from", "suspect")

    def __init__(self) -> None:
        self.now: int | None = None
        self.shift = 0
        self.suspect: int | None = None  # a stamp that jumped and waits for confirmation
        self.stepped_from = 0  # log time just before the last move

    def move(self, stamp_ns: int) -> Move:
        """Take the stamp of the next line; its log time is ``stamp_ns + shift`` afterwards, unless
        it went astray: then the next line tells whether it was a step."""
        if self.now is None:
            self.now = stamp_ns
            return Move.NONE
        ahead = stamp_ns + self.shift - self.now
        if -STEP_NS <= ahead <= GAP_NS:
            if ahead > 0:
                self.now += ahead
            self.suspect = None
            return Move.NONE
        if self.suspect is None or abs(stamp_ns - self.suspect) > _AGREE_NS:
            self.suspect = stamp_ns
            return Move.AHEAD if 0 < ahead < _REASON_NS else Move.ASTRAY
        first, self.suspect = self.suspect, None
        self.stepped_from = self.now
        if ahead > 0:
            self._bound(stamp_ns)
            self.now = max(self.now, stamp_ns + self.shift)
            return Move.GAP
        # The clock was already at `first` when the step was suspected.
        back = self.now - (first + self.shift)
        if abs(back - _HOUR_NS) <= _DST_SLACK_NS:
            self.shift += _HOUR_NS
            self.now = max(self.now, stamp_ns + self.shift)
            return Move.DST
        self.shift += back
        self._bound(stamp_ns)
        self.now = max(self.now, stamp_ns + self.shift)
        return Move.EPOCH

    def _bound(self, stamp_ns: int) -> None:
        """Log time fits 64 bits, however often the clock of a hostile log leaps centuries."""
        if stamp_ns + self.shift > _END:
            self.shift = max(0, _END - stamp_ns)
