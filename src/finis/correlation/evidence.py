"""Everything correlation is given, brought into flat arrays: observations of all points, their
kept segments, and the connections of the logs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from finis.correlation import keys
from finis.correlation.keys import Array
from finis.correlation.turned import Turned
from finis.records import dataclass, field
from finis.tables import LOG_CONNECTIONS, OBSERVATION, SEGMENT, polars_schema, record_dtype
from finis.tracking._api import Observations, spans

if TYPE_CHECKING:
    import polars as pl

    from finis.wire.source import Source

End = tuple[Array, Array, Array]  # upper and lower half of the address, port
NEVER = np.iinfo(np.int64).min  # a time that is not known


@dataclass(frozen=True, slots=True)
class PointData:
    """One point: its connections, and the files they were read from (Source.id = SEGMENT.file)."""

    name: str
    observations: Observations
    sources: Sequence[Source]
    errors: Array | None = None  # tables.SEGMENT with Quirk.ICMP_ERROR, in capture order


@dataclass(frozen=True, slots=True)
class Firewalls:
    """Those of a log of which only the part is given that captures may show."""

    devices: Sequence[str]  # whose connections it tells, in order of the first of each
    makes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Options:
    date: date | None = None  # day of captures that name none and share nothing with a dated one
    # What `losses.settle` finds, where it is known beforehand: `points` then is a part of all.
    lossy: frozenset[str] | None = None
    filtered: frozenset[str] | None = None
    tidy: bool = True  # rows in order of time, each with its id; else ids are made when told
    # Columns that anybody reads of every row; of the others only those of rows told are made.
    # Where that spares no work there may be more.  None: all.
    columns: frozenset[str] | None = None
    firewalls: Firewalls | None = None  # None: the whole log is given


@dataclass(slots=True)
class Unit:
    """Files that run on one clock: a point's dated files together, every undated file alone."""

    point: int
    files: list[int]
    dated: bool
    zone_assumed: bool
    first_ns: int  # the period captured, on its own clock
    last_ns: int
    resolution_ns: int
    name: str


@dataclass(slots=True)
class Evidence:
    points: list[str]
    paths: list[str]  # by SEGMENT.file
    units: list[Unit]
    rows: Array  # tables.OBSERVATION, all points
    fields: Turned  # of rows
    tail: Array  # tables.SEGMENT, all points; empty where `kept` is asked
    point: Array  # of every row
    unit: Array  # of every row
    start: Array  # of every row: its tail is tail[start:stop]
    stop: Array
    key: Array  # keys.row_keys
    log: LogSide
    errors: Array  # ICMP errors, all points
    error_point: Array  # of every error
    truncated: set[int] = field(default_factory=set)  # units read only to a cut
    lossy: frozenset[str] = frozenset()  # points, see `losses.settle`
    filtered: frozenset[str] = frozenset()
    tidy: bool = True  # Options.tidy
    kept: Observations | None = None  # the only point's, where their segments are made when asked

    def __len__(self) -> int:
        return len(self.rows)

    def over_ns(self) -> Array:
        """Of every row when the capture that shows it ended, on its own clock."""
        ends: Array = np.array([unit.last_ns for unit in self.units], np.int64)
        return ends[self.unit]

    def segments(self, rows: Array) -> Array:
        """The tails of these observations, one after another."""
        if self.kept is not None:
            return self.kept.segments(rows)
        found: Array = self.tail[spans(self.start[rows], self.stop[rows] - self.start[rows])]
        return found


@dataclass(slots=True)
class LogSide:
    """Connections of the logs as arrays.  `near` is the tuple on orig's side of the firewall
    (orig real, resp mapped), `far` the one on resp's side (orig mapped, resp real)."""

    frame: pl.DataFrame  # tables.LOG_CONNECTIONS
    devices: list[str]
    device: Array
    built: Array  # ns, NEVER where unknown
    teardown: Array
    teardown_word: list[str | None]
    near: tuple[Array, ...]  # orig hi, lo, port, resp hi, lo, port
    far: tuple[Array, ...]
    near_key: Array
    far_key: Array
    usable: Array  # both addresses are numbers, the connection has a time

    def __len__(self) -> int:
        return len(self.device)


def gather(
    points: Sequence[PointData], log: pl.DataFrame | None = None, devices: Sequence[str] = ()
) -> Evidence:
    """Flatten the input, points by name so that their order cannot matter; nothing is decided.
    `devices`: firewalls, of some of which the log tells no connection."""
    points = sorted(points, key=lambda data: data.name)
    seen = [data.observations for data in points]
    fields = Turned(_join([one.rows for one in seen], record_dtype(OBSERVATION)))
    counts = [len(one.rows) for one in seen]
    at_point = np.repeat(np.arange(len(points)), counts)
    before = np.cumsum([0, *(len(one.tail) for one in seen)])[: len(points)]
    starts = fields["tail_at"].astype(np.int64) + np.repeat(before, counts)
    errors = [np.empty(0) if data.errors is None else data.errors for data in points]
    units, of_file = _units(points)
    paths = [""] * (1 + max((s.id for p in points for s in p.sources), default=-1))
    truncated = set()
    for number, data in enumerate(points):
        for source in data.sources:
            paths[source.id] = source.path
            if source.truncated:
                truncated.add(of_file[number, source.id])
    return Evidence(
        points=[data.name for data in points],
        paths=paths,
        units=units,
        rows=fields.rows,
        fields=fields,
        tail=_join([one.tail for one in seen], record_dtype(SEGMENT)),
        point=at_point,
        unit=_unit_of_rows(fields["file"], at_point, of_file),
        start=starts,
        stop=starts + fields["tail_n"],
        key=keys.row_keys(fields),
        log=_no_log() if log is None else log_side(log, devices),
        errors=_join([e for e in errors if len(e)], record_dtype(SEGMENT)),
        error_point=np.repeat(np.arange(len(errors)), [len(e) for e in errors]),
        truncated=truncated,
        kept=seen[0] if len(points) == 1 and seen[0].ask else None,
    )


def _join(parts: list[Array], dtype: np.dtype) -> Array:
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.empty(0, dtype)


def _units(points: Sequence[PointData]) -> tuple[list[Unit], dict[tuple[int, int], int]]:
    units: list[Unit] = []
    of_file: dict[tuple[int, int], int] = {}
    for number, data in enumerate(points):
        dated: Unit | None = None
        for source in data.sources:
            if source.dated and dated is not None:
                unit = dated
            else:
                unit = Unit(number, [], source.dated, source.zone_assumed, NEVER, NEVER, 1, "")
                unit.name = data.name
                units.append(unit)
                if source.dated:
                    dated = unit
            unit.files.append(source.id)
            of_file[number, source.id] = units.index(unit)
            unit.resolution_ns = max(unit.resolution_ns, source.resolution_ns)
            if source.first_ns is not None and source.last_ns is not None:
                fresh = unit.first_ns == NEVER
                unit.first_ns = source.first_ns if fresh else min(unit.first_ns, source.first_ns)
                unit.last_ns = source.last_ns if fresh else max(unit.last_ns, source.last_ns)
    for unit in units:  # several clocks at one point: named by file
        if sum(u.point == unit.point for u in units) > 1 and len(unit.files) == 1:
            path = next(s.path for s in points[unit.point].sources if s.id == unit.files[0])
            unit.name = f"{unit.name} ({path})"
    return units, of_file


def _unit_of_rows(files: Array, point: Array, of_file: dict[tuple[int, int], int]) -> Array:
    unit = np.full(len(files), -1, np.int64)
    for (number, file), which in of_file.items():
        unit[(point == number) & (files == file)] = which
    if (unit < 0).any():
        raise ValueError("an observation names a file that its point does not list")
    return unit


def near_key(frame: pl.DataFrame) -> Array:
    """`LogSide.near_key` of tables.LOG_CONNECTIONS."""
    return keys.tuple_key(_ends(frame, "orig")[0], _ends(frame, "resp")[1])


def _ends(frame: pl.DataFrame, side: str) -> tuple[End, End, Array]:
    """The real and the mapped endpoint of one side, and where the real one is known."""
    import polars as pl

    names = [f"{side}_p", f"{side}_mapped_p"]
    ports = frame.select(pl.col(names).fill_null(0).clip(0, 65535).cast(pl.UInt64))

    def port(name: str) -> tuple[Array, Array]:
        return ports[name].to_numpy(), frame[name].is_not_null().to_numpy()

    hi, lo, real = keys.parse(frame[f"{side}_h"])
    number, has = port(f"{side}_p")
    m_hi, m_lo, mapped = keys.parse(frame[f"{side}_mapped_h"])
    m_number, m_has = port(f"{side}_mapped_p")
    mapped &= m_has
    there = (
        np.where(mapped, m_hi, hi),
        np.where(mapped, m_lo, lo),
        np.where(mapped, m_number, number),
    )
    return (hi, lo, number), there, real & has


@cache
def _no_log() -> LogSide:
    import polars as pl

    return log_side(pl.DataFrame(schema=polars_schema(LOG_CONNECTIONS)))


def log_side(frame: pl.DataFrame, devices: Sequence[str] = ()) -> LogSide:
    """tables.LOG_CONNECTIONS as arrays; `devices` come first."""
    import polars as pl

    def ns(name: str) -> Array:
        return frame[name].cast(pl.Int64).fill_null(NEVER).to_numpy()

    orig, orig_mapped, orig_good = _ends(frame, "orig")
    resp, resp_mapped, resp_good = _ends(frame, "resp")
    near, far = (*orig, *resp_mapped), (*orig_mapped, *resp)
    names = frame["device"].fill_null("").to_list()
    known = list(dict.fromkeys((*devices, *names)))
    number_of = {name: at for at, name in enumerate(known)}
    built, teardown = ns("built_ts"), ns("teardown_ts")
    return LogSide(
        frame=frame,
        devices=known,
        device=np.fromiter((number_of[name] for name in names), np.int64, len(names)),
        built=built,
        teardown=teardown,
        teardown_word=frame["teardown"].to_list(),
        near=near,
        far=far,
        near_key=keys.tuple_key(near[:3], near[3:]),
        far_key=keys.tuple_key(far[:3], far[3:]),
        usable=orig_good & resp_good & ((built != NEVER) | (teardown != NEVER)),
    )
