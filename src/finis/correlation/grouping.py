"""Observations and logged connections that belong together, numbered as stories."""

from __future__ import annotations

import numpy as np

from finis.correlation.evidence import Evidence
from finis.correlation.joining import Candidates, log_side_of
from finis.correlation.keys import Array
from finis.records import dataclass
from finis.terms import Orientation


@dataclass(slots=True)
class Groups:
    count: int  # stories
    story: Array  # of every observation
    log_story: Array  # of every logged connection
    link: Array  # of every observation: its logged connection, or -1
    log_way: Array  # of every observation: 1 as the log's tuple, 2 swapped, 0 no link
    log_near: Array  # of every observation: 1 on orig's side of the firewall, 2 on resp's, 0 both
    size: Array  # of every story: observations
    first_row: Array  # of every story: its first observation, or -1
    conn: Array  # of every story: its logged connection, or -1
    twins: tuple[Array, Array]  # observations of the stories that have two, points by name
    multi: list[list[int]]  # observations of the stories that have more
    flipped: Array  # of every observation: orig and resp are swapped against the story


def group(ev: Evidence, links: list[Array], matched: list[Candidates]) -> Groups:
    """Connected pieces of the graph of observations and logged connections.

    `links`: per firewall the logged connection of every observation.  A piece may hold one
    observation per point: where matches contradict that, the weaker ones are dropped.
    """
    rows, conns = len(ev), len(ev.log)
    link = np.full(rows, -1, np.int64)
    heads, tails = [], []
    for found in links:
        at = np.flatnonzero(found >= 0)
        heads.append(at)
        tails.append(rows + found[at])
        link = np.where(link < 0, found, link)
    base = (_cat(heads), _cat(tails))
    usable = []
    for pairs in matched:
        a, b = pairs.a, pairs.b
        other = (link[a] >= 0) & (link[b] >= 0) & (link[a] != link[b])
        other &= ev.log.device[link[a]] == ev.log.device[link[b]] if conns else False
        usable.append((a[~other], b[~other]))
    label = _pieces(rows + conns, [base, *usable])
    for keep in range(len(usable) - 1, -1, -1):
        torn = _crowded(ev, label[:rows])
        if not len(torn):
            break
        a, b = usable[keep]
        bad = np.isin(label[a], torn)
        usable[keep] = (a[~bad], b[~bad])
        label = _pieces(rows + conns, [base, *usable])
    return _number(ev, label, link)


def _cat(parts: list[Array]) -> Array:
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def _pieces(nodes: int, edges: list[tuple[Array, Array]]) -> Array:
    """The lowest node of every node's piece; pieces are small, so a few rounds do."""
    label = np.arange(nodes)
    a, b = _cat([x for x, _ in edges]), _cat([y for _, y in edges])
    while True:
        low = np.minimum(label[a], label[b])
        before = label.copy()
        np.minimum.at(label, a, low)
        np.minimum.at(label, b, low)
        label = label[label]
        if (label == before).all():
            return label


def _crowded(ev: Evidence, label: Array) -> Array:
    """Pieces with two observations of one point."""
    if not len(label):
        return label
    both = np.stack((label, ev.point))
    piece, count = np.unique(both, axis=1, return_counts=True)
    return np.unique(piece[0][count > 1])


def _number(ev: Evidence, label: Array, link: Array) -> Groups:
    rows = len(ev)
    pieces, number = np.unique(label, return_inverse=True)
    number = number.reshape(-1)
    story, log_story = number[:rows], number[rows:]
    count = len(pieces)
    size = np.bincount(story, minlength=count)
    first_row = np.full(count, -1, np.int64)
    first_row[story[::-1]] = np.arange(rows)[::-1]
    conn = np.full(count, -1, np.int64)
    conn[log_story[::-1]] = np.arange(len(ev.log))[::-1]
    own = conn[story] if rows else link
    link = np.where(own >= 0, own, link)  # of several firewalls the first tells the story
    way, near, told = _against_log(ev, link)
    by_story = np.lexsort((np.arange(rows), ev.point, story))
    several = size[story[by_story]]
    two = by_story[several == 2].reshape(-1, 2)
    more = by_story[several > 2]
    parts = np.split(more, np.flatnonzero(np.diff(story[more])) + 1)
    multi = [part.tolist() for part in parts if len(part)]
    guessed = ev.rows["orientation"] == Orientation.GUESSED
    flipped = guessed & (way == 2) & told
    return Groups(
        count,
        story,
        log_story,
        link,
        way,
        near,
        size,
        first_row,
        conn,
        (two[:, 0], two[:, 1]),
        multi,
        flipped,
    )


def _against_log(ev: Evidence, link: Array) -> tuple[Array, Array, Array]:
    """How every linked observation stands to its logged tuple: orientation, on which side of a
    translating firewall it was seen, and whether the log knows who began."""
    way, near = np.zeros(len(ev), np.int8), np.zeros(len(ev), np.int8)
    told = np.zeros(len(ev), bool)
    at = np.flatnonzero(link >= 0)
    if len(at):
        on_near = log_side_of(ev, at, link[at], ev.log.near)
        on_far = log_side_of(ev, at, link[at], ev.log.far)
        way[at] = np.where(on_near > 0, on_near, on_far)
        near[at] = np.where(on_near == on_far, 0, np.where(on_near > 0, 1, 2))
        known = np.array([o == "log" for o in ev.log.frame["orientation"].to_list()], bool)
        told[at] = known[link[at]]
    return way, near, told
