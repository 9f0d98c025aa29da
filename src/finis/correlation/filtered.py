"""RSTs in a capture that was filtered for SYN, FIN and RST.  Tracking calls a number suspect that
nobody had sent yet; here it tells of segments that the filter left out: of data that its sender had
sent or got, and so of a handshake that was complete.
"""

from __future__ import annotations

import numpy as np

from finis.correlation.columns import NONE, Column, Columns, sides, words
from finis.correlation.keys import Array
from finis.correlation.losses import Losses
from finis.correlation.picking import Picker
from finis.terms import Accept, Answers, Ended, RstClass
from finis.tracking.resets import FAR

UNENDED = (Ended.UNANSWERED, Ended.OPEN, Ended.HALF_CLOSED)


def corrected(pick: Picker, has: Array, lost: Losses, out: Columns) -> Columns:
    """The columns in `out` of which this changes what they say."""
    chosen = pick.chosen
    changed: Columns = {}
    if pick.blank or not lost.filtered.any():
        return changed
    for side, (letter, public) in enumerate((("o", "orig"), ("r", "resp"))):
        own = chosen.near_orig if side == 0 else chosen.near_resp
        mine = _ahead(pick, own, side) & lost.filtered[pick.ev.point[own]] & has
        if not mine.any():
            continue
        # A live socket sets the ACK bit; one that is gone takes its number from what it answers.
        bare = pick.side("rst_ack", own, side) == 0
        kind = np.where(bare, RstClass.NO_STATE, RstClass.ABORT)
        for name, told, now in (
            (f"{public}_rst_class", RstClass, kind),
            (f"{public}_rst_answers", Answers, np.where(bare, Answers.UNSEEN, Answers.NONE)),
            (f"{letter}_rst_accept", Accept, np.full(len(own), Accept.UNKNOWN)),
        ):
            changed[name] = words(told, np.where(mine, now, _values(out, name)), has)
        out = out | changed
        ended, by = _values(out, "ended"), _values(out, "reset_by")
        ends = mine & np.isin(ended, UNENDED)
        changed["ended"] = words(Ended, np.where(ends, Ended.RESET, ended), has)
        changed["reset_by"] = sides(np.where(ends, side, np.where(by == 2, NONE, by)), has)
        done = _values(out, "established") | mine & _beyond_the_handshake(pick, own, side)
        changed["established"] = Column(done, has)
        out = out | changed
    return changed


def _values(out: Columns, name: str) -> Array:
    column = out[name]
    assert isinstance(column, Column)
    return column.values


def _ahead(pick: Picker, own: Array, side: int) -> Array:
    """A RST with a SEQ beyond all of its side that was captured, as far as a window may reach."""
    beyond = pick.side("rst_seq", own, side) - pick.side("nxt", own, side)
    suspect = pick.side("rst_class", own, side) == RstClass.SUSPECT
    found: Array = suspect & (pick.side("nxt_known", own, side) == 1)
    return found & (beyond > 0) & (beyond < FAR)


def _beyond_the_handshake(pick: Picker, own: Array, side: int) -> Array:
    """Its sender had sent data, or got some."""
    found = np.zeros(len(own), bool)
    for name, of in (("rst_seq", side), ("rst_ack", 1 - side)):
        more = pick.side(name, own, side) - pick.side("isn", own, of) - np.uint32(1)
        found |= (pick.side("isn_known", own, of) == 1) & (more > 0) & (more < FAR)
    return found
