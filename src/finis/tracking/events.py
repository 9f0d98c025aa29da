"""Events to connections and denials: the log's side of tracking.

Feed batches in order of time (`merging.merge` makes one stream of several files).  Per device the
open connections are held by the firewall's number, the ended ones by tuple for as long as a segment
may still refer to them (`finis.tracking.devices`); everything else goes straight into columns.
A line that comes twice (relays, overlapping files, both units of a pair) is counted once.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import polars as pl

from finis.compiled import kernel
from finis.records import dataclass, field
from finis.terms import EventKind, Firewall, Teardown, word
from finis.tracking.clock import GAP_NS, LogClock, Move
from finis.tracking.denials import Denials, copy_among, whole
from finis.tracking.devices import UNKNOWN_MAKE, Counts, Device, LogOptions, Logs, Tracked
from finis.tracking.eventrow import (
    A_H,
    A_MAPPED_H,
    A_MAPPED_P,
    A_P,
    ACL,
    B_H,
    B_P,
    COLUMNS,
    DEVICE,
    FILE,
    HIT_COUNT,
    KIND,
    LINE,
    MSG_ID,
    PROTO,
    TS,
)
from finis.tracking.lives import Lives
from finis.tracking.output import LOG, REFUSED, Output
from finis.tracking.parts import LogPart
from finis.tracking.recent import Budget
from finis.wire.dialects._packed import Columns, Packed, columns_of
from finis.words import count as count_of
from finis.words import duration, stamp

if TYPE_CHECKING:
    from finis.wire.dialects._api import Events

__all__ = ["DeviceSummary", "LogOptions", "LogTables", "LogTracker"]

_BUILT, _TEARDOWN, _DENY = (
    word(kind) for kind in (EventKind.BUILT, EventKind.TEARDOWN, EventKind.DENY)
)
_PERMIT, _FAILOVER, _ICMP, _XLATE = (
    word(kind)
    for kind in (EventKind.PERMIT, EventKind.FAILOVER, EventKind.ICMP, EventKind.XLATE_BUILT)
)
_STATES = (word(EventKind.STATE), word(EventKind.ENDED))
# Failover messages that tell of no switch: a unit is well again, replication has trouble.
_NO_SWITCH = {"104004", *(str(number) for number in range(210001, 210023))}
PART = 1 << 16  # rows taken at once
WHOLE = 1 << 62
_SHOWN = 3  # examples per kind of note
_DST = (
    "stamps step back by one hour, as local time does at the end of summer time; connections are "
    "followed across it"
)
_EPOCH = (
    "stamps step back (clock set, restart, or files joined in the wrong order); what ended before "
    "is not compared with what follows"
)
_STRAY = "a stamp stands alone, far from those around it, and is not believed"


def _product(products: dict[str, str | None]) -> pl.Expr:
    """The make of every row's device."""
    known = {name: product for name, product in products.items() if product is not None}
    return pl.col("device").replace_strict(known, default=None, return_dtype=pl.String)


@dataclass(frozen=True, slots=True)
class DeviceSummary:
    """One firewall's share of the log.  Stamps in nanoseconds UTC, as logged."""

    name: str
    first_ns: int | None
    last_ns: int | None
    counts: Counts
    open_at_end: int

    @property
    def logs(self) -> Logs:
        return Logs(self.counts.built > 0 and self.counts.teardowns > 0, self.counts.teardowns > 0)


@dataclass(slots=True)
class LogTables:
    """What the logs tell: `connections` (tables.LOG_CONNECTIONS), `denials` (tables.DENIALS +
    tables.DENIAL_FACTS, cause and packet columns null)."""

    connections: pl.DataFrame
    denials: pl.DataFrame
    notes: list[str]
    devices: list[DeviceSummary] = field(default_factory=list)


def _counts(device: Tracked) -> Counts:
    return Counts(**{f.name: getattr(device.counts, f.name) for f in fields(Counts)})


def _kernel() -> Any:
    """`finis.tracking._follow.Follower`, None where the reference is to be used."""
    found = kernel("finis.tracking._follow")
    return None if found is None else found.Follower


class LogTracker:
    """Follows the events of all logs.  `devices` maps a name as logged to the name of the pair it
    belongs to."""

    def __init__(
        self, devices: Mapping[str, str] | None = None, options: LogOptions | None = None,
        *, pure: bool = False,
    ) -> None:  # fmt: skip
        self.alias = dict(devices or {})
        self.options = options or LogOptions()
        self.budget = Budget(self.options.ended_most)
        self.devices: dict[str, Tracked] = {}  # by name
        self.makes: dict[str | None, Firewall] = {}  # by log file; others are of unknown make
        self.by_raw: dict[str | None, Tracked] = {}
        self.paths: dict[tuple[str | None, str | None], int] = {}
        follower = None if pure else _kernel()
        self.kernel = None if follower is None else follower(self)
        self.out: Output = Output() if self.kernel is None else self.kernel.out
        self.denials = Denials(self.out)
        self.lives = Lives(self.options, self.denials, self.out)
        self.events = 0
        self.seen_notes: dict[str, list[str]] = {}
        self.notes: list[str] = []  # when the log has come to its end
        self.summaries: list[DeviceSummary] = []

    # --- feeding ---------------------------------------------------------------------------

    def feed(self, events: Events) -> None:
        """Take a batch.  Its `duplicate_of` column is written: number of the event (in the order
        fed, from 0) that a line is a copy of."""
        # No cycles are made here; looking for them in millions of small tuples takes a quarter of
        # the time.
        collecting = gc.isenabled()
        gc.disable()
        try:
            self._feed(events)
        finally:
            if collecting:
                gc.enable()

    def _feed(self, events: Events) -> None:
        if self.kernel is not None:
            if isinstance(events, Packed):
                self.kernel.feed(events.rows, events.book)
            else:
                packed = Packed.of(events)
                self.kernel.feed(packed.rows, packed.book)
                events["duplicate_of"] = packed["duplicate_of"]
            return
        columns = columns_of(events)
        self._follow(columns)
        if isinstance(events, Packed):
            events.set_copies(columns["duplicate_of"])

    def _follow(self, events: Columns) -> None:
        length = len(events["ts"])
        empty: list[Any] = [None] * length
        columns = [events.get(name) or empty for name in COLUMNS]
        copies = events.setdefault("duplicate_of", [None] * length)
        number = self.events
        raw: Any = ""
        file: Any = ""
        last_ts: Any = ""
        device: Tracked | None = None
        path = 0
        at: int | None = None
        for i, row in enumerate(zip(*columns, strict=True), number):
            ts = row[TS]
            if device is None or row[DEVICE] != raw or row[FILE] != file:
                raw, file = row[DEVICE], row[FILE]
                device = self._device(raw, file)
                clock = device.clock(raw)
                path = self._path(raw, file)
                last_ts = ""
            if ts is None:
                at = None
                last_ts = ""
            elif ts != last_ts:
                at, move = device.time(ts, clock)
                # A stamp that repeats need not be looked at again, unless it confirms a jump.
                last_ts = ts if clock.suspect is None else ""
                if move or device.held:
                    self._moved(device, move, clock, row)
                    if move is Move.ASTRAY:
                        device.held[raw] = (i, path, row)
                        continue
            copy = self._take(device, at, path, i, row)
            if copy is not None:
                copies[i - number] = copy
        self.events += length

    def _take(
        self, device: Tracked, at: int | None, path: int, event: int, row: tuple[Any, ...]
    ) -> Any:
        """One line at its log time.  Returns the number of the line it is a copy of, or None."""
        device.counts.events += 1
        kind = row[KIND]
        if kind == _BUILT:
            return self.lives.built(device, at, event, row)
        if kind == _TEARDOWN:
            return self.lives.teardown(device, at, event, row)
        if kind in _STATES:
            return self.lives.state(device, at, event, row)
        if kind in (_DENY, _ICMP):
            return self._deny(device, at, path, event, row)
        if kind == _PERMIT:
            return self._permit(device, at, path, event, row)
        if kind == _XLATE and row[A_MAPPED_H] is not None:
            mapped = (row[A_MAPPED_H], row[A_MAPPED_P])
            device.xlates.put(device.key(row[A_H], row[A_P]), mapped, device.now or 0)
        elif kind == _FAILOVER and row[MSG_ID] not in _NO_SWITCH:
            device.failover = device.now if at is None else at
        return None

    def feed_denials(self, denials: dict[str, list[Any]]) -> None:
        """Take what `finis.tracking.drops.denials` made of an asp-drop capture."""
        self.denials.add_frames(denials)

    def _device(self, raw: str | None, file: str | None) -> Tracked:
        known = self.by_raw.get(raw)
        if known is not None:
            return known
        name = self.alias.get(raw or "", raw) or (file or "unknown")
        device = self.devices.get(name)
        if device is None:
            shared = len(self.devices) >= self.options.devices_most
            name = "(other devices)" if shared else name
            device = self.devices.get(name) or self._new(name, shared, file)
            self.devices[name] = device
            if shared:
                return device
        if raw is not None:
            self.by_raw[raw] = device
        return device

    def _new(self, name: str, shared: bool, file: str | None) -> Tracked:
        make = Device if self.kernel is None else self.kernel.device
        firewall = self.makes.get(file, UNKNOWN_MAKE)
        made: Tracked = make(name, self.options, self.budget, shared, firewall)
        return made

    def _path(self, raw: str | None, file: str | None) -> int:
        known = self.paths.get((file, raw))
        if known is None:
            known = len(self.paths) if len(self.paths) <= 100_000 else -1
            if known >= 0:
                self.paths[file, raw] = known
        return known

    def _moved(self, device: Tracked, move: Move, clock: LogClock, row: tuple[Any, ...]) -> None:
        """A stamp jumped: say so, and take the line that waited to know whether it is a step."""
        held = device.held.pop(row[DEVICE], None)
        if held is not None:
            event, path, line = held
            stepped = move in (Move.DST, Move.EPOCH)
            self._take(device, line[TS] + clock.shift if stepped else None, path, event, line)
            where = f"{line[FILE]}:{line[LINE]}"
            if move is Move.DST:
                self._note(f"{device.name}: {_DST}", where)
            elif move is Move.EPOCH:
                self._note(f"{device.name}: {_EPOCH}", where)
            else:
                self._note(f"{device.name}: {_STRAY}", where)

    def _note(self, text: str, where: str) -> None:
        if text in self.seen_notes or len(self.seen_notes) < 1000:
            places = self.seen_notes.setdefault(text, [])
            if len(places) < 1000:
                places.append(where)

    # --- denials and permits ---------------------------------------------------------------

    def _deny(
        self, device: Tracked, at: int | None, path: int, event: int, row: tuple[Any, ...]
    ) -> Any:
        if device.orphans:
            self.lives.settle(device, device.now)
        if row[A_H] is None and row[B_H] is None:  # nothing that could be said of anyone
            device.counts.unreadable += 1
            return None
        return self.denials.deny(device, at, path, event, row)

    def _permit(
        self, device: Tracked, at: int | None, path: int, event: int, row: tuple[Any, ...]
    ) -> Any:
        """An access list permitted a packet; its state may still refuse it."""
        if row[PROTO] != "tcp" or row[A_H] is None or row[B_H] is None or at is None:
            return None
        key = device.key(row[A_H], row[A_P], row[B_H], row[B_P])
        mark = device.mark(row[TS], key, row[HIT_COUNT], row[MSG_ID], row[ACL])
        copy = copy_among(device, mark, path, 0, event)
        if copy is not None:
            device.counts.copies += 1
            return copy[1]
        device.permits.put(key, (at, row[ACL], row[FILE], row[LINE]), at)
        return None

    # --- the end ---------------------------------------------------------------------------

    @property
    def ready(self) -> int:
        """How many rows `take` would give."""
        return 0 if self.kernel is None else int(self.kernel.out.complete)

    def take(self, most: int = PART) -> LogPart | None:
        """Connections that can no longer change with their denials, and denials without one, at
        most that many of each; they are forgotten.  None where the reference follows: it gives
        everything at the end."""
        return None if self.kernel is None else self._part(most)

    def _part(self, most: int) -> LogPart:
        assert self.kernel is not None
        part = LogPart(*self.kernel.out.take(most))
        part.products = {d.name: d.firewall.product for d in self.devices.values()}
        return part

    def complete(self, most: int = PART) -> Iterator[LogPart]:
        """What can no longer change, as far as it fills parts of so many rows."""
        while self.ready >= most:
            yield self._part(most)  # not held here: its memory is used again

    @property
    def streams(self) -> bool:
        """Can it give its rows away in parts?  Packets that a capture says were dropped are none
        of them."""
        return self.kernel is not None and self.denials.of_packets.empty

    def told(self) -> LogTables:
        """What is to be said of the logs whose rows were taken as parts."""
        empty = pl.DataFrame(schema=LOG), pl.DataFrame(schema=REFUSED)
        return LogTables(*empty, self.notes, self.summaries)

    def rest(self, most: int = PART) -> Iterator[LogPart]:
        """All that has not been taken, what is still open, too, in parts of at most that many
        rows; at least one.  Call it once, instead of `finish`; only where the kernel follows."""
        self._settle()
        self.notes, self.summaries = self._notes(), self._summaries()
        if self.kernel is None:
            return
        self.kernel.end()
        yield self._part(most)
        while self.ready:
            yield self._part(most)

    def _settle(self) -> None:
        """Nothing more is waited for."""
        for device in self.devices.values():
            for event, path, line in device.held.values():
                self._take(device, None, path, event, line)
            device.held.clear()
            if self.kernel is not None:
                self.kernel.settle(device)
            self.lives.settle(device, None)

    def finish(self) -> LogTables:
        """All connections and denials that were not taken.  Call it once: the tracker gives its
        rows away and forgets the rest."""
        if self.kernel is not None:
            return self.tables(list(self.rest(most=WHOLE)))
        self._settle()
        products = {device.name: device.firewall.product for device in self.devices.values()}
        connections = self.out.connections().with_columns(product=_product(products))
        denials = self.denials.frame(connections).with_columns(
            # Drop reasons in a capture are the ASA's.
            product=pl.when(pl.col("unit") == "frame")
            .then(pl.lit("ASA"))
            .otherwise(_product(products))
        )
        after = (
            denials.filter(pl.col("lag_s").is_not_null() & pl.col("duplicate_of").is_null())
            .group_by(row="log_row")
            .agg(
                denials_after=pl.len().cast(pl.Int64),
                first_denial_lag_s=pl.col("lag_s").min(),
            )
        )
        ended = pl.col("teardown") != word(Teardown.STILL_OPEN)
        connections = (
            connections.drop("denials_after", "first_denial_lag_s")
            .join(after, on="row", how="left")
            .with_columns(pl.when(ended).then(pl.col("denials_after").fill_null(0)))
            .select(connections.columns)
            .sort("row")
        )
        self.notes, self.summaries = self._notes(), self._summaries()
        tables = self._tables(connections, denials)
        for device in self.devices.values():
            device.forget()
        return tables

    def tables(self, parts: list[LogPart]) -> LogTables:
        """The parts of a log as a whole, when it has come to its end."""
        connections = pl.concat(
            [pl.DataFrame(schema=LOG),
             *(part.connection_frame() for part in parts if len(part.connections))]
        ).sort("row")  # fmt: skip
        denials = [part.denial_frame() for part in parts if len(part.denials)]
        if not self.denials.of_packets.empty:
            denials.append(self.denials.refused_packets())
        return self._tables(connections, pl.concat([pl.DataFrame(schema=REFUSED), *denials]))

    def _tables(self, connections: pl.DataFrame, denials: pl.DataFrame) -> LogTables:
        """`denials`: without what the whole log tells of them."""
        logged = {d.name: d.logs for d in self.summaries}
        denials = whole(denials, connections, logged)
        return LogTables(connections, denials, self.notes, self.summaries)

    def _summaries(self) -> list[DeviceSummary]:
        return [
            DeviceSummary(d.name, d.first_ns, d.last_ns, _counts(d), len(d.open))
            for d in self.devices.values()
        ]

    def _notes(self) -> list[str]:
        notes = []
        for text, places in self.seen_notes.items():
            more = f" and {len(places) - _SHOWN} more" if len(places) > _SHOWN else ""
            notes.append(f"{text} ({', '.join(places[:_SHOWN])}{more})")
        for device in self.devices.values():
            for count, what in (
                (device.counts.copies, "lines came twice (another file or relay) and count once"),
                (device.counts.late, "connections were built before the log shows it: their "
                 "direction is guessed from the ports"),
                (device.counts.unreadable, "Built, Teardown or denial lines have no readable "
                 "addresses and are left out"),
            ):  # fmt: skip
                if count:
                    notes.append(f"{device.name}: {count} {what}")
            if device.counts.built and not device.counts.teardowns:
                notes.append(
                    f"{device.name}: {device.counts.built} Built and no Teardown are logged: "
                    f"nothing tells when connections ended ({device.firewall.logs})"
                )
            if device.counts.gaps:
                begin, end = device.counts.longest_gap
                notes.append(
                    f"{device.name}: silent for more than {duration(GAP_NS)} "
                    f"{count_of(device.counts.gaps, 'time')}, at the longest for "
                    f"{duration(end - begin)} from {stamp(begin, digits=0)}: lines may be missing"
                )
            if device.shared:
                notes.append(f"more than {self.options.devices_most} devices: {device.name} "
                             "share one state and claim nothing")  # fmt: skip
        if self.kernel is not None and self.kernel.out.let_go:
            notes.append(
                f"{self.kernel.out.let_go} denials are told without the connection they followed: "
                "too many waited for theirs to be over (memory ceiling)"
            )
        if self.lives.forgotten:
            notes.append(f"{self.lives.forgotten} open connections were forgotten (memory ceiling)")
        return notes
