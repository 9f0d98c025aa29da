"""What if the firewall remembered its connections longer: which denials, at what cost.

A denial is absorbed by an entry that is kept X seconds longer iff it follows that entry's end by at
most X, on the same tuple and interface, the tuple was not built anew in between, and its numbers
fit where a capture shows them.  Where a packet that is let through starts the timer again, the
next denial of the connection needs no more than the timer after it.

The cost is counted from the log's own teardowns: each entry that a setting governs stays X longer,
or until its tuple is built anew.  Everything is computed in bulk, per device and setting.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from finis.diagnosis.settings import (
    FINS,
    IDLE,
    KEEP_ENTRIES,
    LONGEST_LINGER_S,
    NAMES,
    OPTIONS,
    RESETS,
    Setting,
    settings_of,
)
from finis.errors import UsageError
from finis.records import dataclass, field
from finis.tables import WHATIF, polars_schema
from finis.words import SECOND

Nanoseconds = npt.NDArray[np.int64]
NEVER = np.iinfo(np.int64).max // 4  # later than any stamp, with room to add

ENOUGH = 0.9  # of what the longest value tried absorbs: where the curve is called flat
# So many connections that a timer ended, so large a share of them equally long (within so much) and
# none shorter, show its value; fewer may be chance.
PILE, PILE_SHARE, PILE_S = 8, 0.25, 2.0

# Why no entry kept longer would have absorbed a denial, in order of precedence; and "eligible".
FATES = {
    "none before": "no end of a connection of their tuple is known from the log",
    "syn": "are SYNs: they open a connection, or fail for another reason",
    "rebuilt": "came after their tuple had been built anew",
    "present": "came while the entry was still kept, as logged: refused for their numbers",
    "interface": "came in by another interface than the connection's",
    "window": "lie outside the window, as a capture shows",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """One setting on one device.  `steps`: tables.WHATIF, one row per value tried (one for a
    switch); `chosen`: the smallest value worth it, `asked`: the value the user named."""

    setting: Setting
    today_s: float
    today_why: str  # given, seen, bound or default
    steps: pl.DataFrame
    chosen: dict[str, Any] | None
    asked: dict[str, Any] | None
    wanted_s: float | None = None  # the value the user named, whether it can be judged or not
    alive: dict[str, int] = field(default_factory=dict)  # dcd: connections by ends that sent later

    @property
    def told(self) -> dict[str, Any] | None:
        """The step to speak of: what was asked, else what is worth it."""
        return self.asked or self.chosen


@dataclass(frozen=True, slots=True)
class Device:
    """What the log of one firewall says.  `fates`: denials by FATES or ``eligible``; `governed`:
    eligible ones by the teardown they follow; `unknown`: of ``none before``, why."""

    name: str
    product: str | None
    denials: int
    others: int  # denials of another kind: rules, limits, not TCP
    frames: int  # denials that only a drop capture shows
    fates: dict[str, int]
    governed: dict[str, int]
    unknown: dict[str, int]
    resolution_s: float
    first_ns: int
    last_ns: int
    connections: int
    outcomes: list[Outcome]

    def outcome(self, name: str) -> Outcome:
        return next(one for one in self.outcomes if one.setting.name == name)


def whatif(
    connections: pl.DataFrame,
    denials: pl.DataFrame,
    asked: Mapping[str, float] | None = None,
    today: Mapping[str, float] | None = None,
    rows: tuple[pl.Series, pl.Series] | None = None,
) -> list[Device]:
    """One answer per device, most denials first.

    `connections`: tables.CONNECTIONS + STORY_FACTS, `denials`: tables.DENIALS + DENIAL_FACTS, both
    whole; `rows`: their `row` numbers that the answer is about (None: all).  `asked`: option →
    value to try, `today`: setting → its value now, seconds.
    """
    about = [pl.lit(True)] * 2 if rows is None else [pl.col("row").is_in(n.implode()) for n in rows]
    return answers(
        lives_of(connections).with_columns(counts=about[0]),
        refusals_of(denials).with_columns(counts=about[1]),
        asked,
        today,
    )


def answers(
    lives: pl.DataFrame,
    refused: pl.DataFrame,
    asked: Mapping[str, float] | None = None,
    today: Mapping[str, float] | None = None,
) -> list[Device]:
    """The same of `lives_of` connections and `refusals_of` denials; `counts`: the answer is about
    this one."""
    for given, known in ((asked, OPTIONS), (today, NAMES)):
        if unknown := sorted(set(given or ()) - set(known)):
            raise UsageError(f"no setting {unknown[0]!r}: there are {', '.join(known)}")
    lives = _followed(lives)
    refused = _fated(refused, lives).filter("counts")
    found = [
        _device(name, _of(lives, name), _of(refused, name), asked or {}, today or {})
        for name in sorted(set(lives["device"]) | set(refused["device"]), key=lambda n: n or "")
    ]
    return sorted(found, key=lambda one: -one.denials)


def table(devices: Iterable[Device]) -> pl.DataFrame:
    """tables.WHATIF of all devices and settings."""
    frames = [outcome.steps for device in devices for outcome in device.outcomes]
    return pl.concat(frames) if frames else pl.DataFrame(schema=polars_schema(WHATIF))


def _of(frame: pl.DataFrame, device: str | None) -> pl.DataFrame:
    mine = frame.select(pl.col("device").eq_missing(pl.lit(device, pl.String))).to_series()
    return frame if mine.all() else frame.filter(mine)


# --- what the log says -------------------------------------------------------------------------


def lives_of(connections: pl.DataFrame) -> pl.DataFrame:
    """The connections a log tells, in the columns that are read here: times in ns, ends and
    translated ports as hashes."""
    return connections.filter(
        pl.col("has_log") & (pl.col("built_ts").is_not_null() | pl.col("teardown_ts").is_not_null())
    ).select(
        "row", "device", "product", "teardown", "orig_if", "resp_if",
        built_ns=pl.col("built_ts").cast(pl.Int64),
        ended_ns=pl.col("teardown_ts").cast(pl.Int64),
        removed_ns=pl.col("removed_ts").cast(pl.Int64),
        # Where no line states it (netfilter), from line to line.
        lived_s=pl.coalesce(
            "log_duration_s",
            (pl.col("teardown_ts").cast(pl.Int64) - pl.col("built_ts").cast(pl.Int64)) / SECOND,
        ),
        orig=pl.struct(h="orig_h", p="orig_p").hash(),
        resp=pl.struct(h="resp_h", p="resp_p").hash(),
        port=pl.struct("orig_mapped_h", "orig_mapped_p").hash(),
        translated=(
            (pl.col("orig_mapped_h") != pl.col("orig_h"))
            | (pl.col("orig_mapped_p") != pl.col("orig_p"))
        ).fill_null(False),
    )  # fmt: skip


def refusals_of(denials: pl.DataFrame) -> pl.DataFrame:
    """The same of denials, without copies."""
    return denials.filter(pl.col("duplicate_of").is_null()).select(
        "row", "device", "product", "ts", "kind", "unit", "proto", "interface", "flags",
        "from_side", "story", "segment_fits", "unknown_why", "pending_syn",
        lag_s=pl.col("lag_s").clip(0),  # whatever was logged first, the entry had gone
    )  # fmt: skip


def _followed(lives: pl.DataFrame) -> pl.DataFrame:
    """Connections with when their entry went (`torn_ns`; null: it did not), the next Built of the
    same tuple (`next_ns`) and the next of another host on the same translated port
    (`port_next_ns`)."""
    # Where a firewall keeps entries after the end, one whose removal is not logged is still there.
    keeps = pl.col("product").is_in(KEEP_ENTRIES)
    lives = lives.with_columns(
        torn_ns=pl.when(keeps & pl.col("teardown").is_in(FINS + RESETS))
        .then("removed_ns")
        .otherwise(pl.coalesce("removed_ns", "ended_ns")),
    ).with_columns(kept_s=(pl.col("torn_ns") - pl.col("ended_ns")).clip(0) / SECOND)
    ends = pl.struct(
        "device", low=pl.min_horizontal("orig", "resp"), high=pl.max_horizontal("orig", "resp")
    )
    lives = lives.with_columns(key=ends.hash()).sort("key", "built_ns", "row")
    later = pl.col("built_ns").shift(-1)
    lives = lives.with_columns(
        next_ns=pl.when(pl.col("key") == pl.col("key").shift(-1)).then(later)
    )
    ports = (
        lives.filter("translated")
        .with_columns(key=pl.struct("device", "port").hash())
        .sort("key", "built_ns", "row")
    )
    same = (pl.col("key") == pl.col("key").shift(-1)) & (pl.col("orig") != pl.col("orig").shift(-1))
    ports = ports.select("row", port_next_ns=pl.when(same).then(later))
    return lives.join(ports, on="row", how="left").drop("key", "orig", "resp", "port")


def _fated(real: pl.DataFrame, lives: pl.DataFrame) -> pl.DataFrame:
    """Denials, each with its `fate`: a key of FATES, ``eligible``, ``frame`` (only a drop capture
    shows it) or ``other`` (a rule or limit refused it, or it is not TCP)."""
    known = lives.select(
        pl.col("row").alias("story"),
        "teardown", "orig_if", "resp_if", "next_ns", "ended_ns", "kept_s",
    )  # fmt: skip
    joined = real.join(known, on="story", how="left").with_columns(
        pl.col("teardown", "orig_if", "resp_if").cast(pl.String)
    )
    gap_s = (pl.col("next_ns") - pl.col("ended_ns")) / SECOND
    # In the same second as the denial: after it, or the segment would have met a connection.
    rebuilt = gap_s < pl.col("lag_s")
    own_if = pl.when(pl.col("from_side") == "orig").then("orig_if").otherwise("resp_if")
    elsewhere = own_if.str.to_lowercase() != pl.col("interface").str.to_lowercase()
    flags = pl.col("flags").fill_null("")
    syn = flags.str.contains("SYN") & ~flags.str.contains("ACK")
    fate: Any = pl.when((pl.col("proto") != "tcp") | (pl.col("kind") != "state")).then(
        pl.lit("other")
    )
    for condition, name in (
        (pl.col("unit") == "frame", "frame"),
        (syn, "syn"),
        (pl.col("lag_s").is_null() | pl.col("ended_ns").is_null(), "none before"),
        (rebuilt.fill_null(False), "rebuilt"),
        ((pl.col("lag_s") < pl.col("kept_s")).fill_null(True), "present"),
        (elsewhere.fill_null(False), "interface"),
        (pl.col("segment_fits").eq(False).fill_null(False), "window"),
    ):
        fate = fate.when(condition).then(pl.lit(name))
    form = (
        pl.when(flags.str.contains("RST"))
        .then(pl.lit("rst"))
        .when(flags.str.contains("SYN"))
        .then(pl.lit("syn"))
        .when(flags.str.contains("FIN"))
        .then(pl.lit("fin"))
        .otherwise(pl.lit("data"))
    )
    return joined.with_columns(
        fate=fate.otherwise(pl.lit("eligible")), form=form, lag_s=pl.col("lag_s") - pl.col("kept_s")
    )


def _device(
    name: str | None, lives: pl.DataFrame, refused: pl.DataFrame,
    asked: Mapping[str, float], today: Mapping[str, float],
) -> Device:  # fmt: skip
    lines = refused.filter(pl.col("unit") == "line")
    stamps = pl.concat([
        lives["built_ns"], lives["torn_ns"], lines["ts"].cast(pl.Int64).alias("built_ns")
    ]).drop_nulls()  # fmt: skip
    times = _ns(stamps)
    first, last = (int(times.min()), int(times.max())) if len(times) else (0, 0)
    counts = _counts(refused, "fate")
    others, frames = counts.pop("other", 0), counts.pop("frame", 0)
    eligible = refused.filter(pl.col("fate") == "eligible")
    before = refused.filter(pl.col("fate") == "none before")
    why = (
        pl.when("pending_syn")
        .then(pl.lit("the log shows it still open"))
        .otherwise(pl.coalesce("unknown_why", pl.lit("none was logged in the time before")))
    )
    resolution = _resolution(stamps)
    products = (frame["product"].drop_nulls().head(1) for frame in (lives, refused))
    product = next(chain.from_iterable(products), None)
    log = _Log(name, product, lives, eligible, sum(counts.values()), resolution, first, last)
    return Device(
        name=name or "firewall",
        product=product,
        denials=log.denials,
        others=others,
        frames=frames,
        fates=counts,
        governed=_counts(eligible, "teardown"),
        unknown=_counts(before.with_columns(why=why), "why"),
        resolution_s=resolution / SECOND,
        first_ns=first,
        last_ns=last,
        connections=lives.filter("counts").height,
        outcomes=[_outcome(setting, log, asked, today) for setting in settings_of(product)],
    )


def _counts(frame: pl.DataFrame, column: str) -> dict[str, int]:
    """How many rows each value has, most first."""
    counted = frame.group_by(column).len().sort(["len", column], descending=[True, False])
    return {str(value): n for value, n in counted.iter_rows()}


def _resolution(stamps: pl.Series) -> int:
    """What the stamps are whole multiples of: a second, a millisecond, a microsecond, in ns."""
    for unit in (SECOND, SECOND // 1000):
        if not (stamps % unit).cast(pl.Boolean).any():
            return unit
    return SECOND // 1_000_000


# --- one setting -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Log:
    """One device's log, as every setting reads it."""

    name: str | None
    product: str | None
    lives: pl.DataFrame
    eligible: pl.DataFrame
    denials: int
    resolution: int
    first_ns: int
    last_ns: int


def _outcome(
    setting: Setting, log: _Log, asked: Mapping[str, float], today: Mapping[str, float]
) -> Outcome:
    now_s, why = _today(setting, log, today)
    entries = _Entries(setting, log)
    if not setting.values:
        rows = [_switch(setting, log, entries, now_s)]
        told = rows[0] if rows[0]["absorbed"] else None
        return Outcome(
            setting, now_s, why, _frame(rows), told, None, None, _alive(setting, entries)
        )
    wanted = asked.get(setting.option) if setting.option else None
    values = sorted({*setting.values, *([] if wanted is None else [wanted])})
    needs = _needs(setting, entries.denials, now_s)
    rows = [_step(setting, log, entries, needs, now_s, value) for value in values if value > now_s]
    named = next((row for row in rows if row["value_s"] == wanted), None)
    return Outcome(setting, now_s, why, _frame(rows), _chosen(setting, rows), named, wanted)


def _frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=polars_schema(WHATIF))


def _today(setting: Setting, log: _Log, today: Mapping[str, float]) -> tuple[float, str]:
    """(value of the timer now, how that is known)."""
    if setting.name in today:
        return today[setting.name], "given"
    if setting.kind != "timer" or setting.upper:
        return setting.today_s, "default"
    ended = set(setting.after) <= {*FINS, *RESETS}
    span = "kept_s" if ended else "lived_s"
    lived = log.lives.filter(pl.col("teardown").is_in(setting.after) & (pl.col(span) > 0))[span]
    shortest = lived.min()
    if isinstance(shortest, float):
        equal = (lived <= shortest + PILE_S).sum()
        if len(lived) >= PILE and equal >= PILE_SHARE * len(lived):
            return shortest, "seen"
        if shortest < setting.today_s:
            return shortest, "bound"
    return setting.today_s, "default"


def _chosen(setting: Setting, rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The smallest value that absorbs ENOUGH of what the longest reasonable one does."""
    fair = [row for row in rows if setting.kind != "linger" or row["value_s"] <= LONGEST_LINGER_S]
    measure = "absorbed" if setting.upper else "at_least"
    most = max((row[measure] for row in fair), default=0)
    if not most:
        return None
    return next(row for row in fair if row[measure] >= ENOUGH * most)


class _Entries:
    """The connections whose entries a setting keeps, sorted by teardown, and their denials."""

    def __init__(self, setting: Setting, log: _Log) -> None:
        governed = log.lives.filter(
            pl.col("teardown").is_in(setting.after) & pl.col("torn_ns").is_not_null()
        ).sort("torn_ns")
        self.frame = governed.filter("counts")
        self.rows = self.frame["row"]
        self.torn = _ns(self.frame["torn_ns"])
        self.next = np.maximum(_ns(self.frame["next_ns"]), self.torn)
        self.port_next = np.maximum(_ns(self.frame["port_next_ns"]), self.torn)
        self.denials = log.eligible.filter(pl.col("teardown").is_in(setting.after))
        # Everything in the table today, for the peak of the whole.
        known = log.lives.with_columns(pl.col("built_ns").fill_null(log.first_ns)).filter(
            pl.col("built_ns") <= pl.col("torn_ns").fill_null(NEVER)
        )
        mine = pl.col("row").is_in(self.rows.implode())
        rest = known.filter(~mine)
        self.built = np.sort(_ns(known["built_ns"]))
        ends = np.sort(_ns(rest["torn_ns"]))
        # When each of all begins: how many have begun that are not others and gone.
        self.there = np.searchsorted(self.built, self.built, "right")
        self.there -= np.searchsorted(ends, self.built, "left")
        self.peak_today = self.peak(self.torn)

    def peak(self, ends: Nanoseconds) -> int:
        """Most entries of the whole table at one time, these ending at `ends` (sorted).  What ends
        under the stamp under which another begins may have been there with it, and counts."""
        if not len(self.built):
            return 0
        return int((self.there - np.searchsorted(ends, self.built, "left")).max())


def _ns(column: pl.Series) -> Nanoseconds:
    return column.fill_null(NEVER).to_numpy().astype(np.int64)


def _needs(setting: Setting, denials: pl.DataFrame, now_s: float) -> pl.DataFrame:
    """Denials with `need_s`: how much longer than today their entry would have to be kept."""
    if not setting.restarts:
        return denials.with_columns(need_s=pl.col("lag_s"))
    # The first needs its lag; each further one that the timer, started again by the one before,
    # is as long as the gap between them.
    gap = pl.col("lag_s") - pl.col("lag_s").shift(1).over("story")
    timer = pl.coalesce(gap, pl.col("lag_s") + now_s).cum_max().over("story")
    return denials.sort("story", "lag_s").with_columns(need_s=timer - now_s)


def _step(
    setting: Setting, log: _Log, entries: _Entries, needs: pl.DataFrame, now_s: float, value: float
) -> dict[str, Any]:
    extra = value - now_s
    ends = entries.torn + round(extra * SECOND)
    absorbed = needs.filter(pl.col("need_s") <= extra)
    if setting.restarts and absorbed.height:
        # What was saved lives on for a whole timer after the last packet let through.
        last = absorbed.group_by("story").agg(pl.col("lag_s").max())
        lag = entries.frame.select(story="row").join(last, on="story", how="left",
                                                     maintain_order="left")["lag_s"]  # fmt: skip
        kept = np.round((lag.fill_null(-1.0).to_numpy() + value) * SECOND).astype(np.int64)
        saved = lag.is_not_null().to_numpy()
        ends = np.where(saved, np.maximum(ends, entries.torn + kept), ends)
    blur = log.resolution / SECOND
    sure = int((needs["need_s"] + blur <= extra).sum())
    most = int((needs["need_s"] - blur < extra).sum())
    return _row(setting, log, entries, now_s, value, ends, absorbed, sure, most)


def _switch(setting: Setting, log: _Log, entries: _Entries, now_s: float) -> dict[str, Any]:
    """A setting without values of its own.  At the most it absorbs every denial it governs; for
    sure only what connections sent whose both ends are known to have been alive (dcd)."""
    denials = entries.denials
    if setting.kind == "dcd":
        both = _sides_alive(denials).filter(pl.col("alive") == 2)
        sure = denials.join(both, on="story", how="semi").height
        ends = np.full(len(entries.torn), NEVER, np.int64)  # at the most: to the end of the log
    else:
        sure, ends = 0, entries.torn
    return _row(setting, log, entries, now_s, None, ends, denials, sure, denials.height)


def _row(
    setting: Setting, log: _Log, entries: _Entries, now_s: float, value: float | None,
    ends: Nanoseconds, absorbed: pl.DataFrame, sure: int, most: int,
) -> dict[str, Any]:  # fmt: skip
    span = max(log.last_ns - log.first_ns, 1)
    reused = int(((entries.next < NEVER) & (entries.next < ends)).sum())
    ports = int(((entries.port_next < NEVER) & (entries.port_next < ends)).sum())
    ends = np.minimum(ends, entries.next)  # the new connection takes the entry's place
    kept_ns = np.clip(np.minimum(ends, log.last_ns) - entries.torn, 0, None)
    stays = ends > entries.torn
    torn, gone = entries.torn[stays], np.sort(ends[stays], kind="stable")
    kept = np.searchsorted(torn, torn, "right") - np.searchsorted(gone, torn, "left")
    ends = np.sort(ends, kind="stable")
    forms = _counts(absorbed, "form")
    return {
        "device": log.name,
        "product": log.product,
        "setting": setting.name,
        "command": setting.command,
        "bound": "upper" if setting.upper else "estimate",
        "today_s": now_s,
        "value_s": value,
        "extra_s": None if value is None else value - now_s,
        "denials": log.denials,
        "eligible": entries.denials.height,
        "absorbed": absorbed.height,
        "at_least": 0 if setting.upper and setting.kind != "dcd" else sure,
        "at_most": most,
        **{f"absorbed_{form}": forms.get(form, 0) for form in ("rst", "fin", "syn", "data")},
        "connections": len(entries.torn),
        "peak_extra": int(kept.max()) if len(kept) else 0,
        "mean_extra": float(kept_ns.sum() / span),
        "peak_today": entries.peak_today,
        "peak_then": entries.peak(ends),
        "reused": reused,
        "ports_reused": ports,
    }


def _sides_alive(denials: pl.DataFrame) -> pl.DataFrame:
    """Per connection the number of ends that sent something but a RST after the teardown."""
    return (
        denials.filter(pl.col("form") != "rst")
        .group_by("story")
        .agg(alive=pl.col("from_side").drop_nulls().n_unique())
    )


def _alive(setting: Setting, entries: _Entries) -> dict[str, int]:
    if setting.kind != "dcd" or setting.after != IDLE:
        return {}
    counts = dict(_sides_alive(entries.denials).group_by("alive").len().iter_rows())
    both, one = counts.get(2, 0), counts.get(1, 0)
    return {"both": both, "one": one, "none": len(entries.torn) - both - one}
