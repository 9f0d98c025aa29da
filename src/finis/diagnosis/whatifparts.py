"""What-if of logs that are read a part at a time: of connections and denials only what it reads is
kept, in numbers as far as may be."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from finis.correlation.captured import Captured
from finis.correlation.logalone import clocks_of
from finis.correlation.stories import Clock, Stories
from finis.diagnosis.coded import Names
from finis.diagnosis.cutting import Cut
from finis.diagnosis.kinds import ConnectionKinds
from finis.diagnosis.logrows import Reader
from finis.diagnosis.shared import Correlate, Shared
from finis.diagnosis.whatif import Device, answers, lives_of, refusals_of
from finis.tracking.output import LOG, REFUSED
from finis.tracking.parts import LogPart

FRAMES = 64  # that are put together at one time


class LogEntries:
    """The entries of a firewall's table and the packets it refused.  `cut`: what is asked for; the
    others have their place in the table, too.  `captured`: what captures show of them."""

    def __init__(self, cut: Cut, captured: Captured | None = None) -> None:
        self.cut = cut
        self.shared = None if captured is None else Shared(captured)
        self._joined: Stories | None = None
        self._devices: dict[str, int] = {}  # the first connection of each
        self._reader = Reader(Names(), ConnectionKinds())
        self._lives: list[pl.DataFrame] = []
        self._refused: list[pl.DataFrame] = []
        _add(self._lives, _lives(pl.DataFrame(schema=LOG)), None)
        _add(self._refused, _refused(pl.DataFrame(schema=REFUSED)), None)

    def add(self, part: LogPart) -> None:
        """Take a part; its memory may be used again."""
        lives, refused = part.connection_frame(), part.denial_frame()
        for device, row in lives.group_by("device").agg(pl.col("row").min()).iter_rows():
            self._devices[device] = min(row, self._devices.get(device, row))
        shown: list[pl.Series | None] = [None, None]
        if self.cut:
            asked = (self.cut.connections(part, self._reader.columns(part)),
                     self.cut.refusals(part))  # fmt: skip
            shown = [frame["row"].filter(pl.Series(mask))
                     for frame, mask in zip((lives, refused), asked, strict=True)]  # fmt: skip
        if self.shared is not None:
            apart = self.shared.take(part)
            lives, refused = (
                frame.filter(pl.Series(~mask))
                for frame, mask in zip((lives, refused), apart, strict=True)
            )
        _add(self._lives, _lives(lives), shown[0])
        _add(self._refused, _refused(refused), shown[1])

    def join(self, correlate: Correlate) -> None:
        """Take what captures show, too, when all parts have come."""
        assert self.shared is not None
        judged = self.shared.joined(correlate, self._met())
        self._joined = judged.stories
        # Numbers below 0, which no row of a log has.
        lives = _words(lives_of(judged.stories.table)).with_columns(row=-1 - pl.col("row"))
        refused = refusals_of(judged.stories.denials).with_columns(story=-1 - pl.col("story"))
        _add(self._lives, lives, -1 - judged.connections["row"])
        _add(self._refused, refused, judged.denials["row"])

    def answers(
        self, asked: Mapping[str, float] | None, today: Mapping[str, float] | None
    ) -> list[Device]:
        """As `whatif.whatif`."""
        lives, refused = (pl.concat(some).sort("row") for some in (self._lives, self._refused))
        return answers(lives, refused, asked, today)

    def clocks(self) -> list[Clock]:
        """The clocks of the firewalls, and of what was captured beside their logs."""
        if self._joined is not None:
            return self._joined.clocks
        return clocks_of(pl.DataFrame({"device": self._met()}, schema={"device": pl.String}))

    def _met(self) -> list[str]:
        """Firewalls in order of the first connection of each."""
        return sorted(self._devices, key=self._devices.__getitem__)


def _lives(connections: pl.DataFrame) -> pl.DataFrame:
    """`lives_of` tables.LOG_CONNECTIONS."""
    named = connections.rename({"duration_s": "log_duration_s"})
    return _words(lives_of(named.with_columns(has_log=pl.lit(True))))


def _words(lives: pl.DataFrame) -> pl.DataFrame:
    return lives.with_columns(pl.col(pl.String).cast(pl.Categorical))  # a few words, all of them


def _refused(denials: pl.DataFrame) -> pl.DataFrame:
    """`refusals_of` denials whose connection is told by its number in the log."""
    return refusals_of(denials.with_columns(story="log_row"))


def _add(to: list[pl.DataFrame], some: pl.DataFrame, shown: pl.Series | None) -> None:
    about = pl.lit(True) if shown is None else pl.col("row").is_in(shown.implode())
    to.append(some.with_columns(counts=about))
    if len(to) > FRAMES:
        to[:] = [pl.concat(to, rechunk=True)]
