"""Packed rows of a log as frames and stories: the first of a kind, and the few that are told."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from finis.correlation import logalone
from finis.correlation.stories import Refusal, Story
from finis.diagnosis import engine
from finis.diagnosis.engine import Judged
from finis.diagnosis.kinds import Population
from finis.records import dataclass, replace
from finis.tracking.parts import LogPart

Array = np.ndarray
TOLD_MOST = 1000  # denials of a connection that is put into words


def judged(part: LogPart, at: Array, denials: pl.DataFrame | None = None) -> Judged:
    """Some connections of a part as stories, judged; `denials`: of these, if any are told."""
    rows = part.connections[at]
    told = part.denial_frame(slice(0, 0)) if denials is None else denials
    stories = logalone.stories(part.connection_frame(at), told, tidy=False, few=True)
    # Not counted anew: of many denials only some are here.
    counted = [
        pl.Series(name, rows[name].astype(np.int64)) for name in ("data_denied", "acks_denied")
    ]
    return engine.judge(replace(stories, table=stories.table.with_columns(counted)))


def _judged_denials(part: LogPart, whole: Population) -> Judged:
    denials = part.denial_frame().with_columns(
        pl.Series("repeats", whole.repeats),
        *(
            pl.Series(name, getattr(whole, name)).replace({-1: None})
            for name in ("src_fanout", "src_refused", "dst_opened")
        ),
        pl.Series("dst_mapped", whole.dst_mapped == 1),
        pl.Series("torn_logged", whole.torn_logged == 1),
    )
    return judged(part, np.arange(len(part.connections)), denials)


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One row on its own, to be told if it is chosen: a connection with (the first of) its denials,
    or a denial with its connection and what the whole log tells of it."""

    part: LogPart
    whole: Population | None = None


def of_connection(part: LogPart, number: int, most: int | None = TOLD_MOST) -> Row:
    """A connection of a part, by its index, and the first `most` of its denials (None: all)."""
    denials = part.denials[np.flatnonzero(part.denials["at"] == number)[:most]]
    denials["at"] = 0
    one = part.connections[number : number + 1].copy()
    return Row(replace(part, connections=one, denials=denials))


def apart(part: LogPart, whole: Population) -> list[Row]:
    """Every denial of a part on its own."""
    out = []
    for n, at in enumerate(part.denials["at"].tolist()):
        denial = part.denials[n : n + 1].copy()
        denial["at"] = min(at, 0)
        connections = part.connections[max(at, 0) : at + 1]
        one = replace(part, connections=connections, denials=denial)
        out.append(Row(one, whole.only(np.array([n]))))
    return out


def stories(rows: Sequence[Row]) -> list[Story]:
    """Connections told."""
    out: dict[int, Story] = {}
    for group in _together(rows):
        every = np.arange(len(group.part.connections))
        found = judged(group.part, every, group.part.denial_frame()).stories
        for number, place in zip(group.numbers, group.places.tolist(), strict=True):
            out[number] = found.story(place)
    return [out[number] for number in range(len(rows))]


def judged_refusals(rows: Sequence[Row]) -> pl.DataFrame:
    """The verdicts of denials, in order."""
    frames = []
    for group in _together(rows):
        assert group.whole is not None
        found = _judged_denials(group.part, group.whole).denials
        frames.append(found.select("cause", "harm", "confidence", number=pl.Series(group.numbers)))
    return pl.concat(frames).sort("number")


def refusals(rows: Sequence[Row]) -> list[Refusal]:
    """Denials told."""
    out: dict[int, Refusal] = {}
    for group in _together(rows):
        assert group.whole is not None
        found = _judged_denials(group.part, group.whole).stories
        lines = group.part.denials["refusal"]["row"].tolist()
        for number, line in zip(group.numbers, lines, strict=True):
            out[number] = found.refusal(line)
    return [out[number] for number in range(len(rows))]


@dataclass(frozen=True, slots=True)
class _Group:
    """Rows of the same codes as one part.  `numbers`: their numbers among all; `places`: of the
    connection of each row in the part, each connection standing there once."""

    part: LogPart
    whole: Population | None
    numbers: list[int]
    places: Array


def _together(rows: Sequence[Row]) -> list[_Group]:
    groups: dict[tuple[int, int], list[int]] = {}
    for number, row in enumerate(rows):
        groups.setdefault((id(row.part.book), id(row.part.whys)), []).append(number)
    return [_one([rows[number] for number in numbers], numbers) for numbers in groups.values()]


def _one(rows: list[Row], numbers: list[int]) -> _Group:
    connections = np.concatenate([row.part.connections for row in rows])
    denials = np.concatenate([row.part.denials for row in rows])
    before = np.cumsum([0, *(len(row.part.connections) for row in rows[:-1])])
    _, first, places = np.unique(
        connections["start"]["row"], return_index=True, return_inverse=True
    )
    known = denials["at"] >= 0
    shift = np.repeat(before, [len(row.part.denials) for row in rows])
    denials["at"][known] = places[(denials["at"] + shift)[known]]
    wholes = [row.whole for row in rows if row.whole is not None]
    whole = Population.joined(wholes) if wholes else None
    last = rows[-1].part  # lists of codes only grow
    part = replace(last, connections=connections[first], denials=denials)
    return _Group(part, whole, numbers, places)
