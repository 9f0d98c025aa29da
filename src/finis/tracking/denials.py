"""Denials, each joined to what preceded it.

While the log is read a denial becomes a row at once, with the connection of its tuple as known at
that moment.  Two things may still come: a Teardown logged just after it, and the next Built of its
tuple; both are noted as amendments.  What concerns the whole log (repeats, fan-out, the facts of
the connection) is joined at the end, in bulk and exactly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from finis.tracking.clock import SECOND
from finis.tracking.columns import Rows, completed
from finis.tracking.devices import NOT_LOGGED
from finis.tracking.eventrow import (
    A_H,
    A_IF,
    A_P,
    ACL,
    B_H,
    B_P,
    FLAGS,
    HIT_COUNT,
    MSG_ID,
    PROTO,
    TS,
)
from finis.tracking.output import NOW, REFUSED, Output

if TYPE_CHECKING:
    from finis.tracking.devices import Logs, Tracked

# A firewall that logs states stamps the events of its table when they happen, denials (through the
# kernel log) this much later at most, or in whole seconds.
_CLOSE_NS = SECOND // 10
_COUNTED = 1000  # times of one line, after which none is taken for a copy
_SIDES = ("orig", "resp")
# Why nothing is known of a denial.
NOT_TCP, UNREADABLE = "not TCP", "an address or port is unreadable"
_NO_PERMIT = (None, None, None)


class Denials:
    """Denials so far, and their amendments."""

    def __init__(self, out: Output) -> None:
        self.count = 0
        self.out = out
        self.of_packets = Rows({name: REFUSED[name] for name in NOW})

    def deny(
        self, device: Tracked, at: int | None, path: int, event: int, line: tuple[Any, ...]
    ) -> Any:
        """Take one denial line (`eventrow`).  `at`: log time, None without a stamp; `path`: which
        way it came here (file and sender); `event`: its number.
        Returns the number of the event it is a copy of, or None."""
        ts, proto, src_h, src_p, dst_h, dst_p = (
            line[TS], line[PROTO], line[A_H], line[A_P], line[B_H], line[B_P]
        )  # fmt: skip
        key = device.key(src_h, src_p, dst_h, dst_p)
        row = self.count
        self.count += 1
        copy_row = copy_of = None
        if ts is not None:
            said = (line[MSG_ID], proto, line[FLAGS], line[A_IF], line[ACL])
            mark = device.mark(ts, key, line[HIT_COUNT], *said)
            found = copy_among(device, mark, path, row, event)
            if found is not None:
                copy_row, copy_of = found
                device.counts.copies += 1
        if copy_row is None:
            device.counts.denials += 1
        now = device.now or 0
        when = now if at is None else at
        log_row = lag_s = side = why = reach_s = permit = None
        pending = False
        seen = "unknown"
        rebuilt = keys = None
        if proto != "tcp":
            why = NOT_TCP
        elif src_h is None or dst_h is None or src_p is None or dst_p is None:
            why = UNREADABLE
        else:
            keys = (key, device.key(dst_h, dst_p, src_h, src_p))
            match, rebuilt = _before(device, keys, when)
            if match is not None:
                seen, (log_row, ended, side) = "yes", match
                pending = ended is None
                if ended is not None and at is not None:
                    lag_s = (at - ended) / SECOND
            else:
                why = device.why_unknown(when)
                seen = "no" if why is None else "unknown"
                reach_s = device.reach(when) / SECOND
            permit = device.permits.get(keys[0])
        if at is None or permit is None or abs(at - permit[0]) > device.options.wait_s * SECOND:
            permit = (0, *_NO_PERMIT)
        failover_s = None
        if device.failover is not None and at is not None:
            failover_s = max(0, at - device.failover) / SECOND
        self.out.denial(
            row, device, line, copy_row, lag_s, seen, why, side, pending, failover_s, log_row,
            reach_s, permit[1:],
        )  # fmt: skip
        if rebuilt is not None and at is not None:
            self.out.built_later(device, row, (rebuilt - at) / SECOND)
        if keys is not None and copy_row is None and at is not None:
            for tuple_, number in zip(keys, (row, ~row), strict=True):  # ~: backwards
                device.watch.wait(tuple_, at, number, now)
        return copy_of

    def add_frames(self, denials: dict[str, list[Any]]) -> None:
        """Take denials that packets of a capture report (`finis.tracking.drops`)."""
        length = len(denials["ts"])
        fixed = {"row": range(self.count, self.count + length)}
        empty = [None] * length
        columns = [fixed.get(name) or denials.get(name) or empty for name in NOW]
        self.of_packets.pending.extend(zip(*columns, strict=True))
        self.count += length
        self.of_packets.flush()

    def refused_packets(self) -> pl.DataFrame:
        """tables.DENIALS + tables.DENIAL_FACTS of the denials that packets report.  Drop reasons in
        a capture are the ASA's."""
        out = self.of_packets.frame()
        return completed(out, REFUSED).with_columns(product=pl.lit("ASA")).select(list(REFUSED))

    def on_teardown(
        self, device: Tracked, tuples: tuple[int, ...], built: int, at: int, row: int, orig: int
    ) -> None:
        """A connection ended: denials logged just before the Teardown belong to it.

        Lines may stand out of order by `wait_s`; but a denial that is stamped more than a tick of
        the clock before the Teardown, and stands before it, was logged while it was open."""
        wait = int(device.options.wait_s * SECOND)
        before = min(wait, SECOND)
        watch = device.watch
        for key in tuples:
            if (waiting := watch.get(key)) is None:
                continue
            for when, denial in waiting:
                if device.firewall.states:  # its stamps keep the order of things
                    wait = before = SECOND if when % SECOND == 0 else _CLOSE_NS
                # Signed row: the side that sent it depends on which way the tuple is read.
                forward = denial >= 0
                if -wait <= at - when <= before and built <= when:
                    side = _SIDES[orig if forward else 1 - orig]
                    number = denial if forward else ~denial
                    lag_s = (when - at) / SECOND
                    self.out.torn_later(device, number, row, side, lag_s)

    def on_built(self, device: Tracked, tuples: tuple[int, ...], at: int) -> None:
        """A tuple is built anew: that is what follows the denials waiting for it."""
        ahead = int(device.options.ahead_s * SECOND)
        watch = device.watch
        for key in tuples:
            if (waiting := watch.get(key)) is None:
                continue
            for when, denial in waiting:
                if 0 <= at - when <= ahead:
                    number = denial if denial >= 0 else ~denial
                    self.out.built_later(device, number, (at - when) / SECOND)

    def frame(self, connections: pl.DataFrame) -> pl.DataFrame:
        """All denials with what preceded and followed them.  `connections`: LOG_CONNECTIONS."""
        out = pl.concat([self.out.refused(), self.of_packets.frame()])
        first_built = self.out.built.frame().group_by("row").agg(pl.col("syn_after_s").min())
        torn = self.out.torn.frame().unique("row", keep="last", maintain_order=True)
        # A copy says what its first says.
        out = out.with_columns(first=pl.coalesce("duplicate_of", "row"))
        for amendment in (first_built, torn):
            out = out.join(amendment.rename({"row": "first"}), on="first", how="left")
        # A Teardown logged just after the denial, or held until its Built could have come.
        late = pl.col("late_row").is_not_null() & (
            pl.col("lag_s").is_null() | (pl.col("late_lag_s") < pl.col("lag_s"))
        )
        out = out.with_columns(
            log_row=pl.when(late).then("late_row").otherwise("log_row"),
            from_side=pl.when(late).then("late_side").otherwise("from_side"),
            lag_s=pl.when(late).then("late_lag_s").otherwise("lag_s"),
            seen_before=pl.when(late).then(pl.lit("yes")).otherwise("seen_before"),
            unknown_why=pl.when(late).then(None).otherwise("unknown_why"),
            reach_s=pl.when(late).then(None).otherwise("reach_s"),
            pending_syn=pl.col("pending_syn") & ~late,
        ).drop("late_row", "late_side", "late_lag_s", "first")
        return _with_connection(out, connections)


def copy_among(
    device: Tracked, mark: int, path: int, row: int, event: int
) -> tuple[int, int] | None:
    """(row, event) of the line this one is a copy of, or None if it says something new.

    A line without a number of its own may lawfully be repeated within one second, so the k-th
    time that one path (file and sender) brings it is a copy only of the k-th time that another
    path did: the line counts as often as the path that brings it most often.
    """
    lines = device.lines
    entry = lines.get(mark)
    if entry is None:
        lines.put(mark, (path, row, event), device.now or 0)
        return None
    if isinstance(entry, tuple):
        entry = ({entry[0]: 1}, [entry[1:]])
        lines.put(mark, list(entry), device.now or 0)
    times, firsts = entry
    nth = times.get(path, 0)
    times[path] = nth + 1
    if nth < len(firsts):
        return firsts[nth]
    if len(firsts) < _COUNTED:
        firsts.append((row, event))
    return None


def _before(
    device: Tracked, keys: tuple[int, int], at: int
) -> tuple[tuple[int, int | None, str] | None, int | None]:
    """The connection before a denial: (row, log time of its end or None if open, side of the
    denial's source), or None; and the log time at which its tuple was built anew, if that is
    known already.  `keys`: the denial's tuple forwards and backwards."""
    wait = int(device.options.wait_s * SECOND)
    ended: tuple[int, int, str] | None = None
    for way, key in enumerate(keys):
        found = device.find_ended(key, at + wait)
        if found is not None and (ended is None or found[0] > ended[0]):
            ended = (found[0], found[1], _SIDES[found[2] ^ way])
    rebuilt = None
    for way, key in enumerate(keys):
        number = device.open_tuples.get(key)
        if number is None:
            continue
        row, _, built, orig, *_ = device.open[number]
        # Built within the log's resolution of the denial: that belongs to the one just ended.
        just_now = ended is not None and built >= at - SECOND and ended[0] >= built - wait
        if built <= at and not just_now:
            return (row, None, _SIDES[orig ^ way]), None
        if built - at <= device.options.ahead_s * SECOND:
            rebuilt = max(built, at)
    return None if ended is None else (ended[1], ended[0], ended[2]), rebuilt


# --- at the end --------------------------------------------------------------------------------


def whole(out: pl.DataFrame, connections: pl.DataFrame, devices: dict[str, Logs]) -> pl.DataFrame:
    """tables.DENIALS + tables.DENIAL_FACTS of all denials, with what the whole log tells of them.
    `connections`: LOG_CONNECTIONS; `devices`: name → what its log tells of connections."""
    if out.is_empty():
        return pl.DataFrame(schema=REFUSED)
    out = out.drop(OF_ALL, strict=False)
    out = _with_population(_with_repeats(out), connections, devices)
    return completed(out, REFUSED).select(list(REFUSED)).sort("row")


# What the whole log tells of a denial.
OF_ALL = (
    "repeat", "repeats", "src_fanout", "dst_fanin", "src_refused", "dst_opened", "dst_mapped",
    "torn_logged",
)  # fmt: skip


def _with_connection(out: pl.DataFrame, connections: pl.DataFrame) -> pl.DataFrame:
    """The facts of the connection before each denial; those of its end only if it had ended."""
    ended = pl.col("lag_s").is_not_null()
    facts = connections.select(
        pl.col("row").alias("log_row"),
        conn_id="fw_conn_id",
        built_file="built_file",
        built_line="built_line",
        teardown_reason="reason",
        teardown="teardown",
        teardown_by="teardown_by",
        teardown_file="teardown_file",
        teardown_line="teardown_line",
        conn_duration_s="duration_s",
        conn_bytes="bytes",
    )
    at_end = facts.columns[4:]
    return out.join(facts, on="log_row", how="left").with_columns(
        pl.when(ended).then(pl.col(at_end)).name.keep()
    )


def _with_repeats(out: pl.DataFrame) -> pl.DataFrame:
    """How often a tuple was refused since the end of the connection before it, copies left out."""
    tuple_ = ["unit", "device", "proto", "src_h", "src_p", "dst_h", "dst_p", "log_row"]
    # A copy says what its first says.
    whole = out.lazy().sort("row").with_columns(first=pl.coalesce("duplicate_of", "row"))
    counted = (
        whole.filter(pl.col("duplicate_of").is_null())
        .select(
            "row",
            repeat=pl.col("row").cum_count().over([*tuple_, "flags", "msg_id"]).cast(pl.Int64) - 1,
            repeats=pl.len().over(tuple_).cast(pl.Int64),
        )
        .rename({"row": "first"})
    )
    told = whole.join(counted, on="first", how="left").drop("first")
    return told.collect(engine="in-memory")


def _with_population(
    out: pl.DataFrame, connections: pl.DataFrame, devices: dict[str, Logs]
) -> pl.DataFrame:
    """What the whole log says about a denial's hosts; exact, copies left out, null for addresses
    that cannot be read."""
    denials = out.lazy()
    real = denials.filter(pl.col("duplicate_of").is_null())
    fanout = real.group_by("unit", "src_h").agg(
        src_fanout=pl.struct("dst_h", "dst_p").n_unique().cast(pl.Int64),
        _denied=pl.len().cast(pl.Int64),
    )
    fanin = real.group_by("unit", "dst_h", "dst_p").agg(
        dst_fanin=pl.col("src_h").n_unique().cast(pl.Int64)
    )
    by_orig = (
        connections.lazy()
        .group_by("orig_h")
        .agg(_empty=(pl.col("bytes") == 0).sum().cast(pl.Int64), _opened=pl.len().cast(pl.Int64))
    )
    mapped = (
        connections.lazy()
        .filter(pl.col("orig_mapped_h") != pl.col("orig_h"))
        .select("device", "orig_mapped_h", _mapped=pl.lit(True))
        .unique()
    )
    logged, torn = (
        pl.col("device").replace_strict(
            {name: one[at] for name, one in devices.items()}, default=NOT_LOGGED[at],
            return_dtype=pl.Boolean,
        )
        for at in range(2)
    )  # fmt: skip
    told = (
        denials.join(fanout, on=["unit", "src_h"], how="left")
        .join(fanin, on=["unit", "dst_h", "dst_p"], how="left")
        .join(by_orig.select("orig_h", "_empty"), left_on="src_h", right_on="orig_h", how="left")
        .join(by_orig.select("orig_h", "_opened"), left_on="dst_h", right_on="orig_h", how="left")
        .join(mapped, left_on=["device", "dst_h"], right_on=["device", "orig_mapped_h"], how="left")
    )
    readable = pl.col("dst_h").is_not_null()
    told = told.with_columns(
        src_refused=pl.col("_denied") + pl.col("_empty").fill_null(0),
        dst_opened=pl.when(logged & readable).then(pl.col("_opened").fill_null(0)),
        torn_logged=torn,
        dst_mapped=pl.col("_mapped").fill_null(False) & pl.col("_opened").is_null() & logged & torn,
    ).drop("_denied", "_empty", "_opened", "_mapped")
    return told.collect(engine="in-memory")
