"""Denials find their story, and where a capture shows it the very segment they refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from finis.correlation import keys
from finis.correlation.clocks import LATE, SECOND, STAMP, Solution
from finis.correlation.evidence import NEVER, Evidence
from finis.correlation.grouping import Groups
from finis.correlation.keys import Array
from finis.correlation.placing import Paired
from finis.records import dataclass, field
from finis.terms import Accept, Answers, Ended, Flag, Kind, Role, RstClass, word

if TYPE_CHECKING:
    import polars as pl

SHOWN_FLAGS = Flag.FIN | Flag.SYN | Flag.RST | Flag.PSH | Flag.ACK | Flag.URG
AFTER_LIFE = 300 * SECOND  # a denial without a log connection belongs to packets this recent


@dataclass(slots=True)
class Refused:
    """`frame`: the denials table with story and segment columns filled; `denied`: rows of
    Evidence.tail that a denial refused."""

    frame: pl.DataFrame
    denied: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Denials:
    """The columns needed, as arrays."""

    ns: Array  # NEVER where unstamped
    key: Array
    src: tuple[Array, Array, Array]
    bits: Array  # flags, -1 where the line names none
    usable: Array
    log_at: Array  # position in the log frame, or -1


def join(
    ev: Evidence, groups: Groups, paired: Paired, clocks: Solution, denials: pl.DataFrame
) -> Refused:
    import polars as pl

    if denials.is_empty():
        return Refused(denials, set())
    told = _read(ev, clocks, denials)
    story = (
        np.where(told.log_at >= 0, groups.log_story[told.log_at], -1)
        if len(ev.log)
        else (np.full(len(denials), -1, np.int64))
    )
    found = _segments(ev, groups, paired, clocks, told, story)
    file: list[str | None] = denials["segment_file"].to_list()
    frame: list[int | None] = denials["segment_frame"].to_list()
    form: list[str | None] = denials["segment_rst_class"].to_list()
    answers: list[str | None] = denials["segment_answers"].to_list()
    payload: list[int | None] = denials["segment_payload"].to_list()
    fits: list[bool | None] = [None] * len(denials)
    near_start: list[bool | None] = [None] * len(denials)
    denied = set()
    for at, (row, index) in found.items():
        segment, record = ev.tail[index], ev.rows[row]
        payload[at] = int(segment["payload_len"])
        fits[at] = _fits(segment, record)
        since_ns = int(segment["ts_ns"]) - int(record["first_ns"])
        near_start[at] = bool(record["midstream"]) and since_ns < SECOND
        if file[at] is None:  # drop captures name their own frame
            file[at], frame[at] = ev.paths[int(segment["file"])], int(segment["frame"])
        if segment["flags"] & Flag.RST:
            side, first = int(segment["side"]), bool(segment["role"] & Role.RST)
            kind = RstClass(int(record["rst_class"][side])) if first else RstClass.REPEAT
            form[at] = word(kind)
            answers[at] = word(Answers(int(record["rst_answers"][side]))) if first else None
        denied.add(index)
        _confirm(ev, groups, paired, row, index)
    known = pl.Series(story, dtype=pl.Int64).set(pl.Series(story < 0), None)
    return Refused(
        denials.with_columns(
            known.alias("story"),
            pl.Series("segment_file", file, pl.String),
            pl.Series("segment_frame", frame, pl.Int64),
            pl.Series("segment_rst_class", form, pl.String),
            pl.Series("segment_answers", answers, pl.String),
            pl.Series("segment_payload", payload, pl.Int64),
            pl.Series("segment_fits", fits, pl.Boolean),
            pl.Series("segment_near_start", near_start, pl.Boolean),
        ),
        denied,
    )


def _read(ev: Evidence, clocks: Solution, denials: pl.DataFrame) -> _Denials:
    import polars as pl

    ns = denials["ts"].cast(pl.Int64).fill_null(NEVER).to_numpy().copy()
    number = {name: clocks.device_ns[at] for at, name in enumerate(ev.log.devices)}
    shift = np.array([number.get(d or "", 0) for d in denials["device"].to_list()], np.int64)
    ns = np.where(ns == NEVER, NEVER, ns + shift)
    ends, good = [], np.ones(len(denials), bool)
    for side in ("src", "dst"):
        hi, lo, ok = keys.parse(denials[f"{side}_h"])
        port = denials[f"{side}_p"]
        good &= ok & port.is_not_null().to_numpy()
        ends.append((hi, lo, port.fill_null(0).clip(0, 65535).to_numpy().astype(np.uint64)))
    good &= denials["duplicate_of"].is_null().to_numpy()
    tcp = pl.col("proto").fill_null("tcp").str.to_lowercase().is_in(["tcp", "6"])
    good &= denials.select(tcp).to_series().to_numpy()
    words = denials["flags"].unique().to_list()
    bits = {text: _bits(text) for text in words}
    at_row = {row: at for at, row in enumerate(ev.log.frame["row"].to_list())}
    log_at = [at_row.get(row, -1) for row in denials["log_row"].to_list()]
    return _Denials(
        ns=ns,
        key=keys.tuple_key(*ends),
        src=ends[0],
        bits=np.array([bits[text] for text in denials["flags"].to_list()], np.int64),
        usable=good,
        log_at=np.array(log_at, np.int64),
    )


def _bits(text: str | None) -> int:
    """``RST ACK`` → Flag bits; -1 where nothing is said."""
    if not text:
        return -1
    names = text.replace(",", " ").split()
    if not all(name in Flag.__members__ for name in names):
        return -1
    return int(sum(Flag[name] for name in names))


def _segments(
    ev: Evidence, groups: Groups, paired: Paired, clocks: Solution, told: _Denials, story: Array
) -> dict[int, tuple[int, int]]:
    """Denial → (observation, row of Evidence.tail).  After the teardown everything of a tuple is
    refused, so the denials of a second are the last segments of that kind: latest to latest.
    Fills `story` where the log knows no connection but packets do."""
    order = np.argsort(ev.key, kind="stable")
    sorted_keys = ev.key[order]
    settled = _settled(ev, groups, paired)
    twin = np.zeros(groups.count, bool)  # every segment seen on both sides
    twin[paired.twins.story] = True
    used: set[int] = set()
    found: dict[int, tuple[int, int]] = {}
    at = np.flatnonzero(told.usable & (told.ns != NEVER))
    left = np.searchsorted(sorted_keys, told.key, "left")
    right = np.searchsorted(sorted_keys, told.key, "right")
    at = at[(right > left)[at]]
    cache: dict[int, list[tuple[int, tuple[int, int], int]]] = {}
    for denial in at[np.lexsort((-at, -told.ns[at]))].tolist():
        rows = order[left[denial] : right[denial]][:64].tolist()
        best: tuple[int, int, int] | None = None
        for row in rows:
            unit = int(ev.unit[row])
            if not clocks.known[unit]:
                continue
            slack = clocks.slack_ns[unit] + STAMP
            last = int(ev.rows["last_ns"][row]) + clocks.shift_ns[unit]
            first = int(ev.rows["first_ns"][row]) + clocks.shift_ns[unit]
            when = int(told.ns[denial])
            if not first - LATE - slack <= when <= last + AFTER_LIFE:
                continue
            if story[denial] < 0:
                story[denial] = groups.story[row]
            if groups.story[row] != story[denial] or twin[story[denial]]:
                continue
            if row not in cache:
                cache[row] = _kept(ev, row, clocks.shift_ns[unit])
            side = _sender(ev, row, told, denial)
            bits = int(told.bits[denial])
            if bits < 0:  # access lists are asked about the first segment of a connection
                if int(ev.rows["ended"][row]) not in (Ended.UNANSWERED, Ended.REFUSED):
                    continue
                bits = int(Flag.SYN)
            wanted = bits, side
            for ts, form, index in cache[row]:
                if form != wanted or index in used or index in settled:
                    continue
                if when - LATE - slack <= ts <= when + STAMP + slack and (
                    best is None or ts > best[0]
                ):
                    best = ts, row, index
        if best is not None:
            found[denial] = best[1], best[2]
            used.add(best[2])
    return found


def _fits(segment: np.void, record: np.void) -> bool | None:
    """Did its numbers lie where its receiver had to take it?  None where that is not observable."""
    side = int(segment["side"])
    if not segment["flags"] & Flag.RST:
        kind = int(segment["kind"])
        return None if kind in (Kind.UNKNOWN, Kind.STRAY) else kind != Kind.OUT_OF_WINDOW
    accept = int(record["rst_accept"][side])
    if accept == Accept.OUTSIDE:  # the most acceptable RST of its side was
        return False
    return True if accept != Accept.UNKNOWN and int(record["rsts"][side]) == 1 else None


def _kept(ev: Evidence, row: int, shift: int) -> list[tuple[int, tuple[int, int], int]]:
    """(time on the reference clock, (flags, side), row of Evidence.tail)."""
    start, stop = int(ev.start[row]), int(ev.stop[row])
    tail = ev.tail[start:stop]
    flags = (tail["flags"] & int(SHOWN_FLAGS)).tolist()
    arrived = _arrived(ev, row).tolist()
    return [
        (ts + shift, (bits, side), start + n)
        for n, (ts, bits, side) in enumerate(
            zip(tail["ts_ns"].tolist(), flags, tail["side"].tolist(), strict=True)
        )
        if not arrived[n]
    ]


def _arrived(ev: Evidence, row: int) -> Array:
    """Segments whose payload was acknowledged: nobody refused those."""
    record, tail = ev.rows[row], ev.tail[int(ev.start[row]) : int(ev.stop[row])]
    side = np.minimum(tail["side"], 1)
    end = tail["seq"].astype(np.int64) + tail["payload_len"]
    passed = (record["una"][side].astype(np.int64) - end) % (1 << 32) < 1 << 31
    heard = (record["pkts"][1 - side] > 0) & (record["nxt_known"][side] == 1)
    found: Array = (tail["payload_len"] > 0) & passed & heard
    return found


def _sender(ev: Evidence, row: int, told: _Denials, denial: int) -> int:
    record = ev.rows[row]
    names = ("orig_hi", "orig_lo", "orig_p")
    same = all(int(record[n]) == int(part[denial]) for n, part in zip(names, told.src, strict=True))
    return 0 if same else 1


def _settled(ev: Evidence, groups: Groups, paired: Paired) -> set[int]:
    """Segments seen on both sides, or coming out of the firewall: no denial speaks of them.  Of
    several points two may stand on one side: what vanished beyond them is not settled."""
    out: set[int] = set()
    vanished: set[int] = set()
    for story, pairings in paired.pairings.items():
        start = [int(ev.start[row]) for row in paired.order[story]]
        for pairing in pairings:
            for a, b in pairing.pairs:
                out |= {start[pairing.near] + a, start[pairing.far] + b}
            out |= {start[which] + row for which, row in pairing.created}
            vanished |= {start[which] + row for which, row in pairing.vanished}
    return out - vanished


def _confirm(ev: Evidence, groups: Groups, paired: Paired, row: int, index: int) -> None:
    """The log says the firewall refused it: what the other capture could not show is proven."""
    story = int(groups.story[row])
    if story not in paired.order:
        return
    which = paired.order[story].index(row)
    place = which, index - int(ev.start[row])
    for pairing in paired.pairings[story]:
        if place in pairing.unjudged:
            pairing.unjudged.remove(place)
            pairing.vanished.append(place)
