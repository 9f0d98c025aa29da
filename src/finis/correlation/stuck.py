"""The first data of a side that was never acknowledged: how large it is, and whether anything else
got through while it was repeated."""

from __future__ import annotations

import numpy as np

from finis.correlation.clocks import SECOND
from finis.correlation.columns import Column, Columns
from finis.correlation.keys import Array
from finis.correlation.picking import WRAP, Picker
from finis.terms import Quirk


def columns(pick: Picker, has: Array) -> Columns:
    """Per side `stuck_bytes` (payload), `stuck_ip_bytes`, `stuck_df`, `stuck_alive`, `stuck_after`;
    null where
    nothing is stuck or the segment is no longer in the tail."""
    out: Columns = {}
    for side, letter in enumerate("or"):
        own = pick.chosen.near_orig if side == 0 else pick.chosen.near_resp
        una = pick.side("una", own, side)
        again = has & (pick.side("rexmit_pkts", own, side) > 0)
        again &= (pick.side("nxt", own, side) != una) & (pick.side("nxt_known", own, side) == 1)
        if not again.any():
            continue
        story, index = tails(pick, np.flatnonzero(again), own)
        tail = pick.ev.tail
        first = tail["seq"][index] == una[story]
        first &= (tail["payload_len"][index] > 0) & (tail["quirks"][index] & Quirk.OVERSIZE == 0)
        first &= tail["side"][index] == own_side(pick, own[story], side)
        story, index = story[first], index[first]
        out |= _side(pick, has, side, letter, own, story, index)
    return out


def own_side(pick: Picker, rows: Array, side: int) -> Array:
    return side ^ pick.turned(rows).astype(np.int64)


def tails(pick: Picker, stories: Array, own: Array) -> tuple[Array, Array]:
    """Every kept segment of these stories: story and index in Evidence.tail."""
    if not len(stories):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    ev, rows = pick.ev, own[stories]
    length = ev.stop[rows] - ev.start[rows]
    story = np.repeat(stories, length)
    index = np.repeat(ev.start[rows] - np.cumsum(length) + length, length) + np.arange(len(story))
    return story, index


def _side(
    pick: Picker, has: Array, side: int, letter: str, own: Array, story: Array, index: Array
) -> Columns:
    tail, size = pick.ev.tail, len(has)
    payload, whole = np.zeros(size, np.int64), np.zeros(size, np.int64)
    np.maximum.at(payload, story, tail["payload_len"][index].astype(np.int64))
    np.maximum.at(whole, story, tail["ip_len"][index].astype(np.int64))
    fragile = np.zeros(size, bool)
    v6 = (tail["src_hi"][index] != 0) | (tail["src_lo"][index] >> np.uint64(32) != 0xFFFF)
    np.logical_or.at(fragile, story, (tail["quirks"][index] & Quirk.DF != 0) | v6)
    first_ns = np.full(size, np.iinfo(np.int64).max - SECOND)
    np.minimum.at(first_ns, story, tail["ts_ns"][index])
    alive = pick.side("last_seg_ns", own, 1 - side) > first_ns + SECOND  # not what was under way
    known = payload > 0
    before = pick.side("una", own, side).astype(np.int64) - pick.side("isn", own, side) - 1
    counted = known & (pick.side("isn_known", own, side) == 1)
    return {
        f"{letter}_stuck_bytes": Column(payload, known),
        f"{letter}_stuck_ip_bytes": Column(whole, known & (whole > 0)),
        f"{letter}_stuck_df": Column(fragile, known),
        f"{letter}_stuck_alive": Column(alive, known),
        f"{letter}_stuck_after": Column(before % WRAP, counted),
    }
