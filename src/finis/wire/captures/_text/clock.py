"""Printed stamps: times of day, with or without a date, and seconds since 1970."""

from __future__ import annotations

from datetime import date, datetime, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING

from finis.records import dataclass
from finis.wire.captures._text import bits

if TYPE_CHECKING:
    from finis.wire.source import Reading, Source

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
MAX_DAYS = 106_000  # what int64 nanoseconds can hold: up to the year 2260

# Pattern of a wall-clock stamp: optional date, time of day, 1 to 9 decimals.
STAMP = r"(?:(?P<date>\d{4}-\d\d-\d\d)[ T])?(?P<tod>\d\d:\d\d:\d\d\.\d{1,9})"


@lru_cache(maxsize=4096)
def _utc_second(day: date, hour: int, minute: int, second: int, tz: tzinfo) -> int:
    """Seconds since 1970 UTC; a second of 60 (leap second) is the first of the next minute."""
    moment = datetime(day.year, day.month, day.day, hour, minute, tzinfo=tz)
    return int(moment.timestamp()) + second


@dataclass(slots=True)
class Clock:
    """Turns printed stamps of one capture into nanoseconds.

    Times of day are unwrapped: a backward jump of more than twelve hours is midnight.  Without a
    date they count from midnight of the capture's first day (`Quirk.UNDATED`).
    """

    reading: Reading
    source: Source
    day: int = 0  # midnights passed
    last: int = -1  # time of day of the row before, ns

    def at(self, day_text: str | None, tod: str) -> tuple[int, int] | None:
        """(ts_ns, Quirk.UNDATED or 0) of a printed date and time of day; None if impossible."""
        hour, minute, second = int(tod[0:2]), int(tod[3:5]), int(tod[6:8])
        if hour > 23 or minute > 59 or second > 60:
            return None
        digits = tod[9:]
        fraction = int(digits.ljust(9, "0"))
        self._resolution(len(digits))
        if day_text is not None:
            try:
                day = date.fromisoformat(day_text)
            except ValueError:
                return None
            return self._dated(day, hour, minute, second, fraction)
        within = ((hour * 60 + minute) * 60 + second) * SECOND + fraction
        past = self._midnights(within)
        if self.reading.date is None:
            self.source.dated = False
            if past > MAX_DAYS:
                return None
            return past * DAY + within, bits.UNDATED
        try:
            day = date.fromordinal(self.reading.date.toordinal() + past)
        except (ValueError, OverflowError):
            return None
        return self._dated(day, hour, minute, second, fraction)

    def epoch(self, seconds: str, digits: str) -> tuple[int, int] | None:
        """(ts_ns, 0) of ``seconds.digits`` since 1970 UTC; None if beyond `MAX_DAYS`."""
        if int(seconds) > MAX_DAYS * 86_400:
            return None
        self._resolution(len(digits))
        return int(seconds) * SECOND + int(digits.ljust(9, "0")), 0

    def _midnights(self, within: int) -> int:
        past = self.day
        if self.last >= 0 and self.last - within > DAY // 2:
            past = self.day = self.day + 1
        elif past and within - self.last > DAY // 2:
            return past - 1  # a straggler from before midnight
        self.last = within
        return past

    def _dated(
        self, day: date, hour: int, minute: int, second: int, fraction: int
    ) -> tuple[int, int] | None:
        if not 1970 <= day.year < 2260:  # see MAX_DAYS
            return None
        self.source.zone_assumed = True
        whole = _utc_second(day, hour, minute, second, self.reading.tz)
        return whole * SECOND + fraction, 0

    def _resolution(self, digits: int) -> None:
        resolution = 10 ** (9 - digits)
        if self.source.rows <= 1 or resolution < self.source.resolution_ns:
            self.source.resolution_ns = resolution
