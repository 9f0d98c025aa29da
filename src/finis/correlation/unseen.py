"""FINs that a capture missed: their number was acknowledged all the same."""

from __future__ import annotations

import numpy as np

from finis.correlation.columns import Column, Columns
from finis.correlation.keys import Array
from finis.correlation.picking import WRAP, Picker
from finis.correlation.stuck import own_side, tails
from finis.terms import Ended, Flag

NOT_CLOSED = (Ended.HALF_CLOSED, Ended.OPEN)


def columns(pick: Picker, has: Array, gap: Array) -> Columns:
    """Per side `fin_missed`: the point nearest to it shows no FIN, but the other point does, or
    exactly one number beyond its last data was acknowledged.  Null where nothing was missed.
    `gap`: per observation, bytes were acknowledged but never captured."""
    chosen = pick.chosen
    out: Columns = {}
    if pick.blank:
        return out
    for side, letter in enumerate("or"):
        own, peer = chosen.near_orig, chosen.near_resp
        if side == 1:
            own, peer = peer, own
        open_ = has & np.isin(pick.one("ended", own), NOT_CLOSED)
        open_ &= (pick.side("fin_ns", own, side) == 0) & (pick.side("rsts", own, side) == 0)
        if not open_.any():
            continue
        missed = open_ & chosen.several & (pick.side("fin_ns", peer, side) != 0)
        missed[_one_beyond(pick, np.flatnonzero(open_ & gap[own]), own, side)] = True
        if missed.any():
            out[f"{letter}_fin_missed"] = Column(missed, missed)
    return out


def _one_beyond(pick: Picker, stories: Array, own: Array, side: int) -> Array:
    """Those of `stories` in which a number after the side's last data was acknowledged."""
    una = pick.side("una", own, side)
    known = (pick.side("nxt_known", own, side) == 1) & (una != 0)
    story, tail = tails(pick, stories[known[stories]], own)
    mine = tail["side"] == own_side(pick, own[story], side)
    syn = (tail["flags"] & Flag.SYN) != 0
    mine &= syn | (tail["payload_len"] > 0)
    story, tail, syn = story[mine], tail[mine], syn[mine]
    end = tail["seq"].astype(np.int64) + tail["payload_len"] + syn
    behind = (una[story].astype(np.int64) - end) % WRAP  # how far it was acknowledged beyond that
    behind = np.where(behind < WRAP // 2, behind, 0)
    nearest = np.full(len(una), WRAP, np.int64)
    np.minimum.at(nearest, story, behind)
    found: Array = np.flatnonzero(nearest == 1)
    return found
