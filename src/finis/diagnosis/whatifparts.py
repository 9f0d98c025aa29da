"""What-if of logs that are read a part at a time: of connections and denials only what it reads is
kept, in numbers as far as may be."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from finis.correlation.logalone import clocks_of
from finis.correlation.stories import Clock
from finis.diagnosis.coded import Names
from finis.diagnosis.cutting import Cut
from finis.diagnosis.kinds import ConnectionKinds
from finis.diagnosis.logrows import Reader
from finis.diagnosis.whatif import Device, answers, lives_of, refusals_of
from finis.tracking.output import LOG, REFUSED
from finis.tracking.parts import LogPart

FRAMES = 64  # that are put together at one time


class LogEntries:
    """The entries of a firewall's table and the packets it refused.  `cut`: what is asked for; the
    others have their place in the table, too."""

    def __init__(self, cut: Cut) -> None:
        self.cut = cut
        self._reader = Reader(Names(), ConnectionKinds())
        self._lives: list[pl.DataFrame] = []
        self._refused: list[pl.DataFrame] = []
        _add(self._lives, _lives(pl.DataFrame(schema=LOG)), None)
        _add(self._refused, _refused(pl.DataFrame(schema=REFUSED)), None)

    def add(self, part: LogPart) -> None:
        """Take a part; its memory may be used again."""
        lives, refused = part.connection_frame(), part.denial_frame()
        shown: list[pl.Series | None] = [None, None]
        if self.cut:
            asked = (self.cut.connections(part, self._reader.columns(part)),
                     self.cut.refusals(part))  # fmt: skip
            shown = [frame["row"].filter(pl.Series(mask))
                     for frame, mask in zip((lives, refused), asked, strict=True)]  # fmt: skip
        _add(self._lives, _lives(lives), shown[0])
        _add(self._refused, _refused(refused), shown[1])

    def answers(
        self, asked: Mapping[str, float] | None, today: Mapping[str, float] | None
    ) -> list[Device]:
        """As `whatif.whatif`."""
        lives, refused = (pl.concat(some).sort("row") for some in (self._lives, self._refused))
        return answers(lives, refused, asked, today)

    def clocks(self) -> list[Clock]:
        """The clocks of the firewalls, which nothing compares."""
        rows = pl.concat([frame.select("device", "row") for frame in self._lives])
        return clocks_of(rows.group_by("device").agg(pl.col("row").min()).sort("row"))


def _lives(connections: pl.DataFrame) -> pl.DataFrame:
    """`lives_of` tables.LOG_CONNECTIONS."""
    named = connections.rename({"duration_s": "log_duration_s"})
    lives = lives_of(named.with_columns(has_log=pl.lit(True)))
    return lives.with_columns(pl.col(pl.String).cast(pl.Categorical))  # a few words, all of them


def _refused(denials: pl.DataFrame) -> pl.DataFrame:
    """`refusals_of` denials whose connection is told by its number in the log."""
    return refusals_of(denials.with_columns(story="log_row"))


def _add(to: list[pl.DataFrame], some: pl.DataFrame, shown: pl.Series | None) -> None:
    about = pl.lit(True) if shown is None else pl.col("row").is_in(shown.implode())
    to.append(some.with_columns(counts=about))
    if len(to) > FRAMES:
        to[:] = [pl.concat(to, rechunk=True)]
