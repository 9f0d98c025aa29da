"""Stories that one point shows and no log: every observation is a story of its own, there is
nothing to group, to pair or to align, and its columns are the facts.  What comes out is what the
general way (`correlate.joined`) makes of the same input.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from finis.correlation import clocks, facts, losses, marks, naming
from finis.correlation.columns import Column, Facts
from finis.correlation.evidence import Evidence, Options, PointData, gather
from finis.correlation.grouping import Groups
from finis.correlation.joining import Prints
from finis.correlation.keys import Array
from finis.correlation.merge import Lazy, View, places
from finis.correlation.picking import Chosen, Picker
from finis.correlation.placing import Paired
from finis.correlation.stories import Stories
from finis.correlation.twins import EMPTY
from finis.tables import CONNECTIONS, DENIAL_FACTS, DENIALS, STORY_FACTS, polars_schema

if TYPE_CHECKING:
    from finis.correlation.clocks import Solution


def stories(point: PointData, options: Options) -> Stories:
    """The stories of a point that shows some."""
    import polars as pl

    ev = gather([point])
    ev.tidy = options.tidy
    losses.settle(ev, options)
    solution = clocks.to_reference(ev, [], options.date)
    groups, paired = _each_alone(len(ev)), Paired(EMPTY)
    chosen = _chosen(ev, groups, solution)
    pick = Picker(ev, groups, chosen)
    treated = marks.treated(ev, groups, paired, solution, set(), chosen)
    made = facts.columns(pick, treated) | facts.identity(pick)
    made["has_log"] = Column(np.zeros(len(ev), bool))
    made["data_denied"] = made["acks_denied"] = Column(np.zeros(len(ev), np.uint8))
    tie = naming.fingerprints(ev, groups, chosen)
    order = np.lexsort((tie, chosen.base)) if options.tidy else np.arange(len(ev))
    in_order = bool((order[1:] > order[:-1]).all())
    shown = Facts(made, len(ev), None if in_order else order)
    schema = polars_schema(CONNECTIONS) | polars_schema(STORY_FACTS)
    if options.columns is not None:
        schema = {name: kind for name, kind in schema.items() if name in options.columns}
    table = shown.frame(schema).with_columns(pl.Series("row", np.arange(len(ev))))
    if options.tidy:
        table = table.with_columns(naming.ids(tie[order]).alias("conn_id"))
    placed = places(ev, groups, chosen.base, tie)
    view = View(ev, groups, paired, solution, order, Prints())
    return Stories(
        table=table,
        denials=pl.DataFrame(schema=polars_schema(DENIALS) | polars_schema(DENIAL_FACTS)),
        clocks=solution.clocks,
        seen=Lazy(len(ev), view.seen),
        pairings={},
        proofs={},
        placed=placed if in_order else placed[order],
        name=None if options.tidy else lambda row: partial(naming.one, tie[row]),
        origin=order,
        facts=shown,
        unmatched=losses.notes(ev),
    )


def _each_alone(count: int) -> Groups:
    """As many stories as observations."""
    every, none = np.arange(count), np.full(count, -1, np.int64)
    nobody = np.empty(0, np.int64)
    no_side = np.zeros(count, np.int8)
    return Groups(
        count=count,
        story=every,
        log_story=nobody,
        link=none,
        log_way=no_side,
        log_near=no_side,
        size=np.ones(count, np.int64),
        first_row=every,
        conn=none,
        twins=(nobody, nobody),
        multi=[],
        flipped=np.zeros(count, bool),
    )


def _chosen(ev: Evidence, groups: Groups, solution: Solution) -> Chosen:
    """The only observation tells everything."""
    at = groups.first_row
    shift: Array = np.array(solution.shift_ns, np.int64)[ev.unit]
    return Chosen(
        packets=np.ones(len(at), bool),
        near_orig=at,
        near_resp=at,
        outer=(at, at),
        fullest=at,
        most=(at, at),
        closer=at,
        base=ev.fields["first_ns"] + shift,
        last=ev.fields["last_ns"] + shift,
        known=np.array(solution.known, bool)[ev.unit],
        shift=shift,
        several=np.zeros(len(at), bool),
        order={},
        twins=EMPTY,
    )
