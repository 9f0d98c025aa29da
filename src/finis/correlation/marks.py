"""What the firewall did to segments, per story: counted, and marked in the ending with ``!``
(entered, never left) and ``^`` (left without entering)."""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from finis.correlation.clocks import Solution
from finis.correlation.columns import Column, Made
from finis.correlation.evidence import Evidence
from finis.correlation.grouping import Groups
from finis.correlation.keys import Array, distinct_rows
from finis.correlation.placing import Paired
from finis.records import dataclass
from finis.terms import Alert, Flag, Quirk, Role
from finis.tracking import endings

if TYPE_CHECKING:
    from finis.correlation.picking import Chosen


@dataclass(slots=True)
class Treated:
    """Per story.  `dropped[side]` counts, of them `syns`; `kinds[what][side]` says whether;
    `created[0]`: a RST was made towards orig, `[1]` towards resp.  Absence is observed only where
    `paired`."""

    ending: Made
    paired: Array
    refused: tuple[Array, Array]  # a denial speaks of a segment of that side
    refused_rst: tuple[Array, Array]  # of a RST
    dropped: tuple[Array, Array]
    syns: tuple[Array, Array]
    kinds: dict[str, tuple[Array, Array]]
    created: tuple[Array, Array]
    device_first: Array  # the first RST anyone saw was the firewall's own


def treated(
    ev: Evidence,
    groups: Groups,
    paired: Paired,
    clocks: Solution,
    denied: set[int],
    chosen: Chosen,
) -> Treated:
    """Collect verdicts of all pairings, and of denials and drop captures for the other stories."""
    n = groups.count

    def flags() -> tuple[Array, Array]:
        return np.zeros(n, bool), np.zeros(n, bool)

    def counts() -> tuple[Array, Array]:
        return np.zeros(n, np.int64), np.zeros(n, np.int64)

    out = Treated(
        ending=partial(_endings, ev, groups, chosen, {}),
        paired=np.zeros(n, bool),
        refused=flags(),
        refused_rst=flags(),
        dropped=counts(),
        syns=counts(),
        kinds={"rst": flags(), "fin": flags(), "data": flags()},
        created=flags(),
        device_first=np.zeros(n, bool),
    )
    vanished, created = _verdicts(ev, groups, paired, denied, out)
    texts: dict[int, str] = {}
    for story in sorted(set(vanished) | set(created)):
        for row, index in vanished.get(story, ()):
            _count(ev, groups, out, story, row, index)
        for row, index in created.get(story, ()):
            if ev.tail[index]["flags"] & Flag.RST:
                side = int(ev.tail[index]["side"]) ^ int(groups.flipped[row])
                out.created[1 - side][story] = True
        texts[story] = _marked(
            ev, groups, clocks, chosen, story, vanished.get(story, []), created.get(story, [])
        )
        out.device_first[story] = _device_first(ev, paired, clocks, story, created.get(story, []))
    if texts:
        out.ending = partial(_endings, ev, groups, chosen, texts)
    return out


_Places = dict[int, list[tuple[int, int]]]  # story → (observation, row of Evidence.tail)


def _verdicts(
    ev: Evidence, groups: Groups, paired: Paired, denied: set[int], out: Treated
) -> tuple[_Places, _Places]:
    vanished: _Places = defaultdict(list)
    created: _Places = defaultdict(list)
    out.paired[paired.twins.story] = True
    for story, pairings in paired.pairings.items():
        rows = paired.order[story]
        for pairing in pairings:
            out.paired[story] |= bool(pairing.pairs)
            for places, kind in ((pairing.vanished, vanished), (pairing.created, created)):
                for which, at in places:
                    kind[story].append((rows[which], int(ev.start[rows[which]]) + at))
    told = sorted(denied)
    owner = _owners(ev, told)
    known = {index for places in vanished.values() for _, index in places}
    for index, row in zip(told, owner, strict=True):
        story = int(groups.story[row])
        side = int(ev.tail[index]["side"]) ^ int(groups.flipped[row])
        out.refused[side][story] = True
        out.refused_rst[side][story] |= bool(ev.tail[index]["flags"] & Flag.RST)
        if index not in known:
            vanished[story].append((row, index))
    return vanished, created


def _owners(ev: Evidence, indices: list[int]) -> list[int]:
    """The observations that rows of the tail belong to."""
    if not indices:
        return []
    order = np.argsort(ev.start, kind="stable")
    at = np.searchsorted(ev.start[order], np.array(indices), "right") - 1
    return [int(r) for r in order[at]]


def _count(ev: Evidence, groups: Groups, out: Treated, story: int, row: int, index: int) -> None:
    segment = ev.tail[index]
    side = int(segment["side"]) ^ int(groups.flipped[row])
    out.dropped[side][story] += 1
    out.syns[side][story] += bool(segment["flags"] & Flag.SYN)
    for what, holds in (
        ("rst", segment["flags"] & Flag.RST),
        ("fin", segment["flags"] & Flag.FIN),
        ("data", segment["payload_len"]),
    ):
        if holds:
            out.kinds[what][side][story] = True


def _device_first(
    ev: Evidence, paired: Paired, clocks: Solution, story: int, created: list[tuple[int, int]]
) -> bool:
    """Was a RST of the firewall earlier than any that a side sent?"""
    made = [
        int(ev.tail[i]["ts_ns"]) + clocks.shift_ns[int(ev.unit[r])]
        for r, i in created
        if ev.tail[i]["flags"] & Flag.RST
    ]
    if not made:
        return False
    forged = {i for _, i in created}
    for row in paired.order[story]:
        for index in range(int(ev.start[row]), int(ev.stop[row])):
            if ev.tail[index]["flags"] & Flag.RST and index not in forged:
                ts = int(ev.tail[index]["ts_ns"]) + clocks.shift_ns[int(ev.unit[row])]
                if ts < min(made):
                    return False
    return True


# --- the ending as text -----------------------------------------------------------------------


def _endings(ev: Evidence, groups: Groups, chosen: Chosen, marked: dict[int, str]) -> Column:
    """The ending of every story as the point nearest the first closer shows it, or as marked."""
    import polars as pl

    if not len(ev):
        return Column(np.zeros(groups.count, np.uint8), chosen.packets, pl.Series([""]))
    at = np.maximum(chosen.closer, 0)
    codes = np.ascontiguousarray(ev.rows["ending"][at])
    if groups.flipped.any():
        turned = groups.flipped[at][:, None] & (codes != 0)
        codes = np.where(turned, codes ^ endings.FROM_RESP, codes)
    distinct, where = distinct_rows(codes)
    texts = [endings.text(row) for row in distinct.tolist()]
    where[list(marked)] = len(texts) + np.arange(len(marked))
    texts += marked.values()
    return Column(where, chosen.packets, pl.Series(texts, dtype=pl.String))


def _marked(
    ev: Evidence,
    groups: Groups,
    clocks: Solution,
    chosen: Chosen,
    story: int,
    vanished: list[tuple[int, int]],
    created: list[tuple[int, int]],
) -> str:
    """The ending with its marks; segments that the point nearest the first closer never saw are
    put in where their time says."""
    row = int(chosen.closer[story])
    turned = endings.FROM_RESP if groups.flipped[row] else 0
    codes = [int(c) ^ turned for c in ev.rows["ending"][row] if c]
    shift = clocks.shift_ns[int(ev.unit[row])]
    tail = ev.tail[int(ev.start[row]) : int(ev.stop[row])]
    begins = _begins(tail, shift, len(codes))
    inserted: list[tuple[int, int, int]] = []
    for places, mark in ((vanished, endings.VANISHED), (created, endings.CREATED)):
        gone: dict[int, int] = defaultdict(int)
        for other, index in places:
            segment = ev.tail[index]
            if other == row:
                gone[int(segment["sym"])] += 1
                continue
            ts = int(segment["ts_ns"]) + clocks.shift_ns[int(ev.unit[other])]
            flip = endings.FROM_RESP if groups.flipped[other] else 0
            if begins and ts >= begins[0]:
                after = sum(1 for begin in begins if begin <= ts)
                inserted.append((after, ts, (_code(segment) ^ flip) | mark))
        for sym, count in gone.items():
            whole = int((tail["sym"] == sym).sum())
            if 0 < sym <= len(codes) and (count >= whole or codes[sym - 1] & _SINGLE):
                codes[sym - 1] |= mark
    for after, _, code in sorted(inserted, reverse=True):
        if not (after and codes[after - 1] == code):
            codes.insert(after, code)
    return endings.text(codes[: endings.MAX_SYMBOLS])


_SINGLE = endings.FIN | endings.RST


def _begins(tail: Any, shift: int, count: int) -> list[int]:
    """When each symbol began, on the reference clock; symbols no longer kept take the next."""
    first: dict[int, int] = {}
    for ts, sym in zip(tail["ts_ns"].tolist(), tail["sym"].tolist(), strict=True):
        if sym:
            first[sym] = min(first.get(sym, ts), ts)
    out: list[int] = []
    following = max(first.values(), default=0)
    for sym in range(count, 0, -1):
        following = first.get(sym, following)
        out.append(following + shift)
    return out[::-1] if first else []


def _code(segment: Any) -> int:
    flags, code = int(segment["flags"]), 0
    for bit, letter in ((Flag.SYN, endings.SYN), (Flag.FIN, endings.FIN), (Flag.RST, endings.RST)):
        if flags & bit:
            code |= letter
    if segment["payload_len"]:
        code |= endings.DATA
        if segment["alert"] != Alert.NONE:
            code |= endings.ALERT
    elif not code:
        code = endings.ACK
    if segment["role"] & Role.RETRANSMISSION and not segment["quirks"] & Quirk.COPY:
        code |= endings.REPEAT
    return code | (endings.FROM_RESP if segment["side"] else 0)
