"""Put everything that shows a connection into one row.

Who stood where decides which point is believed: what a side sent is read at the point nearest to
it, what it received at the same point, counts at the most complete one.  A story seen at a single
point reads everything there, so all of this is a choice of indices into the observations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from finis.correlation import facts, marks, naming, picking
from finis.correlation.clocks import Solution
from finis.correlation.columns import Facts, framed
from finis.correlation.denying import Refused
from finis.correlation.evidence import NEVER, Evidence
from finis.correlation.grouping import Groups
from finis.correlation.joining import Prints
from finis.correlation.keys import Array
from finis.correlation.placing import Paired, pair_again
from finis.correlation.stories import Pairing, Proof, Seen, Stories
from finis.records import dataclass, field
from finis.tables import (
    CONNECTIONS,
    DENIAL_FACTS,
    DENIALS,
    LOG_CONNECTIONS,
    STORY_FACTS,
    polars_schema,
)
from finis.tracking.columns import completed

if TYPE_CHECKING:
    import polars as pl


def complete(log: pl.DataFrame, denials: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Both frames with all columns of their contract, in its types; what is missing is null."""
    return (
        _complete(log, polars_schema(LOG_CONNECTIONS)),
        _complete(denials, polars_schema(DENIALS) | polars_schema(DENIAL_FACTS)),
    )


def _complete(frame: pl.DataFrame, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    import polars as pl

    frame = completed(frame, schema).select(pl.col(n).cast(t) for n, t in schema.items())
    if len(frame) and frame["row"].is_null().all():
        frame = frame.with_columns(pl.int_range(len(frame), dtype=pl.Int64).alias("row"))
    return frame


def stories(
    ev: Evidence,
    groups: Groups,
    paired: Paired,
    clocks: Solution,
    refused: Refused,
    prints: Prints,
    makes: Set[str] | None = None,
) -> Stories:
    """The table of stories, in order of time, and what stands behind each row.  `makes`: of the
    firewalls, None: those that the rows name."""
    import polars as pl

    chosen = picking.choose(ev, groups, paired, clocks)
    treated = marks.treated(ev, groups, paired, clocks, refused.denied, chosen)
    pick = picking.Picker(ev, groups, chosen)
    seen = facts.columns(pick, treated) | facts.identity(pick)
    schema = polars_schema(CONNECTIONS) | polars_schema(STORY_FACTS)
    shown = Facts(seen, groups.count)
    columns = {name: shown[name].series().cast(schema[name]) for name in shown}
    columns |= facts.from_log(ev, groups)
    if len(ev.log):
        columns |= facts.logged_identity(ev, groups, chosen, columns)
    begin = np.where(chosen.packets, chosen.base, _log_times(ev, groups))
    names = naming.fingerprints(ev, groups, chosen)
    tie = np.where(chosen.packets, names, _log_rows(ev, groups))  # of one moment as the log has it
    order = np.lexsort((tie, begin)) if ev.tidy else np.arange(groups.count)
    if (order[1:] < order[:-1]).any():  # gathering every column is dear
        at = pl.Series(order)
        for name in columns:  # one at a time: all at once would be there twice
            columns[name] = columns[name].gather(at)
    columns["row"] = pl.Series(np.arange(groups.count))
    if ev.tidy:
        columns["conn_id"] = naming.ids(names[order])
    frame = framed(columns, schema, groups.count)
    denials = refused.frame
    if makes is None:
        makes = {*ev.log.frame["product"].unique(), *denials["product"].unique()} - {None}
    if len(makes) == 1:  # what no log line tells of passed that firewall too
        frame = frame.with_columns(pl.col("product").fill_null(next(iter(makes))))
    number = np.empty(groups.count, np.int64)
    number[order] = np.arange(groups.count)
    if len(denials):
        story = denials["story"].fill_null(-1).to_numpy()
        moved = np.where(story >= 0, number[story] if groups.count else -1, -1)
        denials = denials.with_columns(
            pl.Series("story", moved).set(pl.Series(moved < 0), None).cast(pl.Int64)
        )
    view = View(ev, groups, paired, clocks, order, prints)
    return Stories(
        table=frame,
        denials=denials,
        clocks=clocks.clocks,
        seen=Lazy(groups.count, view.seen),
        pairings=Lazy(groups.count, view.pairings, number[view.several()]),
        proofs=Lazy(groups.count, view.proofs),
        placed=places(ev, groups, begin, tie)[order],
        origin=groups.first_row[order],
        name=None if ev.tidy else lambda row: partial(naming.one, names[row]),
    )


def places(ev: Evidence, groups: Groups, begin: Array, tie: Array) -> pl.DataFrame:
    """Per story its place in time, and in the input: the last segment of its first
    observation, else its Teardown or Built."""
    import polars as pl

    row = groups.first_row
    paths = pl.Series("path", [*ev.paths, None], dtype=pl.String)
    file, number = np.full(len(row), len(ev.paths)), np.zeros(len(row), np.int64)
    seen = np.flatnonzero(row >= 0)
    seen = seen[ev.stop[row[seen]] > ev.start[row[seen]]] if len(ev) else seen
    if len(seen):
        row = row[seen]
        file[seen], number[seen] = ev.fields["last_file"][row], ev.fields["last_frame"][row]
    path = paths[pl.Series(file.astype(np.uint32))]
    out = pl.DataFrame({
        "begin": begin, "tie": tie, "proof_file": path, "proof_number": number,
        "proof_is_line": file == len(ev.paths),
    })  # fmt: skip
    if not len(ev.log):
        return out
    lines = ev.log.frame.select(
        pl.coalesce(f"teardown_{what}", f"built_{what}").alias(f"log_{what}")
        for what in ("file", "line")
    )[np.maximum(groups.conn, 0)]
    told = pl.col("proof_is_line") & pl.Series(groups.conn >= 0)
    return out.hstack(lines).select(
        "begin", "tie",
        pl.when(told).then("log_file").otherwise("proof_file").alias("proof_file"),
        pl.when(told).then("log_line").otherwise("proof_number").alias("proof_number"),
        "proof_is_line",
    )  # fmt: skip


def _log_times(ev: Evidence, groups: Groups) -> Array:
    if not len(ev.log):
        return np.zeros(groups.count, np.int64)
    built, teardown = ev.log.built[groups.conn], ev.log.teardown[groups.conn]
    return np.where(built != NEVER, built, np.where(teardown != NEVER, teardown, 0))


def _log_rows(ev: Evidence, groups: Groups) -> Array:
    if not len(ev.log):
        return np.zeros(groups.count, np.uint64)
    rows: Array = ev.log.frame["row"].to_numpy()[groups.conn].astype(np.uint64)
    return rows


def line_proofs(log: pl.DataFrame, row: int) -> tuple[Proof | None, Proof | None]:
    """The lines of a connection's Built and Teardown (tables.LOG_CONNECTIONS)."""
    line = log.row(row, named=True)
    built, teardown = (
        Proof(line[f"{what}_file"], line[f"{what}_line"], "line")
        if line[f"{what}_file"] is not None and line[f"{what}_line"] is not None
        else None
        for what in ("built", "teardown")
    )
    return built, teardown


# --- what stands behind a row -----------------------------------------------------------------

V = TypeVar("V")


class Lazy(Mapping[int, V]):
    """A mapping from story row to something made on demand."""

    def __init__(self, count: int, make: Callable[[int], V], only: Array | None = None) -> None:
        self._make = make
        self._rows = range(count) if only is None else dict.fromkeys(np.sort(only).tolist())

    def __getitem__(self, row: int) -> V:
        if row not in self._rows:
            raise KeyError(row)
        return self._make(row)

    def __iter__(self) -> Iterator[int]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


@dataclass(slots=True)
class View:
    ev: Evidence
    groups: Groups
    paired: Paired
    clocks: Solution
    order: Array  # story row → story number

    prints: Prints
    twins: dict[int, int] = field(default_factory=dict)  # story → place in Paired.twins

    def __post_init__(self) -> None:
        self.twins = {story: at for at, story in enumerate(self.paired.twins.story.tolist())}

    def several(self) -> Array:
        """Stories that have pairings."""
        return np.array([*self.paired.pairings, *self.twins], np.int64)

    def pairings(self, row: int) -> list[Pairing]:
        story = int(self.order[row])
        if story not in self.twins:
            return self.paired.pairings[story]
        twins, at = self.paired.twins, self.twins[story]
        near, far = int(twins.near[at]), int(twins.far[at])
        return pair_again(self.ev, self.groups, self.clocks, self.prints, near, far)

    def seen(self, row: int) -> list[Seen]:
        story = int(self.order[row])
        first = int(self.groups.first_row[story])
        rows = self.paired.order.get(story, [first] if first >= 0 else [])
        if story in self.twins:
            at = self.twins[story]
            rows = [int(self.paired.twins.near[at]), int(self.paired.twins.far[at])]
        return [self._seen(r) for r in rows]

    def _seen(self, row: int) -> Seen:
        ev, unit = self.ev, int(self.ev.unit[row])
        return Seen(
            point=ev.points[int(ev.point[row])],
            files=ev.paths,
            record=ev.rows[row],
            tail=ev.segments(np.array([row])),
            shift_ns=self.clocks.shift_ns[unit],
            flipped=bool(self.groups.flipped[row]),
            dated=self.clocks.known[unit],
        )

    def proofs(self, row: int) -> tuple[Proof | None, Proof | None]:
        conn = int(self.groups.conn[int(self.order[row])])
        if conn < 0:
            return None, None
        return line_proofs(self.ev.log.frame, conn)
