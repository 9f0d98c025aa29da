"""The columns of a story, in bulk: every fact is read from the observation that can know it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from finis.correlation import (
    absent,
    filtered,
    keys,
    losses,
    reported,
    resetting,
    stuck,
    tlsrecords,
    unseen,
)
from finis.correlation.clocks import SECOND
from finis.correlation.columns import NONE, Column, Columns, menu, null_unless, nulls, sides, words
from finis.correlation.evidence import Evidence
from finis.correlation.grouping import Groups
from finis.correlation.keys import Array
from finis.correlation.marks import Treated
from finis.correlation.picking import WRAP, Chosen, Picker, ahead
from finis.terms import (
    Accept,
    Alert,
    Answers,
    Ended,
    Notify,
    Orientation,
    RstClass,
    word,
)
from finis.tracking import endings

if TYPE_CHECKING:
    import polars as pl


def columns(pick: Picker, treated: Treated) -> Columns:
    """Everything that packets tell."""
    chosen = pick.chosen
    has = chosen.packets
    out = _counts(pick, has) | _closing(pick, has, treated) | _times(pick, has)
    for side, letter in enumerate("or"):
        out |= _side_facts(pick, has, side, letter, treated)
    out |= _rst_facts(pick, has, treated)
    for more in (reported, stuck, resetting, tlsrecords):
        out |= more.columns(pick, has)
    lost = losses.found(pick)
    out |= losses.columns(pick, has, lost)
    out |= unseen.columns(pick, has, lost.gap)
    out |= absent.columns(pick, has, lost.lossy)
    out["ending"] = treated.ending
    out["has_packets"] = Column(has)
    out["n_points"] = Column(pick.groups.size)
    out["paired"] = Column(treated.paired, has)
    return filtered.corrected(pick, has, lost, out)


def _counts(pick: Picker, has: Array) -> Columns:
    """Totals from the most complete point."""
    at, near = pick.chosen.fullest, pick.chosen.near_orig
    out: Columns = {}
    for side, name in enumerate(("orig", "resp")):
        most = pick.chosen.most[side]
        for field in ("pkts", "bytes", "ip_bytes"):
            out[f"{name}_{field}"] = Column(pick.side(field, most, side), has)
    out["conn_state"] = lambda: Column(_conn_state(pick, at), has, menu(*endings.CONN_STATES))
    out["history"] = lambda: _history(pick, at, has)
    out["midstream"] = Column(pick.one("midstream", near) == 1, has)
    out["simultaneous_open"] = Column(pick.one("simultaneous", at) == 1, has)
    vlan = pick.one("vlan", near)
    out["vlan"] = Column(vlan, has & (vlan != 0))
    return out


def _conn_state(pick: Picker, at: Array) -> Array:
    code, turned = pick.one("conn_state", at), pick.turned(at)
    states = endings.CONN_STATES
    mirrored = np.array([states.index(_MIRROR.get(s, s)) for s in states], np.uint8)
    return np.where(turned, mirrored[code], code) if turned.any() else code


def _history(pick: Picker, at: Array, has: Array) -> Column:
    import polars as pl

    raw = pick.fields.rows["history"]
    distinct, where = keys.distinct_rows(raw if pick.all(at) else raw[at])
    texts = [one.tobytes().rstrip(b"\0").decode("ascii", "replace") for one in distinct]
    turned = pick.turned(at)
    if turned.any():
        where = where + len(texts) * turned
        texts += [text.swapcase() for text in texts]
    return Column(where, has, pl.Series(texts, dtype=pl.String))


_MIRROR = {"RSTO": "RSTR", "RSTR": "RSTO", "S2": "S3", "S3": "S2", "SH": "SHR", "SHR": "SH",
           "RSTOS0": "RSTRH", "RSTRH": "RSTOS0"}  # fmt: skip


def _closing(pick: Picker, has: Array, treated: Treated) -> Columns:
    """How it ended, as whoever was concerned saw it."""
    chosen = pick.chosen
    near, far, several = chosen.near_orig, chosen.near_resp, chosen.several
    fin = [pick.side("fin_ns", near, 0) != 0, pick.side("fin_ns", far, 1) != 0]
    ends = chosen.outer
    acked = [
        (pick.side("fin_acked_ns", ends[0], s) != 0) | (pick.side("fin_acked_ns", ends[1], s) != 0)
        for s in (0, 1)
    ]
    if several.any():
        for s, (own, peer) in enumerate((ends, ends[::-1])):  # one-way taps: by numbers
            number = pick.side("fin_seq", own, s) + np.uint32(1)
            acked[s] |= several & fin[s] & (pick.side("una", peer, s) == number)
    first_fin = _closed_first(pick, pick.who("first_fin", chosen.closer))
    first_rst = _first_sent(pick, "rst_ns", pick.who("first_rst", chosen.closer))
    reset_by = pick.who("reset_by", chosen.fullest)
    ended = pick.one("ended", chosen.fullest)
    if several.any():
        reset_by = np.where(several, _reset_by(pick, first_rst), reset_by)
        agreed = pick.one("ended", ends[0]) == pick.one("ended", ends[1])
        agreed &= (reset_by != NONE) == (ended == Ended.RESET)
        agreed &= (pick.side("pkts", ends[0], 1) > 0) & (pick.side("pkts", ends[1], 0) > 0)
        ended = np.where(several & ~agreed, _ended(pick, fin, acked, reset_by), ended)
        missing = several & (first_rst == NONE)
        late = np.where(pick.side("rst_ns", near, 0) != 0, 0, NONE)
        late = np.where((late == NONE) & (pick.side("rst_ns", far, 1) != 0), 1, late)
        first_rst = np.where(missing, late, first_rst)
    for s, own in enumerate(ends):  # an abort may be the only segment that acknowledges it
        number, there = _rst_ack(pick, own, 1 - s)
        acked[s] |= there & fin[s] & (number == pick.side("fin_seq", own, s) + np.uint32(1))
    fins = [pick.side("fin_ns", chosen.closer, s) for s in (0, 1)]
    gap, both = np.abs(fins[0] - fins[1]) / SECOND, (fins[0] != 0) & (fins[1] != 0)
    if treated.device_first.any():
        first_rst = np.where(treated.device_first, 3, first_rst)
    return {
        "established": Column(_established(pick), has),
        "first_fin": sides(first_fin, has),
        "fin_by": Column(_by(fin[0], fin[1]), has, menu(*_BY)),
        "first_rst": sides(first_rst, has),
        "reset_by": sides(reset_by, has),
        "ended": words(Ended, ended, has),
        "o_fin": Column(fin[0], has),
        "r_fin": Column(fin[1], has),
        "o_fin_acked": Column(acked[0], has & fin[0]),
        "r_fin_acked": Column(acked[1], has & fin[1]),
        "fin_gap_s": Column(gap, has & both),
        "simultaneous_close": Column(_crossed(pick), has),
    }


def _established(pick: Picker) -> Array:
    """The handshake was seen to be complete, or more than the SYN of a side was acknowledged, which
    nobody does before (RFC 9293 §3.10.7.4)."""
    chosen = pick.chosen
    near, far = chosen.near_orig, chosen.near_resp
    found: Array = (pick.one("established", near) == 1) | (pick.one("established", far) == 1)
    for side, own in enumerate((near, far)):
        more = ahead(pick.side("una", own, side), pick.side("isn", own, side) + np.uint32(1))
        known = (pick.side("isn_known", own, 0) == 1) & (pick.side("isn_known", own, 1) == 1)
        found = found | (known & more)
    return found


def _first_sent(pick: Picker, name: str, seen: Array) -> Array:
    """Who sent it first.  With several points each side is asked at the point nearest to it: on
    their way the two may have passed each other."""
    chosen = pick.chosen
    if not chosen.several.any():
        return seen
    times = [
        (pick.side(name, own, side), pick.shift(own))
        for side, own in enumerate((chosen.near_orig, chosen.near_resp))
    ]
    (orig, shift), (resp, resp_shift) = times
    both = chosen.several & (orig != 0) & (resp != 0)
    return np.where(both, np.where(orig + shift <= resp + resp_shift, 0, 1), seen)


def _reset_by(pick: Picker, first_rst: Array) -> Array:
    """A RST ended the connection only if its receiver got it: judged at the receiver's point.  Or
    if both sides had reset before they heard of the other's RST: then neither needed to get it."""
    chosen = pick.chosen
    at_orig, at_resp = (
        pick.who("reset_by", chosen.near_orig),
        pick.who("reset_by", chosen.near_resp),
    )
    each = (at_orig == 0) & (at_resp == 1)
    orig, resp = (at_resp == 0) | each, (at_orig == 1) | each
    first = np.where(first_rst == 1, 1, 0)
    return np.where(orig & resp, first, np.where(orig, 0, np.where(resp, 1, NONE)))


def _ended(pick: Picker, fin: list[Array], acked: list[Array], reset_by: Array) -> Array:
    """The end of a story whose points disagree, from the facts of both."""
    near = pick.one("ended", pick.chosen.near_orig).astype(np.int64)
    both, any_fin = fin[0] & fin[1], fin[0] | fin[1]
    early = np.isin(near, [Ended.REFUSED, Ended.UNANSWERED])
    by_fin = np.where(both, np.where(acked[0] & acked[1], Ended.CLOSED, Ended.CLOSING),
                      np.where(any_fin, Ended.HALF_CLOSED, Ended.OPEN))  # fmt: skip
    no_reset = np.where(early, near, by_fin)
    return np.where(reset_by != NONE, np.where(early, near, Ended.RESET), no_reset)


_BY = ("none", "orig", "resp", "both", "device")


def _by(orig: Array, resp: Array) -> Array:
    """Place in _BY."""
    found: Array = orig.astype(np.uint8) + 2 * resp.astype(np.uint8)
    return found


def _fins(pick: Picker) -> list[tuple[Array, Array, Array]]:
    """Of each side, at the point nearest to whoever closed first: did it send a FIN; does that
    acknowledge the other's, so that it came after it (RFC 9293 §3.6); and anything at all?"""
    at, out = pick.chosen.closer, []
    if pick.chosen.several.any():  # where that one lacks a FIN, at the fullest
        both = (pick.side("fin_ns", at, 0) != 0) & (pick.side("fin_ns", at, 1) != 0)
        at = np.where(both, at, pick.chosen.fullest)
    for side in (0, 1):
        number, ack = pick.side("fin_seq", at, 1 - side), pick.side("fin_ack", at, side)
        later = ack - number - np.uint32(1) < WRAP // 2
        out.append((pick.side("fin_ns", at, side) != 0, later, ack != 0))
    return out


def _crossed(pick: Picker) -> Array:
    """Neither FIN acknowledges the other: both were sent before the other's could be seen."""
    if pick.blank:
        return np.zeros(len(pick.chosen.closer), bool)
    (orig, orig_later, _), (resp, resp_later, _) = _fins(pick)
    found: Array = orig & resp & ~orig_later & ~resp_later & pick.chosen.packets
    return found


def _closed_first(pick: Picker, seen: Array) -> Array:
    """Who closed first: `seen`, by the order of the capture, unless one FIN acknowledges the other
    and so was sent after it: where each direction has a tap of its own, stamps may say otherwise.
    """
    if pick.blank:
        return seen
    (orig, orig_later, orig_says), (resp, resp_later, resp_says) = _fins(pick)
    orig_later, resp_later = orig_later & orig_says, resp_later & resp_says
    told = orig & resp & (orig_later != resp_later)
    first: Array = np.where(told, orig_later.astype(np.uint8), seen)
    return first


def _times(pick: Picker, has: Array) -> Columns:
    ev, chosen = pick.ev, pick.chosen
    near, full = chosen.near_orig, chosen.fullest
    dated = has & chosen.known
    gap = pick.one("closing_gap_ns", chosen.closer)
    reuse = pick.one("reuse_gap_ns", near)
    rtt = pick.one("established_ns", near) - pick.side("first_seg_ns", near, 0)
    shook = (pick.one("established_ns", near) != 0) & (pick.side("isn_known", near, 0) == 1)
    shook &= (pick.side("syns", near, 0) == 1) & (pick.one("midstream", near) == 0)
    started = np.array([u.first_ns for u in ev.units], np.int64)
    stopped = np.array([u.last_ns for u in ev.units], np.int64)
    if len(started) == 1:
        begun, over = started[0], stopped[0]
    elif len(started):
        unit = np.zeros(len(near), np.int64) if pick.blank else ev.unit[full]
        begun, over = started[unit], stopped[unit]
    else:
        begun = over = np.int64(0)
    early = pick.one("first_ns", full) - begun < SECOND
    left = over - pick.one("last_ns", full)
    return {
        "first_ts": Column(chosen.base, dated),
        "last_ts": Column(chosen.last, dated),
        "duration": Column((chosen.last - chosen.base) / SECOND, has),
        "cut_start": Column((pick.one("midstream", full) == 1) | early, has),
        "near_start": Column(early, has),
        "cut_end": Column(left < SECOND, has),
        "watched_s": Column(left / SECOND, has),
        "idle_s": Column(pick.one("max_gap_ns", full) / SECOND, has),
        "closing_gap_s": Column(gap / SECOND, has & (gap != 0)),
        "rtt_s": Column(rtt / SECOND, has & shook & (rtt >= 0)),
        "reuse_gap_s": Column(reuse / SECOND, has & (reuse >= 0)),
        "reuse_unanswered": Column(pick.one("reuse_unanswered", near) == 1, has & (reuse >= 0)),
    }


_PUBLIC = ("orig", "resp")
_READABLE = np.isin(np.arange(256), [Alert.CLOSE_NOTIFY, Alert.WARNING, Alert.FATAL])
_VERBS = [
    int.from_bytes(verb, "big")
    for verb in (b"GET ", b"POST", b"HEAD", b"PUT ", b"HTTP", b"DELE", b"OPTI", b"CONN", b"PATC",
                 b"PRI ", b"TRAC")
]  # fmt: skip
_SSH = int.from_bytes(b"SSH-", "big")


def _side_facts(pick: Picker, has: Array, side: int, letter: str, treated: Treated) -> Columns:
    """What one side did, read at the point nearest to it."""
    chosen = pick.chosen
    own = chosen.near_orig if side == 0 else chosen.near_resp
    out: Columns = {}

    def count(name: str, field: str) -> None:
        out[f"{letter}_{name}"] = Column(pick.side(field, own, side), has)

    for name, field in (
        ("syns", "syns"), ("fins", "fins"), ("rexmit", "rexmit_pkts"),
        ("keep_alives", "keep_alives"), ("challenge", "challenge"),
        ("out_of_window", "out_of_window"),
        ("zero_windows", "zero_windows"), ("data_after_fin", "after_fin"),
    ):  # fmt: skip
        count(name, field)
    fin_s, fin = pick.since("fin_ns", own, side)
    out[f"{letter}_fin_s"] = Column(fin_s, has & fin)
    data_ns = pick.side("last_data_ns", own, side)
    quiet = (pick.one("last_ns", own) - data_ns) / SECOND
    out[f"{letter}_last_data_s"] = Column(quiet, has & (data_ns != 0))
    data_s, spoke = pick.since("last_data_ns", own, side)
    out[f"{letter}_data_s"] = Column(data_s, has & spoke)
    heard_ns = pick.side("last_data_ns", own, 1 - side)
    for name in ("fin", "rst"):
        moment = pick.side(f"{name}_ns", own, side)
        after = (moment - heard_ns) / SECOND
        out[f"{letter}_{name}_after_data_s"] = Column(after, has & (moment != 0) & (heard_ns != 0))
    spoke_ns = pick.side("last_seg_ns", own, side)
    silent = (pick.one("last_ns", own) - spoke_ns) / SECOND
    out[f"{letter}_last_seg_s"] = Column(silent, has & (spoke_ns != 0))
    left, by_rst, known = _unacked(pick, own, side)
    out[f"{letter}_unacked"] = Column(left, has & known)
    out[f"{letter}_rst_acked"] = Column(by_rst, has & known)
    past, told = _past_fin(pick, own, side)
    out[f"{letter}_past_fin"] = Column(past, has & told)
    sent = pick.side("pkts", own, side) > 0
    out[f"{letter}_last_win0"] = Column(pick.side("last_win0", own, side) == 1, has & sent)
    alert = pick.side("alert", own, side)
    out[f"{letter}_alert"] = words(Alert, alert, has)
    readable = _READABLE[alert]
    out[f"{letter}_alert_desc"] = Column(pick.side("alert_desc", own, side), has & readable)
    out[f"{letter}_proto"] = _protocol(pick, own, side, has)
    public = _PUBLIC[side]
    out[f"{public}_close_notify"] = words(Notify, pick.side("notify", own, side), has)
    for name, field in (("ttl_min", "ttl_min"), ("ttl_max", "ttl_max"), ("rst_ttl", "rst_ttl")):
        value = pick.side(field, own, side)
        there = (value != 0) & (value != NONE) if name == "ttl_min" else value != 0
        out[f"{letter}_{name}"] = Column(value, has & there)
    told = treated.paired | treated.refused[side]
    out[f"{letter}_dropped"] = Column(treated.dropped[side], told)
    out[f"{letter}_dropped_syns"] = Column(treated.syns[side], told)
    out[f"{letter}_denied"] = Column(treated.refused[side], has)
    out[f"{letter}_denied_rst"] = Column(treated.refused_rst[side], has)
    for kind in ("rst", "fin", "data"):
        value = treated.kinds[kind][side]
        out[f"{letter}_dropped_{kind}"] = Column(value, treated.paired | value)
    return out


def _rst_ack(pick: Picker, own: Array, side: int) -> tuple[Array, Array]:
    """The ACK of a side's first RST, and where it has one that counts (RFC 9293 §3.4): a host
    without state only repeats what it was sent."""
    number = pick.side("rst_ack", own, side)
    return number, (number != 0) & (pick.side("rst_class", own, side) == RstClass.ABORT)


def _unacked(pick: Picker, own: Array, side: int) -> tuple[Array, Array, Array]:
    """Payload bytes sent and never acknowledged, SYN and FIN left out; those that only the peer's
    RST acknowledged; and where both are known."""
    una, nxt = pick.side("una", own, side), pick.side("nxt", own, side)
    known = (pick.side("nxt_known", own, side) == 1) & (pick.side("pkts", own, 1 - side) > 0)
    left = (nxt.astype(np.int64) - una.astype(np.int64)) % WRAP
    fin = (pick.side("fin_ns", own, side) != 0) & (pick.side("fin_acked_ns", own, side) == 0)
    syn = (pick.side("isn_known", own, side) == 1) & (una == pick.side("isn", own, side))
    sane = left < WRAP // 2
    left = np.maximum(0, left - fin - syn)
    number, aborted = _rst_ack(pick, own, 1 - side)
    if not aborted.any():
        return left, np.zeros_like(left), known & sane
    beyond = (number.astype(np.int64) - una.astype(np.int64)) % WRAP - syn
    by_rst = np.where(aborted & (beyond <= left + fin), np.clip(beyond, 0, left), 0)
    return left - by_rst, by_rst, known & sane


def _past_fin(pick: Picker, own: Array, side: int) -> tuple[Array, Array]:
    """Payload bytes of a side that the peer's FIN does not acknowledge: the peer had not received
    them when it closed, wherever the capture was taken; and where that is known."""
    nxt, number = pick.side("nxt", own, side), pick.side("fin_ack", own, 1 - side)
    left = nxt - number  # modulo 2^32, as both are u4
    left[left >= WRAP // 2] = 0
    left[(left > 0) & (pick.side("fin_ns", own, side) != 0)] -= 1
    closed = pick.side("fin_ns", own, 1 - side) != 0
    known = closed & (pick.side("nxt_known", own, side) == 1) & (number != 0)
    return left.astype(np.int64), known


def _protocol(pick: Picker, own: Array, side: int, has: Array) -> Column:
    """What the first payload bytes look like."""
    head = pick.side("head", own, side)
    size = pick.side("head_len", own, side)
    four = (head >> np.uint64(32)).astype(np.uint32)
    tls = ((four >> 16) & 255 == 3) & (four >> 24 >= 20) & (four >> 24 <= 23) & (size >= 2)
    http = np.isin(four, _VERBS) & (size >= 4)
    ssh = (four == _SSH) & (size >= 4)
    code = (size > 0) * np.uint8(4)
    code[ssh], code[http], code[tls] = 3, 2, 1
    unseen = (size == 0) & (pick.side("bytes", own, side) > 0)  # payload was not captured
    return Column(code, has & ~unseen, menu("none", "tls", "http", "ssh", "other"))


def _rst_facts(pick: Picker, has: Array, treated: Treated) -> Columns:
    """The RSTs of both sides: their form at the sender's point, their effect at the receiver's."""
    chosen = pick.chosen
    out: Columns = {}
    sent = []
    for side, (letter, public) in enumerate(zip("or", _PUBLIC, strict=True)):
        own = chosen.near_orig if side == 0 else chosen.near_resp
        peer = chosen.near_resp if side == 0 else chosen.near_orig
        forged = treated.created[1 - side]  # a RST in this side's name that the firewall made
        mine, there = pick.side("rsts", own, side), pick.side("rsts", peer, side)
        if own is not peer:
            own = np.where((mine == 0) & (there > 0), peer, own)
        count = np.where((mine == 0) & forged, 0, np.maximum(mine, there))
        any_rst = pick.side("rst_ns", own, side) != 0
        sent.append(count > 0)
        out[f"{letter}_rsts"] = Column(count, has)
        out[f"{public}_rst_class"] = words(RstClass, pick.side("rst_class", own, side), has)
        answers = pick.side("rst_answers", own, side)
        out[f"{public}_rst_answers"] = words(Answers, answers, has)
        accept = pick.side("rst_accept", peer, side)
        lost = any_rst & (there == 0)  # what never arrived was neither accepted nor refused
        dropped = treated.kinds["rst"][side]
        accept = np.where(lost, np.where(dropped, Accept.NONE, Accept.UNKNOWN), accept)
        out[f"{letter}_rst_accept"] = words(Accept, accept, has)
        since, _ = pick.since("rst_ns", own, side)
        out[f"{letter}_rst_s"] = Column(since, has & any_rst)
        # Both moments of one point: between two points the path adds its delay.
        data = pick.side("last_data_ns", own, side)
        beyond = (data - pick.side("rst_ns", own, side)) / SECOND
        out[f"{letter}_data_after_rst_s"] = Column(beyond, has & any_rst & (data != 0))
        bare = pick.side("rst_ack", own, side) == 0
        out[f"{letter}_rst_bare"] = Column(bare, has & any_rst)
        lag = pick.side("rst_lag_ns", own, side)
        out[f"{letter}_rst_lag_s"] = Column(lag / SECOND, has & any_rst & (lag >= 0))
        fin, rst = pick.side("fin_ns", own, side), pick.side("rst_ns", own, side)
        both = any_rst & (fin != 0)
        out[f"{letter}_rst_after_own_fin_s"] = Column((rst - fin) / SECOND, has & both)
        same = pick.side("rst_seq", own, side) == pick.side("fin_seq", own, side)
        out[f"{letter}_rst_at_fin_seq"] = Column(same, has & both)
    by = _by(sent[0], sent[1])
    device = ~sent[0] & ~sent[1] & (treated.created[0] | treated.created[1])
    if device.any():
        by = np.where(device, _BY.index("device"), by)
    out["rst_by"] = Column(by, has, menu(*_BY))
    created = menu("none", "to-orig", "to-resp", "both")
    out["created_rst"] = Column(_by(*treated.created), treated.paired, created)
    return out


# --- the log's part ---------------------------------------------------------------------------


# Facts that are columns of tables.LOG_CONNECTIONS.
FROM_LOG = {
    "teardown_reason": "reason", "log_bytes": "bytes", "log_duration_s": "duration_s",
    **{name: name for name in (
        "device", "fw_conn_id", "built_ts", "teardown_ts", "teardown", "teardown_by",
        "denials_after", "first_denial_lag_s", "orig_if", "resp_if", "certainty", "removed_ts",
        "product",
    )},
}  # fmt: skip


def from_log(ev: Evidence, groups: Groups) -> dict[str, pl.Series]:
    """Everything the firewall's log tells."""
    import polars as pl

    frame, conn = ev.log.frame, groups.conn
    has = conn >= 0
    out = {"has_log": pl.Series(has)}
    at = pl.Series(np.where(has, conn, 0).astype(np.uint32))
    for column, source in FROM_LOG.items():
        kind = frame[source].dtype
        if len(frame):
            out[column] = null_unless(has, frame[source][at])
        else:
            out[column] = nulls(kind, groups.count)
    return out


def identity(pick: Picker) -> Columns:
    """Who talked with whom and where, as the point nearest to each end shows it."""
    chosen = pick.chosen
    has = chosen.packets
    out: Columns = {}
    for side, name in enumerate(_PUBLIC):
        own = chosen.near_orig if side == 0 else chosen.near_resp
        peer = chosen.near_resp if side == 0 else chosen.near_orig
        for suffix, where in (("", own), ("_mapped", peer)):
            valid = has if not suffix else has & chosen.several
            out[f"{name}{suffix}_h"] = partial(_host, pick, where, side, valid)
            out[f"{name}{suffix}_p"] = Column(_part(pick, "p", where, side), valid)
    out["points"] = partial(_points, pick.ev, chosen)
    best = pick.one("orientation", chosen.fullest)
    if chosen.several.any():
        best = np.maximum(best, pick.one("orientation", chosen.near_orig))
        best = np.maximum(best, pick.one("orientation", chosen.near_resp))
    out["orientation"] = words(Orientation, np.where(has, best, 0))
    return out


def logged_identity(
    ev: Evidence, groups: Groups, chosen: Chosen, told: Mapping[str, pl.Series]
) -> dict[str, pl.Series]:
    """The same where a log knows better: real and mapped addresses, who began, and when.  `told`:
    what packets and log tell each."""
    import polars as pl

    has, logged = chosen.packets, groups.conn >= 0
    at = pl.Series(np.where(logged, groups.conn, 0).astype(np.uint32))
    known: dict[str, pl.Series] = {}
    for side, name in enumerate(_PUBLIC):
        for suffix in ("", "_mapped"):
            good = logged if suffix else logged & ~_log_turned(groups, side)
            for what in ("h", "p"):
                column = f"{name}{suffix}_{what}"
                known[column] = null_unless(good, ev.log.frame[column][at])
    times = {"first_ts": "built_ts", "last_ts": "teardown_ts", "duration": "log_duration_s"}
    later = {column: null_unless(~has, told[source]) for column, source in times.items()}
    # Of addresses the log knows better, of times the packets.
    pairs = {name: (column, told[name]) for name, column in known.items()}
    pairs |= {name: (told[name], column) for name, column in later.items()}
    either = pl.select(pl.coalesce(*pair).alias(name) for name, pair in pairs.items())
    sure = pl.Series(ev.log.frame["orientation"] == "log").fill_null(False).to_numpy()
    guessed = (told["orientation"] == word(Orientation.GUESSED)).to_numpy()
    from_log = pl.Series(logged & sure[at.to_numpy()] & guessed)
    orientation = told["orientation"].set(from_log, word(Orientation.LOG))
    return {**either.to_dict(), "orientation": orientation}


def _log_turned(groups: Groups, side: int) -> Array:
    """Stories whose packets prove the log's orientation wrong: its addresses are not used."""
    first = groups.first_row
    way = np.where(first >= 0, groups.log_way[first] if len(groups.log_way) else 0, 0)
    flipped = np.where(first >= 0, groups.flipped[first] if len(groups.flipped) else False, False)
    turned: Array = (way > 0) & ((way == 2) != flipped)
    return turned


def _part(pick: Picker, part: str, at: Array, side: int) -> Array:
    """The upper or lower half of a side's address, or its port."""
    one, other = _PUBLIC if side == 0 else _PUBLIC[::-1]
    mine, turned = pick.one(f"{one}_{part}", at), pick.turned(at)
    return np.where(turned, pick.one(f"{other}_{part}", at), mine) if turned.any() else mine


def _host(pick: Picker, at: Array, side: int, valid: Array) -> Column:
    if not valid.any():
        return Column(np.zeros(len(at), np.uint8), valid, menu(None))
    hi, lo = (_part(pick, half, at, side) for half in ("hi", "lo"))
    where, texts = keys.distinct_texts(hi, lo)
    return Column(where, valid, texts)


def _points(ev: Evidence, chosen: Chosen) -> Column:
    """Where every story was seen, nearest to orig first."""
    import polars as pl

    names = menu(*ev.points, "")  # one more, so that there always is one
    at = np.where(chosen.packets, chosen.near_orig, 0)
    points = ev.point[at] if len(ev) else np.zeros(len(at), np.int64)
    if not (chosen.order or len(chosen.twins.story)):
        return Column(points, chosen.packets, names)
    out = names.gather(points.astype(np.uint32))
    if len(chosen.twins.story):
        twins = chosen.twins
        far = names.gather(ev.point[twins.far].astype(np.uint32))
        told_ = names.gather(ev.point[twins.near].astype(np.uint32)) + "," + far
        out = out.scatter(twins.story, told_)
    if chosen.order:
        several = list(chosen.order)
        told = [",".join(ev.points[int(ev.point[r])] for r in chosen.order[s]) for s in several]
        out = out.scatter(several, told)
    return Column(np.arange(len(at)), chosen.packets, pl.Series(out))
