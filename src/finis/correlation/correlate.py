"""The same connection at two points, or in log and packets, becomes one story."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from finis.correlation import (
    clocks,
    denying,
    joining,
    keys,
    logalone,
    losses,
    merge,
    placing,
    straight,
    untranslated,
)
from finis.correlation.clocks import Edge, Shift
from finis.correlation.evidence import Evidence, Options, PointData, gather
from finis.correlation.grouping import Groups, group
from finis.correlation.joining import Candidates, Prints
from finis.correlation.keys import Array
from finis.correlation.placing import Paired, pair_all
from finis.correlation.stories import Stories

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Options", "PointData", "correlate"]

MESSAGES = 20  # ambiguous matches put into words
ENOUGH_TO_SET = 1000  # candidates looked at more closely where a clock could not be set
NAMED = 3  # candidates named per ambiguous match


def correlate(
    points: Sequence[PointData],
    log_connections: pl.DataFrame,
    denials: pl.DataFrame,
    options: Options | None = None,
) -> Stories:
    """Join everything given into stories.

    `points`: what tracking saw, per point.  `log_connections`: tables.LOG_CONNECTIONS; `denials`:
    tables.DENIALS + DENIAL_FACTS (a frame without columns stands for none).  The outcome does not
    depend on the order of points, and never on batch sizes.
    """
    options = options or Options()
    if options.firewalls is None and log_connections.is_empty() and denials.is_empty():
        seen = [point for point in points if len(point.observations.rows)]
        if len(seen) == 1:
            return straight.stories(seen[0], options)
    log_connections, denials = merge.complete(log_connections, denials)
    if not any(len(point.observations.rows) for point in points):
        return logalone.stories(log_connections, denials, tidy=options.tidy)
    return joined(points, log_connections, denials, options)


def joined(
    points: Sequence[PointData],
    log_connections: pl.DataFrame,
    denials: pl.DataFrame,
    options: Options,
) -> Stories:
    """`correlate`, whatever shows the connections; the frames are complete."""
    firewalls = options.firewalls
    ev = gather(points, log_connections, () if firewalls is None else firewalls.devices)
    ev.tidy = options.tidy
    losses.settle(ev, options)
    clocks.coarsen(ev)
    by_tuple = joining.tuple_candidates(ev)
    logged = joining.log_candidates(ev)
    prints = joining.fingerprints(ev, _lonely(ev, by_tuple))
    printed = placing.alike(ev, _as_candidates(ev, prints))
    edges = _edges(ev, [by_tuple, printed], logged)
    solution = clocks.to_reference(ev, edges, options.date)
    shift = np.array(solution.shift_ns, np.int64)[ev.unit] if len(ev) else None
    matched = [
        joining.match_points(ev, joining.tuple_candidates(ev, shift), solution),
        joining.match_points(ev, printed, solution),
    ]
    groups = group(ev, joining.match_logs(ev, *logged, solution), matched)
    paired = pair_all(ev, groups, solution, prints)
    untranslated.settle(ev, paired)
    solution = clocks.to_reference(ev, _refined(edges, paired), options.date)
    refusals = denying.join(ev, groups, paired, solution, denials)
    makes = None if firewalls is None else firewalls.makes
    stories = merge.stories(ev, groups, paired, solution, refusals, prints, makes)
    stories.unmatched = _unmatched(ev, groups, prints, paired)
    return stories


def _lonely(ev: Evidence, by_tuple: Candidates) -> Array:
    """Observations for which another point might show a rewritten twin."""
    if len(ev.points) < 2:
        return np.empty(0, np.int64)
    lonely = np.ones(len(ev), bool)
    lonely[by_tuple.a] = lonely[by_tuple.b] = False
    return np.flatnonzero(lonely)


def _as_candidates(ev: Evidence, prints: Prints) -> Candidates:
    pairs = np.array(sorted(prints.pairs), np.int64).reshape(-1, 2)
    a, b = pairs[:, 0], pairs[:, 1]
    _, flip = joining.same_tuple(ev, a, b)
    return Candidates(a, b, flip | _half_swapped(ev, a, b), np.ones(len(a), bool), "fingerprint")


def _half_swapped(ev: Evidence, a: Array, b: Array) -> Array:
    """One endpoint is unchanged and stands on the other side."""

    def equal(x: str, y: str) -> Any:
        names = ("hi", "lo", "p")
        parts = [ev.rows[f"{x}_{n}"][a] == ev.rows[f"{y}_{n}"][b] for n in names]
        return np.logical_and.reduce(parts)

    straight = equal("orig", "orig") | equal("resp", "resp")
    found: Array = (equal("orig", "resp") | equal("resp", "orig")) & ~straight
    return found


def _edges(ev: Evidence, candidates: list[Candidates], logged: tuple[Array, Array]) -> list[Edge]:
    """What every two clocks say of each other."""
    edges = []
    a = np.concatenate([c.a for c in candidates])
    b = np.concatenate([c.b for c in candidates])
    flip = np.concatenate([c.flip for c in candidates])
    strong = np.concatenate([c.strong for c in candidates])
    for u, v, at in _by_two(ev.unit[a], ev.unit[b]):
        bounds = clocks.pair_bounds(ev, a[at], b[at], flip[at], strong[at])
        one, two = ev.units[u].dated, ev.units[v].dated
        options = {"undated": not (one and two), "both_undated": not (one or two)}
        shift = clocks.solve(bounds, **options)
        if shift is None:
            sure = strong[at] | _printed_alike(ev, a[at], b[at])
            bounds = clocks.pair_bounds(ev, a[at], b[at], flip[at], sure)
            shift = clocks.solve(bounds, **options)
        if shift is not None:
            edges.append(Edge(u, v, shift, True))
    row, conn = logged
    for u, device, at in _by_two(ev.unit[row], ev.log.device[conn]):
        bounds = clocks.log_bounds(ev, row[at], conn[at])
        shift = clocks.solve(bounds, undated=not ev.units[u].dated)
        if shift is not None:
            edges.append(Edge(u, -1 - device, shift, False))
    return edges


def _printed_alike(ev: Evidence, a: Array, b: Array) -> Array:
    """Which pairs of one tuple share a fingerprint too; a thousand are enough to set a clock."""
    rows = np.unique(np.concatenate((a[:ENOUGH_TO_SET], b[:ENOUGH_TO_SET])))
    pairs = joining.fingerprints(ev, rows).pairs
    found = [(int(x), int(y)) in pairs for x, y in zip(a[:ENOUGH_TO_SET], b, strict=False)]
    return np.array(found + [False] * (len(a) - len(found)), bool)


def _by_two(x: Array, y: Array) -> list[tuple[int, int, Array]]:
    """Rows grouped by a pair of small numbers."""
    if not len(x):
        return []
    both, where = np.unique(np.stack((x, y)), axis=1, return_inverse=True)
    where = where.reshape(-1)
    return [(int(u), int(v), np.flatnonzero(where == n)) for n, (u, v) in enumerate(both.T)]


def _refined(edges: list[Edge], paired: Paired) -> list[Edge]:
    """Clock differences between captures, exact now that segments are paired."""
    measured: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for (u, v), found in paired.measured.items():
        measured[u, v] += found
    out = []
    for edge in edges:
        found = measured.get((edge.a, edge.b), [])
        if found and edge.precise:
            found.sort()
            ns, slack = found[len(found) // 2][0], sorted(s for _, s in found)[len(found) // 2]
            plain = edge.shift.ns
            agrees = edge.shift.how != "offset" and abs(ns - plain) <= slack + 1000
            exact = plain if agrees else ns
            shift = Shift(exact, edge.shift.how, edge.shift.connections, slack)
            edge = Edge(edge.a, edge.b, shift, True)
        out.append(edge)
    return out


def _unmatched(ev: Evidence, groups: Groups, prints: Prints, paired: Paired) -> list[str]:
    """Matches that were not made because several were possible, and what limits the others."""
    out = [*losses.notes(ev), *paired.notes]
    single = groups.size[groups.story] == 1
    for left, right in prints.ambiguous:
        left, right = [r for r in left if single[r]], [r for r in right if single[r]]
        if left and right and len(out) < MESSAGES:
            out.append(
                f"{_named(ev, left)} and {_named(ev, right)} carry the same payload; "
                "several pairs are possible, none was chosen"
            )
    return out


def _named(ev: Evidence, rows: list[int]) -> str:
    names = [tuple_text(ev, row) for row in rows[:NAMED]]
    more = f" and {len(rows) - NAMED} more" if len(rows) > NAMED else ""
    return f"{', '.join(names)}{more} at {ev.points[int(ev.point[rows[0]])]}"


def tuple_text(ev: Evidence, row: int) -> str:
    """``10.0.0.1:4711 → 10.0.0.2:443`` of one observation."""
    r = ev.rows[row]
    orig = keys.address(int(r["orig_hi"]), int(r["orig_lo"]))
    resp = keys.address(int(r["resp_hi"]), int(r["resp_lo"]))
    return f"{orig}:{int(r['orig_p'])} → {resp}:{int(r['resp_p'])}"
