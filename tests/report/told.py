"""Stories for the tests of reports: scripts of traffic, tracked, correlated and judged."""

from __future__ import annotations

import polars as pl

from finis.correlation.correlate import correlate
from finis.correlation.evidence import PointData
from finis.correlation.stories import Story
from finis.diagnosis.engine import catalogue, judge
from finis.report.explanation import Explanation

HANDSHAKE = """
+0     C > S  S  0:0(0) win 65535 id=1
+.010  S > C  S. 0:0(0) ack 1 id=2
+.010  C > S  .  1:1(0) ack 1 id=3
"""
CLOSED = (
    HANDSHAKE
    + """
+1     C > S  P. 1:101(100) ack 1 id=4
+.010  S > C  F. 1:1(0) ack 101 id=5
+.010  C > S  .  101:101(0) ack 2 id=6
+.5    C > S  F. 101:101(0) ack 2 id=7
+.010  S > C  .  2:2(0) ack 102 id=8
"""
)
ABORTED = (
    HANDSHAKE
    + """
+1     C > S  P. 1:101(100) ack 1 id=4
+.010  S > C  F. 1:1(0) ack 101 id=5
+.010  C > S  .  101:101(0) ack 2 id=6
+.5    C > S  R. 101:101(0) ack 2 win 0 id=7
"""
)


def told(
    *points: PointData, log: pl.DataFrame | None = None, denials: pl.DataFrame | None = None
) -> Explanation:
    """The explanation of the one connection in all this."""
    nothing = pl.DataFrame()
    made = correlate(points, nothing if log is None else log,
                     nothing if denials is None else denials)  # fmt: skip
    judged = judge(made)
    assert len(judged.stories.table) == 1
    story = judged.stories.story(0)
    cause = catalogue()[story.row["cause"]]
    return Explanation(story, cause.title, cause.claims(story), cause.alternatives(story), [], [],
                       list(cause.references), judged.stories.clocks)  # fmt: skip


def story(*points: PointData) -> Story:
    return told(*points).story
