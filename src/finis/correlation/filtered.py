"""RSTs in a capture that was filtered for SYN, FIN and RST.  Tracking calls a number suspect that
nobody had sent yet; here it tells of segments that the filter left out: of data that its sender had
sent or got, and so of a handshake that was complete.
"""

from __future__ import annotations

import numpy as np

from finis.correlation.columns import SIDES, Column, Columns, menu, words
from finis.correlation.keys import Array
from finis.correlation.losses import Losses
from finis.correlation.picking import Picker, ahead
from finis.terms import Accept, Answers, Ended, RstClass

UNENDED = (Ended.UNANSWERED, Ended.OPEN, Ended.HALF_CLOSED)


def corrected(pick: Picker, has: Array, lost: Losses, told: Columns) -> Columns:
    """The columns as told, but for what this changes in them."""
    chosen, out = pick.chosen, dict(told)
    if pick.blank or not lost.filtered.any():
        return out
    for side, (letter, public) in enumerate((("o", "orig"), ("r", "resp"))):
        own = chosen.near_orig if side == 0 else chosen.near_resp
        mine = _ahead(pick, own, side) & lost.filtered[pick.ev.point[own]] & has
        # A live socket sets the ACK bit; one that is gone takes its number from what it answers.
        bare = pick.side("rst_ack", own, side) == 0
        for name, kind, now in (
            (f"{public}_rst_class", RstClass, np.where(bare, RstClass.NO_STATE, RstClass.ABORT)),
            (f"{public}_rst_answers", Answers, np.where(bare, Answers.UNSEEN, Answers.NONE)),
            (f"{letter}_rst_accept", Accept, np.full(len(own), Accept.UNKNOWN)),
        ):
            out[name] = words(kind, np.where(mine, now, _values(out, name)), has)
        ended, by = _values(out, "ended"), _values(out, "reset_by")
        ends = mine & np.isin(ended, UNENDED)
        out["ended"] = words(Ended, np.where(ends, Ended.RESET, ended), has)
        out["reset_by"] = Column(np.where(ends, side, by), has, menu(*SIDES))
        done = _values(out, "established") | mine & _beyond_the_handshake(pick, own, side)
        out["established"] = Column(done, has)
    return out


def _values(columns: Columns, name: str) -> Array:
    column = columns[name]
    assert isinstance(column, Column)
    return column.values


def _ahead(pick: Picker, own: Array, side: int) -> Array:
    """A RST with a SEQ beyond all of its side that was captured."""
    suspect = pick.side("rst_class", own, side) == RstClass.SUSPECT
    known = pick.side("nxt_known", own, side) == 1
    more = ahead(pick.side("rst_seq", own, side), pick.side("nxt", own, side))
    found: Array = suspect & known & more
    return found


def _beyond_the_handshake(pick: Picker, own: Array, side: int) -> Array:
    """Its sender had sent data, or got some."""
    found = np.zeros(len(own), bool)
    for name, of in (("rst_seq", side), ("rst_ack", 1 - side)):
        syn = pick.side("isn", own, of) + np.uint32(1)
        more = ahead(pick.side(name, own, side), syn)
        found |= (pick.side("isn_known", own, of) == 1) & more
    return found
