"""What several RSTs of one side show together, at the point nearest to their receiver: a host sends
them with one number, or with numbers it was asked about; who forges them has to guess."""

from __future__ import annotations

import numpy as np

from finis.correlation.columns import Column, Columns, menu
from finis.correlation.keys import Array
from finis.correlation.picking import WRAP, Picker
from finis.correlation.stuck import own_side, tails
from finis.terms import Flag

# How the RSTs of a side look together: R without ACK bit, R. with it.
FORMS = ("R=R", "R≠R", "R,R0", "R.,R.", "R,R.")


def columns(pick: Picker, has: Array) -> Columns:
    """Per side `rst_form` (one of FORMS, null below two RSTs), `rst_seqs` (different SEQs among the
    RSTs kept), `rst_ahead` (one of them beyond all the side sent, another not the same),
    `rst_acks_ahead` (with ACK bit, different ACKs, one beyond all the peer sent)."""
    out: Columns = {}
    for side, letter in enumerate("or"):
        at = pick.chosen.near_resp if side == 0 else pick.chosen.near_orig
        several = has & (pick.side("rsts", at, side) > 1)
        if several.any():
            out |= _side(pick, letter, side, at, several)
    return out


def _side(pick: Picker, letter: str, side: int, at: Array, several: Array) -> Columns:
    story, tail = tails(pick, np.flatnonzero(several), at)
    mine = (tail["flags"] & Flag.RST != 0) & (tail["side"] == own_side(pick, at[story], side))
    story, tail = story[mine], tail[mine]
    with_ack = tail["flags"] & Flag.ACK != 0
    seq, ack = tail["seq"].astype(np.int64), tail["ack"].astype(np.int64)
    size = len(several)

    def count(which: Array) -> Array:
        found: Array = np.bincount(story[which], minlength=size)
        return found

    def distinct(which: Array, values: Array) -> Array:
        pairs = np.unique(story[which] * WRAP + values[which])
        found: Array = np.bincount(pairs // WRAP, minlength=size)
        return found

    every = np.ones(len(story), bool)
    bare, acked, zero = count(~with_ack), count(with_ack), count(~with_ack & (ack == 0))
    bare_acks = distinct(~with_ack, ack)
    form = np.select(
        [(bare > 0) & (acked > 0), acked > 1, (bare_acks > 1) & (zero == 1), bare_acks > 1],
        [4, 3, 2, 1],
        0,
    )
    known = several & (bare + acked > 1)
    seqs = distinct(every, seq)
    nxt, told = pick.side("nxt", at, side), pick.side("nxt_known", at, side) == 1
    peer, heard = pick.side("nxt", at, 1 - side), pick.side("nxt_known", at, 1 - side) == 1

    def beyond(values: Array, limit: Array) -> Array:
        over = (values - limit[story]) % WRAP
        found: Array = (over > 0) & (over < WRAP // 2)
        return found

    ahead = count(beyond(seq, nxt)) > 0
    acks_ahead = count(with_ack & beyond(ack, peer)) > 0
    return {
        f"{letter}_rst_form": Column(form, known, menu(*FORMS)),
        f"{letter}_rst_seqs": Column(seqs, known),
        f"{letter}_rst_ahead": Column(ahead & (seqs > 1), known & told),
        f"{letter}_rst_acks_ahead": Column(
            acks_ahead & (distinct(with_ack, ack) > 1), known & heard
        ),
    }
