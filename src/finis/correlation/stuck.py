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
        story, tail = tails(pick, np.flatnonzero(again), own)
        first = tail["seq"] == una[story]
        first &= (tail["payload_len"] > 0) & (tail["quirks"] & Quirk.OVERSIZE == 0)
        first &= tail["side"] == own_side(pick, own[story], side)
        out |= _side(pick, has, side, letter, own, story[first], tail[first])
    return out


def own_side(pick: Picker, rows: Array, side: int) -> Array:
    return side ^ pick.turned(rows).astype(np.int64)


def tails(pick: Picker, stories: Array, own: Array) -> tuple[Array, Array]:
    """Every kept segment of these stories (tables.SEGMENT), and whose each is."""
    ev, rows = pick.ev, own[stories]
    return np.repeat(stories, ev.stop[rows] - ev.start[rows]), ev.segments(rows)


def _side(
    pick: Picker, has: Array, side: int, letter: str, own: Array, story: Array, tail: Array
) -> Columns:
    size = len(has)
    payload, whole = np.zeros(size, np.int64), np.zeros(size, np.int64)
    np.maximum.at(payload, story, tail["payload_len"].astype(np.int64))
    np.maximum.at(whole, story, tail["ip_len"].astype(np.int64))
    fragile = np.zeros(size, bool)
    v6 = (tail["src_hi"] != 0) | (tail["src_lo"] >> np.uint64(32) != 0xFFFF)
    np.logical_or.at(fragile, story, (tail["quirks"] & Quirk.DF != 0) | v6)
    first_ns = np.full(size, np.iinfo(np.int64).max - SECOND)
    np.minimum.at(first_ns, story, tail["ts_ns"])
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
