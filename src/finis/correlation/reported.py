"""What ICMP reported about a connection: who could not deliver a segment of it, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from finis.correlation import keys
from finis.correlation.clocks import SECOND
from finis.correlation.columns import SIDES, Column, Columns, menu
from finis.correlation.keys import Array
from finis.correlation.picking import WRAP, Picker

if TYPE_CHECKING:
    import polars as pl

# An error belongs to a connection seen this close to it.  Tracking knows a connection to be over no
# sooner than that after its last segment, so that no error comes too late for it.
BEFORE, AFTER = SECOND, 120 * SECOND
RECENT = 1 << 30  # bytes: the largest window (RFC 7323 §2.3)
V4_TOO_BIG = 3 << 8 | 4  # type and code, as SEGMENT.win of an error
V6_TOO_BIG = 2


def columns(pick: Picker, has: Array) -> Columns:
    """`icmp_…`: the first error that rejected a segment, and how many did; `mtu_…`: the first that
    told a smaller MTU.  An error counts only if its SEQ is one that its addressee had sent."""

    ev = pick.ev
    at, side, row = _matched(pick)
    if not len(at):  # what is not told stays null
        none = Column(np.zeros(len(has), np.int64), has)
        return {"icmp_errors": none, "mtu_errors": none}
    code = ev.errors["win"][at].astype(np.int64)
    v4 = (ev.errors["src_hi"][at] == 0) & (ev.errors["src_lo"][at] >> np.uint64(32) == 0xFFFF)
    big = np.where(v4, code == V4_TOO_BIG, code >> 8 == V6_TOO_BIG)
    story = pick.groups.story[row]
    when = ev.errors["ts_ns"][at] + pick.shift(row)
    out: Columns = {}
    for name, count, chosen in (("icmp", "icmp_errors", ~big), ("mtu", "mtu_errors", big)):
        some = np.flatnonzero(chosen)
        some = some[np.lexsort((at[some], when[some], story[some]))]
        first = some[np.unique(story[some], return_index=True)[1]]
        total = np.bincount(story[some], minlength=len(has))
        mine = story[first]

        def spread(values: Array, words: pl.Series | None = None, mine: Array = mine) -> Column:
            column = np.zeros(len(has), values.dtype)
            known = np.zeros(len(has), bool)
            column[mine], known[mine] = values, True
            return Column(column, known, words)

        error = ev.errors[at[first]]
        whose = side[first] ^ pick.groups.flipped[row[first]].astype(np.int64)
        out[count] = Column(total, has)
        out[f"{name}_by"] = spread(*keys.distinct_texts(error["head"], error["payload_hash"]))
        out[f"{name}_to"] = spread(whose, menu(*SIDES))
        out[f"{name}_s"] = spread((when[first] - pick.chosen.base[mine]) / SECOND)
        out[f"{name}_file"] = spread(error["file"], menu(*ev.paths))
        out[f"{name}_frame"] = spread(error["frame"].astype(np.int64))
        if name == "mtu":
            out["mtu_bytes"] = spread(error["mss"].astype(np.int64))
        else:
            out["icmp_type"] = spread(code[first] >> 8)
            out["icmp_code"] = spread(code[first] & 0xFF)
    return out


def _matched(pick: Picker) -> tuple[Array, Array, Array]:
    """Errors, the side (of the observation) whose segment each quotes, and the observation of the
    same point it belongs to: the last one that had begun."""
    ev = pick.ev
    none = np.empty(0, np.int64)
    if not len(ev.errors) or pick.blank:
        return none, none, none
    errors = ev.errors
    key = keys.tuple_key(
        (errors["src_hi"], errors["src_lo"], errors["src_p"]),
        (errors["dst_hi"], errors["dst_lo"], errors["dst_p"]),
    )
    rows = np.flatnonzero(np.isin(ev.key, key))
    if not len(rows):
        return none, none, none
    # Sorted by tuple, point and time, so that the row wanted stands right before each error.
    place = keys.mix(ev.key[rows], ev.point[rows])
    wanted = keys.mix(key, ev.error_point)
    begun = ev.rows["first_ns"][rows] - BEFORE
    joint = np.concatenate((place, wanted))
    time = np.concatenate((begun, errors["ts_ns"]))
    kind = np.concatenate((np.zeros(len(rows), np.int64), np.ones(len(errors), np.int64)))
    order = np.lexsort((kind, time, joint))
    is_row = order < len(rows)
    last = np.maximum.accumulate(np.where(is_row, np.arange(len(order)), -1))
    found = ~is_row & (last >= 0)
    at = order[found] - len(rows)
    row = rows[order[last[found]]]
    same = (place[order[last[found]]] == wanted[at]) & (
        errors["ts_ns"][at] <= ev.rows["last_ns"][row] + AFTER
    )
    at, row = at[same], row[same]
    names = ("hi", "lo", "p")
    orig = np.logical_and.reduce(
        [errors[f"src_{n}"][at] == ev.rows[f"orig_{n}"][row] for n in names]
    )
    side = np.where(orig, 0, 1)
    # Anybody may forge an error; one about a number that was never sent says nothing.
    number = errors["seq"][at].astype(np.int64)
    ahead = (ev.rows["nxt"][row, side].astype(np.int64) - number) % WRAP
    since = (number - ev.rows["isn"][row, side]) % WRAP
    begun = ev.rows["isn_known"][row, side] == 1
    sent = (ev.rows["nxt_known"][row, side] == 1) & (ahead < RECENT)
    sent &= ~begun | (since < WRAP // 2)
    sent |= begun & (since == 0)
    return at[sent], side[sent], row[sent]
