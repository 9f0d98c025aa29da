"""The columns of a story, in bulk: every fact is read from the observation that can know it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from finis.correlation import absent, keys, reported, resetting, stuck
from finis.correlation.clocks import SECOND
from finis.correlation.evidence import Evidence
from finis.correlation.grouping import Groups
from finis.correlation.keys import Array
from finis.correlation.marks import Treated
from finis.correlation.picking import NONE, WRAP, Chosen, Picker, series, sides, words
from finis.terms import Accept, Alert, Answers, Ended, Notify, Orientation, Role, RstClass
from finis.tracking import endings

if TYPE_CHECKING:
    import polars as pl

Columns = dict[str, "pl.Series"]


def columns(ev: Evidence, groups: Groups, chosen: Chosen, treated: Treated) -> Columns:
    """Everything that packets tell."""
    pick = Picker(ev, groups, chosen)
    has = chosen.packets
    out = _counts(pick, has) | _closing(pick, has, treated) | _times(pick, has)
    for side, letter in enumerate("or"):
        out |= _side_facts(pick, has, side, letter, treated)
    out |= _rst_facts(pick, has, treated)
    for more in (reported, stuck, resetting):
        out |= more.columns(pick, has)
    lossy = _lossy_points(pick)
    out |= absent.columns(pick, has, lossy)
    out["ending"] = series(treated.ending, has)
    out["has_packets"] = series(has)
    out["n_points"] = series(groups.size.astype(np.int64))
    out["paired"] = series(treated.paired, has)
    out["capture_loss"] = series(_capture_loss(pick, lossy), has)
    return out


LOSSY = 0.01  # share of a point's connections with bytes acknowledged but never captured


def _lossy_points(pick: Picker) -> Array:
    """Per point: does it miss so many segments that one more is no surprise?"""
    ev = pick.ev
    if ev.lossy is not None:
        return np.array([name in ev.lossy for name in ev.points], bool)
    points = len(ev.points)
    if pick.blank:
        return np.zeros(points, bool)
    share = np.bincount(ev.point[gaps(pick.rows)], minlength=points) / np.maximum(
        np.bincount(ev.point, minlength=points), 1
    )
    found: Array = share > LOSSY
    return found


def _capture_loss(pick: Picker, lossy: Array) -> Array:
    """Where a capture is known to miss segments: this story's own observations show it, or so many
    of their point do that one more is no surprise."""
    ev, chosen = pick.ev, pick.chosen
    if pick.blank:
        return np.zeros(len(chosen.fullest), bool)
    missed = gaps(pick.rows) | lossy[ev.point]
    found: Array = missed[chosen.near_orig] | missed[chosen.near_resp]
    return found


def gaps(rows: Array) -> Array:
    """Observations (tables.OBSERVATION) in which bytes were acknowledged but never captured."""
    raw = np.ascontiguousarray(rows["history"]).view(np.uint8).reshape(len(rows), -1)
    found: Array = ((raw | 0x20) == ord("g")).any(axis=1)
    return found


def _counts(pick: Picker, has: Array) -> Columns:
    """Totals from the most complete point."""
    import polars as pl

    at, near = pick.chosen.fullest, pick.chosen.near_orig
    out: Columns = {}
    for side, name in enumerate(("orig", "resp")):
        for column, field in (("pkts", "pkts"), ("bytes", "bytes"), ("ip_bytes", "ip_bytes")):
            total = pick.side(field, pick.chosen.most[side], side).astype(np.int64)
            out[f"{name}_{column}"] = series(total, has)
    turned = pick.turned(at)
    states = pl.Series(endings.CONN_STATES, dtype=pl.String)
    mirrored = pl.Series([_MIRROR.get(s, s) for s in endings.CONN_STATES], dtype=pl.String)
    code = pick.one("conn_state", at).astype(np.uint32)
    straight = states.gather(code)
    out["conn_state"] = series(mirrored.gather(code).zip_with(pl.Series(turned), straight)
                               if turned.any() else straight, has)  # fmt: skip
    raw = np.ascontiguousarray(pick.one("history", at)).view("S24").reshape(-1)
    distinct, where = _distinct(raw)
    text = pl.Series([v.decode("ascii", "replace") for v in distinct.tolist()], dtype=pl.String)
    history = text.gather(where.reshape(-1))
    if turned.any():
        swapped = pl.Series([v.swapcase() for v in text.to_list()], dtype=pl.String)
        history = swapped.gather(where.reshape(-1)).zip_with(pl.Series(turned), history)
    out["history"] = series(history, has)
    out["midstream"] = series(pick.one("midstream", near) == 1, has)
    out["simultaneous_open"] = series(pick.one("simultaneous", at) == 1, has)
    vlan = pick.one("vlan", near).astype(np.int64)
    out["vlan"] = series(vlan, has & (vlan != 0))
    return out


def _distinct(texts: Array) -> tuple[Array, Array]:
    """np.unique with its inverse for short fixed texts, told apart by numbers: sorting texts is
    dear."""
    parts = texts.view(np.uint64).reshape(len(texts), texts.itemsize // 8)
    _, first, where = np.unique(keys.mix(*parts.T), return_index=True, return_inverse=True)
    distinct, where = texts[first], where.reshape(-1)
    if (distinct[where] != texts).any():  # two texts of one number
        distinct, where = np.unique(texts, return_inverse=True)
    return distinct, where.reshape(-1)


_MIRROR = {"RSTO": "RSTR", "RSTR": "RSTO", "S2": "S3", "S3": "S2", "SH": "SHR", "SHR": "SH",
           "RSTOS0": "RSTRH", "RSTRH": "RSTOS0"}  # fmt: skip


def _closing(pick: Picker, has: Array, treated: Treated) -> Columns:
    """How it ended, as whoever was concerned saw it."""
    chosen = pick.chosen
    near, far, several = chosen.near_orig, chosen.near_resp, chosen.several
    fin = [pick.side("fin_ns", near, 0) != 0, pick.side("fin_ns", far, 1) != 0]
    acked = [
        (pick.side("fin_acked_ns", near, s) != 0) | (pick.side("fin_acked_ns", far, s) != 0)
        for s in (0, 1)
    ]
    for s, (own, peer) in enumerate(((near, far), (far, near))):  # one-way taps: by numbers
        number = pick.side("fin_seq", own, s) + np.uint32(1)
        acked[s] |= several & fin[s] & (pick.side("una", peer, s) == number)
    first_fin = pick.who("first_fin", chosen.closer)
    first_rst = _first_sent(pick, "rst_ns", pick.who("first_rst", chosen.closer))
    reset_by = pick.who("reset_by", chosen.fullest)
    ended = pick.one("ended", chosen.fullest).astype(np.int64)
    if several.any():
        reset_by = np.where(several, _reset_by(pick, first_rst), reset_by)
        agreed = pick.one("ended", near) == pick.one("ended", far)
        agreed &= (reset_by != NONE) == (ended == Ended.RESET)
        agreed &= (pick.side("pkts", near, 1) > 0) & (pick.side("pkts", far, 0) > 0)
        ended = np.where(several & ~agreed, _ended(pick, fin, acked, reset_by), ended)
        missing = several & (first_rst == NONE)
        late = np.where(pick.side("rst_ns", near, 0) != 0, 0, NONE)
        late = np.where((late == NONE) & (pick.side("rst_ns", far, 1) != 0), 1, late)
        first_rst = np.where(missing, late, first_rst)
    fins = [pick.side("fin_ns", chosen.closer, s) for s in (0, 1)]
    gap, both = np.abs(fins[0] - fins[1]) / SECOND, (fins[0] != 0) & (fins[1] != 0)
    first_rst = np.where(treated.device_first, 3, first_rst)
    return {
        "established": series(
            (pick.one("established", near) == 1) | (pick.one("established", far) == 1), has
        ),
        "first_fin": series(sides(first_fin), has),
        "fin_by": series(_by(fin[0], fin[1]), has),
        "first_rst": series(sides(first_rst, ("device",)), has),
        "reset_by": series(sides(reset_by), has),
        "ended": series(words(Ended, ended), has),
        "o_fin": series(fin[0], has),
        "r_fin": series(fin[1], has),
        "o_fin_acked": series(acked[0], has & fin[0]),
        "r_fin_acked": series(acked[1], has & fin[1]),
        "fin_gap_s": series(gap, has & both),
        "simultaneous_close": series(_crossed(pick), has),
    }


def _first_sent(pick: Picker, name: str, seen: Array) -> Array:
    """Who sent it first.  With several points each side is asked at the point nearest to it: on
    their way the two may have passed each other."""
    chosen = pick.chosen
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


def _by(orig: Array, resp: Array) -> pl.Series:
    import polars as pl

    table = pl.Series(["none", "orig", "resp", "both"], dtype=pl.String)
    return table.gather((orig.astype(np.uint32) + 2 * resp.astype(np.uint32)).astype(np.uint32))


def _crossed(pick: Picker) -> Array:
    """Neither FIN acknowledges the other: both were sent before the other's could be seen."""
    ev, at = pick.ev, pick.chosen.closer
    out = np.zeros(len(at), bool)
    if pick.blank:
        return out
    both = np.flatnonzero((pick.one("fin_ns", at) != 0).all(axis=1) & pick.chosen.packets)
    rows = at[both]
    length = ev.stop[rows] - ev.start[rows]
    owner = np.repeat(np.arange(len(rows)), length)
    index = np.repeat(ev.start[rows] - np.cumsum(length) + length, length) + np.arange(len(owner))
    wanted = (ev.tail["role"][index] & np.uint32(Role.FIN)) != 0
    owner, index = owner[wanted], index[wanted]
    acks = np.full((len(rows), 2), -1, np.int64)
    side = ev.tail["side"][index].astype(np.int64)
    acks[owner, np.minimum(side, 1)] = ev.tail["ack"][index]
    peer = ev.rows["fin_seq"][rows].astype(np.int64)[:, ::-1]
    before = (peer - acks) % WRAP < WRAP // 2  # ACK ≤ the peer's FIN: not yet acknowledged
    out[both] = (before & (acks >= 0)).all(axis=1)
    return out


def _times(pick: Picker, has: Array) -> Columns:
    import polars as pl

    ev, chosen = pick.ev, pick.chosen
    near, full = chosen.near_orig, chosen.fullest
    dated = has & chosen.known
    stamp = pl.Datetime("ns", "UTC")
    first = series(chosen.base, dated).cast(stamp)
    gap = pick.one("closing_gap_ns", chosen.closer)
    reuse = pick.one("reuse_gap_ns", near)
    rtt = pick.one("established_ns", near) - pick.side("first_seg_ns", near, 0)
    shook = (pick.one("established_ns", near) != 0) & (pick.side("isn_known", near, 0) == 1)
    shook &= (pick.side("syns", near, 0) == 1) & (pick.one("midstream", near) == 0)
    started = np.array([u.first_ns for u in ev.units], np.int64)
    stopped = np.array([u.last_ns for u in ev.units], np.int64)
    unit = np.zeros(len(near), np.int64) if pick.blank else ev.unit[full]
    if not len(started):
        started = stopped = np.zeros(1, np.int64)
    early = pick.one("first_ns", full) - started[unit] < SECOND
    late = stopped[unit] - pick.one("last_ns", full) < SECOND
    return {
        "first_ts": first,
        "last_ts": series(chosen.last, dated).cast(stamp),
        "duration": series((chosen.last - chosen.base) / SECOND, has),
        "cut_start": series((pick.one("midstream", full) == 1) | early, has),
        "near_start": series(early, has),
        "cut_end": series(late, has),
        "idle_s": series(pick.one("max_gap_ns", full) / SECOND, has),
        "closing_gap_s": series(gap / SECOND, has & (gap != 0)),
        "rtt_s": series(rtt / SECOND, has & shook & (rtt >= 0)),
        "reuse_gap_s": series(reuse / SECOND, has & (reuse >= 0)),
        "reuse_unanswered": series(pick.one("reuse_unanswered", near) == 1, has & (reuse >= 0)),
    }


_PUBLIC = ("orig", "resp")


def _side_facts(pick: Picker, has: Array, side: int, letter: str, treated: Treated) -> Columns:
    """What one side did, read at the point nearest to it."""
    chosen = pick.chosen
    own = chosen.near_orig if side == 0 else chosen.near_resp
    out: Columns = {}

    def count(name: str, field: str) -> None:
        out[f"{letter}_{name}"] = series(pick.side(field, own, side).astype(np.int64), has)

    for name, field in (
        ("syns", "syns"), ("fins", "fins"), ("rexmit", "rexmit_pkts"),
        ("keep_alives", "keep_alives"), ("challenge", "challenge"),
        ("out_of_window", "out_of_window"),
        ("zero_windows", "zero_windows"), ("data_after_fin", "after_fin"),
    ):  # fmt: skip
        count(name, field)
    fin_s, fin = pick.since("fin_ns", own, side)
    out[f"{letter}_fin_s"] = series(fin_s, has & fin)
    data_ns = pick.side("last_data_ns", own, side)
    quiet = (pick.one("last_ns", own) - data_ns) / SECOND
    out[f"{letter}_last_data_s"] = series(quiet, has & (data_ns != 0))
    data_s, spoke = pick.since("last_data_ns", own, side)
    out[f"{letter}_data_s"] = series(data_s, has & spoke)
    heard_ns = pick.side("last_data_ns", own, 1 - side)
    for name in ("fin", "rst"):
        moment = pick.side(f"{name}_ns", own, side)
        after = (moment - heard_ns) / SECOND
        out[f"{letter}_{name}_after_data_s"] = series(after, has & (moment != 0) & (heard_ns != 0))
    spoke_ns = pick.side("last_seg_ns", own, side)
    silent = (pick.one("last_ns", own) - spoke_ns) / SECOND
    out[f"{letter}_last_seg_s"] = series(silent, has & (spoke_ns != 0))
    left = _unacked(pick, own, side)
    out[f"{letter}_unacked"] = series(left[0], has & left[1])
    sent = pick.side("pkts", own, side) > 0
    out[f"{letter}_last_win0"] = series(pick.side("last_win0", own, side) == 1, has & sent)
    alert = pick.side("alert", own, side)
    out[f"{letter}_alert"] = series(words(Alert, alert), has)
    readable = np.isin(alert, [Alert.CLOSE_NOTIFY, Alert.WARNING, Alert.FATAL])
    desc = pick.side("alert_desc", own, side).astype(np.int64)
    out[f"{letter}_alert_desc"] = series(desc, has & readable)
    out[f"{letter}_proto"] = _protocol(pick, own, side, has)
    public = _PUBLIC[side]
    out[f"{public}_close_notify"] = series(words(Notify, pick.side("notify", own, side)), has)
    for name, field in (("ttl_min", "ttl_min"), ("ttl_max", "ttl_max"), ("rst_ttl", "rst_ttl")):
        value = pick.side(field, own, side).astype(np.int64)
        there = (value != 0) & (value != NONE) if name == "ttl_min" else value != 0
        out[f"{letter}_{name}"] = series(value, has & there)
    told = treated.paired | treated.refused[side]
    out[f"{letter}_dropped"] = series(treated.dropped[side], told)
    for kind in ("rst", "fin", "data"):
        value = treated.kinds[kind][side]
        out[f"{letter}_dropped_{kind}"] = series(value, treated.paired | value)
    return out


def _unacked(pick: Picker, own: Array, side: int) -> tuple[Array, Array]:
    """Payload bytes sent and never acknowledged, SYN and FIN left out; and where that is known."""
    una, nxt = pick.side("una", own, side), pick.side("nxt", own, side)
    known = (pick.side("nxt_known", own, side) == 1) & (pick.side("pkts", own, 1 - side) > 0)
    left = (nxt.astype(np.int64) - una.astype(np.int64)) % WRAP
    fin = (pick.side("fin_ns", own, side) != 0) & (pick.side("fin_acked_ns", own, side) == 0)
    syn = (pick.side("isn_known", own, side) == 1) & (una == pick.side("isn", own, side))
    sane = left < WRAP // 2
    return np.maximum(0, left - fin - syn), known & sane


def _protocol(pick: Picker, own: Array, side: int, has: Array) -> pl.Series:
    """What the first payload bytes look like."""
    import polars as pl

    head = pick.side("head", own, side).astype(np.uint64)
    size = pick.side("head_len", own, side)
    first = head >> np.uint64(56)
    second = (head >> np.uint64(48)) & np.uint64(255)
    tls = (first >= 20) & (first <= 23) & (second == 3) & (size >= 2)
    http = np.zeros(len(head), bool)
    for verb in (b"GET ", b"POST", b"HEAD", b"PUT ", b"HTTP", b"DELE", b"OPTI", b"CONN", b"PATC",
                 b"PRI ", b"TRAC"):  # fmt: skip
        http |= ((head >> np.uint64(32)) == int.from_bytes(verb, "big")) & (size >= 4)
    ssh = ((head >> np.uint64(32)) == int.from_bytes(b"SSH-", "big")) & (size >= 4)
    code = np.select([tls, http, ssh, size > 0], [1, 2, 3, 4], 0).astype(np.uint32)
    unseen = (size == 0) & (pick.side("bytes", own, side) > 0)  # payload was not captured
    table = pl.Series(["none", "tls", "http", "ssh", "other"], dtype=pl.String)
    return series(table.gather(code), has & ~unseen)


def _rst_facts(pick: Picker, has: Array, treated: Treated) -> Columns:
    """The RSTs of both sides: their form at the sender's point, their effect at the receiver's."""
    import polars as pl

    chosen = pick.chosen
    out: Columns = {}
    sent = []
    for side, (letter, public) in enumerate(zip("or", _PUBLIC, strict=True)):
        own = chosen.near_orig if side == 0 else chosen.near_resp
        peer = chosen.near_resp if side == 0 else chosen.near_orig
        forged = treated.created[1 - side]  # a RST in this side's name that the firewall made
        mine, there = pick.side("rsts", own, side), pick.side("rsts", peer, side)
        own = np.where((mine == 0) & (there > 0), peer, own)
        count = np.where((mine == 0) & forged, 0, np.maximum(mine, there)).astype(np.int64)
        any_rst = pick.side("rst_ns", own, side) != 0
        sent.append(count > 0)
        out[f"{letter}_rsts"] = series(count, has)
        out[f"{public}_rst_class"] = series(words(RstClass, pick.side("rst_class", own, side)), has)
        answers = words(Answers, pick.side("rst_answers", own, side))
        out[f"{public}_rst_answers"] = series(answers, has)
        accept = pick.side("rst_accept", peer, side).astype(np.int64)
        lost = any_rst & (there == 0)  # what never arrived was neither accepted nor refused
        dropped = treated.kinds["rst"][side]
        accept = np.where(lost, np.where(dropped, Accept.NONE, Accept.UNKNOWN), accept)
        out[f"{letter}_rst_accept"] = series(words(Accept, accept), has)
        since, _ = pick.since("rst_ns", own, side)
        out[f"{letter}_rst_s"] = series(since, has & any_rst)
        # Both moments of one point: between two points the path adds its delay.
        data = pick.side("last_data_ns", own, side)
        beyond = (data - pick.side("rst_ns", own, side)) / SECOND
        out[f"{letter}_data_after_rst_s"] = series(beyond, has & any_rst & (data != 0))
        lag = pick.side("rst_lag_ns", own, side)
        out[f"{letter}_rst_lag_s"] = series(lag / SECOND, has & any_rst & (lag >= 0))
        fin, rst = pick.side("fin_ns", own, side), pick.side("rst_ns", own, side)
        both = any_rst & (fin != 0)
        out[f"{letter}_rst_after_own_fin_s"] = series((rst - fin) / SECOND, has & both)
        same = pick.side("rst_seq", own, side) == pick.side("fin_seq", own, side)
        out[f"{letter}_rst_at_fin_seq"] = series(same, has & both)
    by = _by(sent[0], sent[1])
    device = ~sent[0] & ~sent[1] & (treated.created[0] | treated.created[1])
    if device.any():
        by = by.set(pl.Series(device), "device")
    out["rst_by"] = series(by, has)
    table = pl.Series(["none", "to-orig", "to-resp", "both"], dtype=pl.String)
    code = (treated.created[0] + 2 * treated.created[1]).astype(np.uint32)
    out["created_rst"] = series(table.gather(code), treated.paired)
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


def from_log(ev: Evidence, groups: Groups) -> Columns:
    """Everything the firewall's log tells."""
    import polars as pl

    frame, conn = ev.log.frame, groups.conn
    has = conn >= 0
    out: Columns = {"has_log": series(has)}
    at = np.where(has, conn, 0)
    for column, source in FROM_LOG.items():
        kind = frame[source].dtype
        if len(frame):
            out[column] = series(frame[source].gather(at.astype(np.uint32)), has)
        else:
            out[column] = pl.Series([None] * groups.count, dtype=kind)
    return out


def identity(ev: Evidence, groups: Groups, chosen: Chosen, told: Columns) -> Columns:
    """Who talked with whom, where, and how that is known.  Real addresses from the log, else as
    the point nearest to each end shows them."""
    import polars as pl

    pick = Picker(ev, groups, chosen)
    has = chosen.packets
    logged = groups.conn >= 0
    at = np.where(logged, groups.conn, 0).astype(np.uint32)
    out: Columns = {}
    for side, name in enumerate(_PUBLIC):
        own = chosen.near_orig if side == 0 else chosen.near_resp
        peer = chosen.near_resp if side == 0 else chosen.near_orig
        for suffix, where in (("", own), ("_mapped", peer)):
            host, number = _endpoint(pick, where, side)
            valid = has if not suffix else has & chosen.several
            host, port = series(host, valid), series(number, valid)
            if len(ev.log):
                logged_h = series(ev.log.frame[f"{name}{suffix}_h"].gather(at), logged)
                logged_p = series(ev.log.frame[f"{name}{suffix}_p"].gather(at), logged)
                if not suffix:
                    swap = _log_turned(groups, side)
                    logged_h, logged_p = series(logged_h, ~swap), series(logged_p, ~swap)
                host = pl.select(pl.coalesce(logged_h, host)).to_series()
                port = pl.select(pl.coalesce(logged_p, port)).to_series()
            out[f"{name}{suffix}_h"], out[f"{name}{suffix}_p"] = host, port
    out["points"] = series(_points(ev, chosen), has)
    best = pick.one("orientation", chosen.fullest).astype(np.int64)
    best = np.maximum(best, pick.one("orientation", chosen.near_orig))
    best = np.maximum(best, pick.one("orientation", chosen.near_resp))
    code = np.where(has, best, 0)
    if len(ev.log):
        sure = pl.Series(ev.log.frame["orientation"] == "log").fill_null(False).to_numpy()
        code = np.where(logged & sure[at] & (code == Orientation.GUESSED), Orientation.LOG, code)
    out["orientation"] = words(Orientation, code)
    if len(ev.log):
        for column, source in (("first_ts", "built_ts"), ("last_ts", "teardown_ts")):
            out[column] = pl.select(
                pl.coalesce(told[column], series(told[source], ~has))
            ).to_series()
        out["duration"] = pl.select(
            pl.coalesce(told["duration"], series(told["log_duration_s"], ~has))
        ).to_series()
    return out


def _log_turned(groups: Groups, side: int) -> Array:
    """Stories whose packets prove the log's orientation wrong: its addresses are not used."""
    first = groups.first_row
    way = np.where(first >= 0, groups.log_way[first] if len(groups.log_way) else 0, 0)
    flipped = np.where(first >= 0, groups.flipped[first] if len(groups.flipped) else False, False)
    turned: Array = (way > 0) & ((way == 2) != flipped)
    return turned


def _endpoint(pick: Picker, at: Array, side: int) -> tuple[pl.Series, Array]:
    turned = pick.turned(at)
    parts = []
    names = ("orig", "resp") if side == 0 else ("resp", "orig")
    for part in ("hi", "lo", "p"):
        mine, other = (pick.one(f"{n}_{part}", at) for n in names)
        parts.append(np.where(turned, other, mine))
    return keys.texts(parts[0], parts[1]), parts[2].astype(np.int64)


def _points(ev: Evidence, chosen: Chosen) -> pl.Series:
    """Where every story was seen, nearest to orig first."""
    import polars as pl

    names = pl.Series([*ev.points, ""], dtype=pl.String)
    at = np.where(chosen.packets, chosen.near_orig, 0)
    points = ev.point[at] if len(ev) else np.zeros(len(at), np.int64)
    out = names.gather(np.where(chosen.packets, points, len(ev.points)).astype(np.uint32))
    if len(chosen.twins.story):
        twins = chosen.twins
        far = names.gather(ev.point[twins.far].astype(np.uint32))
        told_ = names.gather(ev.point[twins.near].astype(np.uint32)) + "," + far
        out = out.scatter(twins.story, told_)
    if chosen.order:
        several = list(chosen.order)
        told = [",".join(ev.points[int(ev.point[r])] for r in chosen.order[s]) for s in several]
        out = out.scatter(several, told)
    return out
