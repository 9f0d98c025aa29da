"""Denials suddenly became many, and when that began.

## What happened
The rate of denials rose far above what is usual in this log, for a limited time. Something changed
then: a rule, a route, an application, an attack.

## Evidence
The period of the log is cut into equal steps. A step belongs to a spike if it holds at least ten
denials, more than four times the median of all steps and more than eight times their usual
deviation above it. A spike has twenty denials or more and covers less than a quarter of the period.
More than three spikes are one finding, with their distance if it is regular.

## Look-alikes
A rate that is high all the time is a level, not a spike. A log that begins with the denials cannot
show that there were fewer before.

## Harm
Depends on the cause of these denials, which their own findings name.

## What to change
Look for what changed at the time given.

## References
Rousseeuw, Croux: Alternatives to the Median Absolute Deviation (1993), for the measure of spread.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import polars as pl

from finis.diagnosis.cause import Claim
from finis.diagnosis.patterns._api import Pattern, PatternFinding
from finis.diagnosis.patterns._rows import SUMMARY, Summary, distinct, examples, said, summary
from finis.diagnosis.patterns._whole import Whole
from finis.diagnosis.telling import span
from finis.terms import Confidence, Harm
from finis.words import share

STEPS_S = (1, 5, 10, 60, 300, 900, 3600, 86400)
MAX_STEPS = 1440
MIN_STEPS = 12
MIN_IN_STEP = 10
MIN_IN_SPIKE = 20
TIMES_MEDIAN = 4.0
TIMES_SPREAD = 8.0
MIN_BESIDE = 2
TIMES_BESIDE = 2.0  # of the median: a step beside a spike that belongs to it
MAX_SHARE = 0.25
MAD_TO_SIGMA = 1.4826
MAX_SPIKES = 3  # more of them are told as one that recurs
REGULAR = 0.05
NS = 1_000_000_000


class DenialSpike(Pattern):
    id = "PAT201"
    name = "denial-spike"
    title = "denials became many at a certain time"
    fewest = MIN_IN_SPIKE
    harm = Harm.DEPENDS
    confidence = Confidence.LIKELY
    remedy = {"anyone": "look for what changed when it began: configuration, routing, a deployment"}
    references = ("Rousseeuw, Croux (1993), median absolute deviation",)
    not_this = ("a rate that is high all the time: this one is far above what is usual here",)

    @classmethod
    def find(
        cls, connections: pl.LazyFrame, denials: pl.LazyFrame, whole: Whole
    ) -> list[PatternFinding]:
        rows = distinct(denials)
        ts = pl.col("ts").cast(pl.Int64)
        ends = rows.select(n=pl.len(), first=ts.min(), last=ts.max()).collect()
        if ends["n"].item() < MIN_IN_SPIKE:
            return []
        known = [ends["first"].item(), ends["last"].item(), *whole.span_ns()]
        start, length = min(known), max(known) - min(known)
        step = next((s for s in STEPS_S if length <= s * MAX_STEPS * NS), None)
        if step is None or length < MIN_STEPS * step * NS:
            return []
        at_step = (ts - start).floordiv(step * NS)
        counted = rows.group_by(step=at_step).len("n").collect()
        counts = np.zeros(length // (step * NS) + 1, np.int64)
        counts[counted["step"].to_numpy()] = counted["n"].to_numpy()
        runs = [run for run in _runs(counts) if run[1] - run[0] + 1 <= MAX_SHARE * len(counts)]
        if not runs:
            return []
        which = np.concatenate([np.full(high - low + 1, n) for n, (low, high) in enumerate(runs)])
        steps = pl.DataFrame({
            "step": np.concatenate([np.arange(low, high + 1) for low, high in runs]),
            "run": which,
        })  # fmt: skip
        stepped = rows.with_columns(step=at_step).join(steps.lazy(), on="step")
        by_run = stepped.group_by("run").agg(SUMMARY).sort("run").collect()
        found = [
            (row["run"], summary(row))
            for row in by_run.iter_rows(named=True)
            if row["n"] >= MIN_IN_SPIKE
        ]
        found.sort(key=lambda one: -one[1].n)
        several = _differing(rows) if found else []
        usual = float(np.median(counts))
        told = []
        for run, part in found if len(found) <= MAX_SPIKES else found[:1]:
            low, high = runs[run]
            peak = Claim(
                f"Up to {int(counts[low : high + 1].max())} denials came in {span(step)},"
                f" where {usual:g} are usual."
            )
            mine = stepped.filter(pl.col("run") == run)
            told.append(cls._finding(mine, part, peak, several, whole))
        return told if len(found) <= MAX_SPIKES else [cls._again(told[0], [s for _, s in found])]

    @classmethod
    def _again(cls, greatest: PatternFinding, spikes: list[Summary]) -> PatternFinding:
        """Many spikes are one finding: what recurs has one cause."""
        starts = sorted(one.first for one in spikes if one.first)
        gaps = [(b - a) / timedelta(seconds=1) for a, b in pairwise(starts)]
        usual = float(np.median(gaps))
        regular = sum(abs(gap - usual) <= REGULAR * usual for gap in gaps) >= len(gaps) / 2
        every = [Claim(f"They come about every {span(usual)}.")] if regular else []
        return replace(
            greatest,
            title=f"denials rose {len(spikes)} times, most at {said(greatest.first_ts)}",
            harm=max(one.harm for one in spikes),
            denials=sum(one.n for one in spikes),
            first_ts=starts[0],
            last_ts=max(one.last for one in spikes if one.last),
            claims=(*every, *greatest.claims),
        )

    @classmethod
    def _finding(
        cls, rows: pl.LazyFrame, of: Summary, peak: Claim, several: list[str], whole: Whole
    ) -> PatternFinding:
        first, last = of.first, of.last
        lasted = span(max((last - first) / timedelta(seconds=1), 1.0)) if first and last else "?"
        shares = [
            Claim(f"{share(n, of.n)} of them {what} {value}.")
            for what, value, n in _shares(rows, of.n, several, whole)
        ]
        return cls.finding(
            f"denials rose at {said(first)}, for {lasted}: {of.n} of them",
            harm=of.harm,
            denials=of.n,
            first_ts=first,
            last_ts=last,
            hosts=whole.top(rows, "src_h"),
            claims=(peak, *shares, *examples(rows, whole)),
        )


def threshold(counts: npt.NDArray[np.int64]) -> float:
    """A step with more denials than this is unusual among `counts` (one number per step)."""
    median = float(np.median(counts))
    spread = MAD_TO_SIGMA * float(np.median(np.abs(counts - median)))
    return max(MIN_IN_STEP - 1, TIMES_MEDIAN * median, median + TIMES_SPREAD * spread)


def _runs(counts: npt.NDArray[np.int64]) -> list[tuple[int, int]]:
    """First and last step of each run above the threshold, with the steps beside it that are
    clearly raised too: a spike seldom begins on a step's edge.  Runs one step apart are one."""
    beside = max(MIN_BESIDE, TIMES_BESIDE * float(np.median(counts)))
    runs: list[tuple[int, int]] = []
    for step in np.flatnonzero(counts > threshold(counts)).tolist():
        low = high = step
        while low > 0 and counts[low - 1] >= beside:
            low -= 1
        while high + 1 < len(counts) and counts[high + 1] >= beside:
            high += 1
        if runs and low <= runs[-1][1] + 2:
            runs[-1] = (runs[-1][0], max(high, runs[-1][1]))
        else:
            runs.append((low, high))
    return runs


SHARED = {
    "src_h": "came from",
    "dst_h": "went to",
    "device": "were logged by",
    "cause": "are",
}


def _differing(rows: pl.LazyFrame) -> list[str]:
    """The columns of SHARED in which the denials of the log differ."""
    values = pl.col(*SHARED)
    differs = values.min().ne(values.max()) | (values.is_null().any() & values.is_not_null().any())
    several = rows.select(differs).collect().row(0, named=True)
    return [column for column, differ in several.items() if differ]


def _shares(
    rows: pl.LazyFrame, total: int, columns: list[str], whole: Whole
) -> list[tuple[str, str, int]]:
    """What half of a spike or more have in common (what, value, how many)."""
    return [
        (SHARED[column], value, n)
        for column in columns
        for value, n in whole.frequent(rows, column, 1)
        if n >= total / 2
    ]
