"""Built and Teardown lines to connections.

Lines pair by the firewall's number *and* the tuple, because numbers are used again.  A Teardown
without Built (the log starts late) still is a connection; one logged before its Built waits for it.

A firewall that logs states says when a connection is over, and keeps its entry for a while: the end
is then that moment, the Teardown only the entry's removal.  One that numbers nothing is followed by
tuple: it has one connection of a tuple at a time.
"""

from __future__ import annotations

from typing import Any

from finis.terms import EventKind, Teardown, word
from finis.tracking.clock import SECOND
from finis.tracking.denials import Denials, copy_among
from finis.tracking.devices import LogOptions, Tracked
from finis.tracking.eventrow import (
    A_H,
    A_MAPPED_H,
    A_MAPPED_P,
    A_P,
    B_H,
    B_MAPPED_H,
    B_MAPPED_P,
    B_P,
    CERTAINTY,
    CONN_ID,
    DIRECTION,
    DURATION_S,
    FILE,
    INITIATOR,
    KIND,
    LINE,
    PROTO,
    REASON,
    REASON_BY,
    TEARDOWN,
    TEARDOWN_SIDE,
    TS,
    seconds,
)
from finis.tracking.output import Output

_SIDES = ("orig", "resp")
_RESETS = {
    "orig": word(Teardown.RESET_ORIG),
    "resp": word(Teardown.RESET_RESP),
    "device": word(Teardown.RESET_DEVICE),
}
_UNSIDED = word(Teardown.RESET_SIDE_UNKNOWN)
_IN_HANDSHAKE = word(Teardown.HANDSHAKE_RESET)
_ENDPOINTS_END = {
    word(Teardown.FINS), word(Teardown.REFUSED), *_RESETS.values(), _UNSIDED, _IN_HANDSHAKE,
}  # fmt: skip
_HALF_OPEN = word(Teardown.SYN_ACK_TIMEOUT)
_IDLE, _UNACKED = word(Teardown.IDLE_TIMEOUT), word(Teardown.UNACKED_TIMEOUT)
_UNSAID = {word(Teardown.UNKNOWN), None}
_ENDED = word(EventKind.ENDED)
_SAID = (
    REASON,
    REASON_BY,
    TEARDOWN,
    TEARDOWN_SIDE,
    CERTAINTY,
)  # what a state's line says of an end
_TIMER, _SINCE = len(_SAID), len(_SAID) + 1  # … seconds left to its timer, and when


class Lives:
    """The connections of all devices, as rows."""

    def __init__(self, options: LogOptions, denials: Denials, out: Output) -> None:
        self.options = options
        self.denials = denials
        self.out = out
        self.count = 0
        self.wait = int(options.wait_s * SECOND)
        self.forgotten = 0  # open connections dropped at the memory ceiling

    def built(self, device: Tracked, at: int | None, event: int, row: tuple[Any, ...]) -> Any:
        """Take a Built.  `at`: log time, None without a stamp; `event`: number of the line.
        Returns the number of the line it is a copy of, or None."""
        number, direction = row[CONN_ID], row[DIRECTION]
        a_h, a_p, b_h, b_p = row[A_H], row[A_P], row[B_H], row[B_P]
        if row[PROTO] != "tcp":
            device.other_ids = True
            device.note_id(number)
            return None
        if a_h is None or b_h is None:
            device.counts.unreadable += 1
            return None
        real = device.key(a_h, a_p, b_h, b_p)
        when = (device.now or 0) if at is None else at
        wait = self.wait
        waiting = None
        if number is not None:
            old = device.open.get(number)
            if old is not None:
                if real == old[1][0] and abs(when - old[2]) <= wait:
                    device.counts.copies += 1
                    return old[5]
                # Its Teardown was not logged, or the firewall restarted.
                device.counts.lost += 1
                device.close(number)
            else:
                gone = device.torn.get(number)
                if gone is not None and gone[0][0] == real and _close(gone[1], when, wait):
                    device.counts.copies += 1
                    return gone[4]
                if device.orphans:
                    waiting = device.orphans.get(number)
            device.note_id(number)
        elif (copy := _copy(device, real, event, row)) is not None:
            return copy
        tuples = _tuples(real, row, device)
        orig, how = _orientation(row[INITIATOR], direction, a_p, b_p)
        if device.built_since is None:
            device.built_since = when
        device.counts.built += 1
        if waiting is not None and waiting[1] == real and when <= waiting[2] + wait:
            return self._late_built(device, when, tuples, orig, direction, how, event, row)
        count = self.count
        self.count += 1
        self.out.start(count, device.name, row, orig, how, row[TS], row[FILE], row[LINE])
        entry = (count, tuples, when, orig, direction, event)
        if number is None:
            number = ("", event)
        device.open[number] = entry
        open_tuples = device.open_tuples
        for key in tuples:
            open_tuples[key] = number
        if len(device.open) > self.options.open_most:
            self.forgotten += device.bound_open()
        if device.watch:
            self.denials.on_built(device, tuples, when)
        return None

    def teardown(self, device: Tracked, at: int | None, event: int, row: tuple[Any, ...]) -> Any:
        """Take a Teardown; as `built`."""
        if row[PROTO] != "tcp":
            return None
        number, a_h, b_h = row[CONN_ID], row[A_H], row[B_H]
        when = (device.now or 0) if at is None else at
        wait = self.wait
        real = device.key(a_h, row[A_P], b_h, row[B_P])
        swapped = False
        if number is None:
            if (copy := _copy(device, real, event, row)) is not None:
                return copy
            number = _unnumbered(device, real)
        if device.lingering and self._removed(device, number, real, at, event, row):
            return None
        old = device.open.get(number)
        if old is not None and real not in old[1] and a_h is not None and b_h is not None:
            swapped = device.key(b_h, row[B_P], a_h, row[A_P]) in old[1]
            if not swapped:  # the number is used again, its Built was not logged
                device.counts.lost += 1
                device.close(number)
                old = None
        elif old is not None and when < old[2] - wait:
            old = None
        if old is None:
            gone = device.torn.get(number) if number is not None else None
            if gone is None and number is not None and number in device.orphans:
                waits = device.orphans[number]
                gone = ((waits[1],), None, waits[2], waits[0], waits[3])
            if gone is not None and real in gone[0] and _close(gone[2], when, wait):
                device.counts.copies += 1
                return gone[4]
            number, old = self._renumbered(device, when, real, row)
        if old is None:
            self._orphan(device, when, real, event, row)
            return None
        if device.states:
            said = device.states.get(number)
            row = _by_its_timer(_with_state(row, said), said, at, device.firewall.unacked_s)
        device.counts.teardowns += 1
        if device.torn_since is None:
            device.torn_since = when
        device.close(number)
        if device.orphans:
            self.settle(device, when)
        count, tuples, built, orig, direction, _ = old
        self._end(device, when, count, tuples, built, orig ^ swapped, orig, direction, event, row)
        return None

    def _end(
        self, device: Tracked, at: int, count: int, tuples: tuple[int, ...], built: int, orig: int,
        stored: int, direction: str | None, event: int, row: tuple[Any, ...],
    ) -> None:  # fmt: skip
        """Write a Teardown.  `orig`: which endpoint of this line is orig; `stored`: of `tuples`."""
        how, by = _resolve(row, orig, direction)
        self.out.end(count, row, how, by)
        if row[CERTAINTY] is not None or device.firewall.states:
            removed = None if row[KIND] == _ENDED else row[TS]
            self.out.linger(count, removed, row[CERTAINTY])
        device.remember(tuples, at, count, stored, how)
        if row[CONN_ID] is not None:
            device.torn.put(row[CONN_ID], (tuples, built, at, count, event), at)
        if device.watch:
            self.denials.on_teardown(device, tuples, built, at, count, stored)

    # --- states ----------------------------------------------------------------------------

    def state(self, device: Tracked, at: int | None, event: int, row: tuple[Any, ...]) -> Any:
        """Take a line that tells the state of a connection, or that it is over; as `built`."""
        if row[PROTO] != "tcp":
            return None
        if row[A_H] is None or row[B_H] is None:
            device.counts.unreadable += 1
            return None
        real = device.key(row[A_H], row[A_P], row[B_H], row[B_P])
        copy = _copy(device, real, event, row)
        if copy is not None:
            return copy
        number = row[CONN_ID] if row[CONN_ID] is not None else _unnumbered(device, real)
        old = device.open.get(number)
        if old is None or real not in old[1]:
            if (number if number is not None else ("", real)) in device.lingering:
                return None  # a late segment moved an entry whose connection is over
            number, old = self._adopted(device, event, real, row)
        if row[KIND] != _ENDED:
            known = device.states.get(number)
            if known is None or known[_SINCE] is None or at is None or at >= known[_SINCE]:
                said = tuple(row[column] for column in _SAID)
                device.states[number] = (*said, seconds(row[DURATION_S]), at)
            return None  # else a line out of order: a later state was logged before it
        when = (device.now or 0) if at is None else at
        device.counts.teardowns += 1
        if device.torn_since is None:
            device.torn_since = when
        before = device.states.get(number)
        if before is not None and before[0] is not None:
            row = _replaced(row, {REASON: f"{row[REASON]} after {before[0]}"})
            if row[TEARDOWN] == _UNSIDED and before[_SAID.index(TEARDOWN)] == _HALF_OPEN:
                row = _replaced(row, {TEARDOWN: _IN_HANDSHAKE})
        device.close(number)
        count, tuples, built, orig, direction, _ = old
        key = row[CONN_ID] if row[CONN_ID] is not None else ("", real)
        device.lingering[key] = (count, tuples)
        if len(device.lingering) > self.options.lines_most:
            del device.lingering[next(iter(device.lingering))]
        self._end(device, when, count, tuples, built, orig, orig, direction, event, row)
        return None

    def _adopted(
        self, device: Tracked, event: int, real: int, row: tuple[Any, ...]
    ) -> tuple[Any, tuple[Any, ...]]:
        """(number, entry) of a connection that was built before the log shows it."""
        tuples = _tuples(real, row, device)
        orig, _ = _orientation(row[INITIATOR], None, row[A_P], row[B_P])
        count = self.count
        self.count += 1
        device.counts.late += 1
        self.out.start(count, device.name, row, orig, "guessed", None, None, None)
        number = row[CONN_ID] if row[CONN_ID] is not None else ("", event)
        if number in device.open:
            device.counts.lost += 1
            device.close(number)
        entry = (count, tuples, device.since, orig, None, event)
        device.open[number] = entry
        for key in tuples:
            device.open_tuples[key] = number
        if len(device.open) > self.options.open_most:
            self.forgotten += device.bound_open()
        return number, entry

    def _removed(
        self, device: Tracked, number: Any, real: int, at: int | None, event: int,
        row: tuple[Any, ...],
    ) -> bool:  # fmt: skip
        """Is this Teardown the removal of an entry whose connection was over already?"""
        key = number if isinstance(number, int) else ("", real)
        found = device.lingering.get(key)
        if found is None or real not in found[1]:
            return False
        del device.lingering[key]
        self.out.linger(found[0], row[TS], None)
        if isinstance(number, int):
            when = (device.now or 0) if at is None else at
            device.torn.put(number, (found[1], None, when, found[0], event), when)
        return True

    # --- Teardowns without a Built ---------------------------------------------------------

    def _renumbered(
        self, device: Tracked, at: int, real: int, row: tuple[Any, ...]
    ) -> tuple[Any, Any]:
        """(number, entry) of the open connection that a Teardown with an unknown number ends: the
        same tuple, as old as the Teardown says (the other unit of a pair took it over)."""
        number = device.open_tuples.get(real)
        duration = seconds(row[DURATION_S])
        if number is None or duration is None:
            return row[CONN_ID], None
        old = device.open[number]
        fits = abs(at - duration * SECOND - old[2]) <= self.wait
        return (number, old) if fits else (row[CONN_ID], None)

    def _orphan(
        self, device: Tracked, at: int, real: int, event: int, row: tuple[Any, ...]
    ) -> None:
        """A Teardown whose Built is not logged: wait a moment, lines may be out of order."""
        if row[A_H] is None or row[B_H] is None:
            device.counts.unreadable += 1
            return
        device.counts.teardowns += 1
        if device.torn_since is None:
            device.torn_since = at
        self.settle(device, at)
        key = row[CONN_ID] if row[CONN_ID] is not None else ("", event)
        if key in device.orphans:
            self._settle_one(device, key)
        device.orphans[key] = (self.count, real, at, event, row)
        self.count += 1
        if len(device.orphans) > 10_000:
            self._settle_one(device, next(iter(device.orphans)))

    def settle(self, device: Tracked, at: int | None) -> None:
        """Give up waiting for the Built of Teardowns older than the wait; of all at the end."""
        wait = self.wait
        while device.orphans:
            key = next(iter(device.orphans))
            if at is not None and at - device.orphans[key][2] <= wait:
                return
            self._settle_one(device, key)

    def _settle_one(self, device: Tracked, key: Any) -> None:
        count, real, at, event, row = device.orphans.pop(key)
        duration = seconds(row[DURATION_S])
        span = 0 if duration is None else int(duration * SECOND)
        device.counts.late += 1
        if at - span > max(device.since, device.built_since or at) + 60 * SECOND:
            device.counts.lost += 1
        orig, _ = _orientation(row[INITIATOR], None, row[A_P], row[B_P])
        ts = None if row[TS] is None or duration is None else row[TS] - span
        self.out.start(count, device.name, row, orig, "guessed", ts, None, None)
        self._end(device, at, count, (real,), at - span, orig, orig, None, event, row)

    def _late_built(
        self, device: Tracked, at: int, tuples: tuple[int, ...], orig: int, direction: str | None,
        how: str, event: int, row: tuple[Any, ...],
    ) -> None:  # fmt: skip
        """The Built of a Teardown that was logged before it."""
        count, _, torn_at, torn_event, torn_row = device.orphans.pop(row[CONN_ID])
        self.out.start(count, device.name, row, orig, how, row[TS], row[FILE], row[LINE])
        self._end(device, torn_at, count, tuples, at, orig, orig, direction, torn_event, torn_row)


def _copy(device: Tracked, real: int, event: int, row: tuple[Any, ...]) -> int | None:
    """The line that a line without a number of its own is a copy of; None if of none."""
    if row[TS] is None:
        return None
    mark = device.mark(row[TS], real, row[CONN_ID], row[KIND], row[REASON])
    found = copy_among(device, mark, hash(row[FILE]), 0, event)
    if found is None:
        return None
    device.counts.copies += 1
    return found[1]


def _unnumbered(device: Tracked, real: int) -> Any:
    """Key of the open connection of this tuple, where its firewall numbers none; else None."""
    number = device.open_tuples.get(real)
    return number if isinstance(number, tuple) else None


def _replaced(row: tuple[Any, ...], values: dict[int, Any]) -> tuple[Any, ...]:
    out = list(row)
    for at, value in values.items():
        out[at] = value
    return tuple(out)


def _with_state(row: tuple[Any, ...], said: tuple[Any, ...] | None) -> tuple[Any, ...]:
    """A Teardown that gives no reason has that of the last state."""
    if said is None or row[TEARDOWN] is not None:
        return row
    return _replaced(row, dict(zip(_SAID, said[: len(_SAID)], strict=True)))


def _by_its_timer(
    row: tuple[Any, ...], said: tuple[Any, ...] | None, at: int | None, unacked_s: float
) -> tuple[Any, ...]:
    """An idle timeout, held against the idle timer as last logged.  One that came before that can
    have run out was another: a packet since then set a shorter one.  It is stated if the idle timer
    is the shortest (`unacked_s`: of the others)."""
    if said is None or at is None or row[TEARDOWN] != _IDLE:
        return row
    timer_s, since = said[_TIMER], said[_SINCE]
    same = said[0] == (row[REASON] or "").partition(",")[0]  # else its timer was another
    if timer_s is None or since is None or not same:
        return row
    if at - since >= (timer_s - 1) * SECOND:
        return _replaced(row, {CERTAINTY: "stated"}) if timer_s <= unacked_s else row
    why = f"{row[REASON]} though {timer_s:.0f} s were left when last logged"
    return _replaced(row, {REASON: why, TEARDOWN: _UNACKED, CERTAINTY: "implied"})


def _close(a: int | None, b: int, slack: float) -> bool:
    return a is not None and abs(a - b) <= slack


def _tuples(real: int, row: tuple[Any, ...], device: Tracked) -> tuple[int, ...]:
    """Keys of a connection's tuples a → b: real first, then with mapped addresses, those of a
    translation logged just before where the Built itself names none."""
    a_h, a_p, am_h, am_p = row[A_H], row[A_P], row[A_MAPPED_H], row[A_MAPPED_P]
    b_h, b_p, bm_h, bm_p = row[B_H], row[B_P], row[B_MAPPED_H], row[B_MAPPED_P]
    a_same = am_h is None or (am_h == a_h and am_p == a_p)
    b_same = bm_h is None or (bm_h == b_h and bm_p == b_p)
    xlates, key = device.xlates, device.key
    if xlates:
        if a_same and (found := xlates.get(key(a_h, a_p))) is not None:
            a_same, (am_h, am_p) = False, found
        if b_same and (found := xlates.get(key(b_h, b_p))) is not None:
            b_same, (bm_h, bm_p) = False, found
    if a_same:
        return (real,) if b_same else (real, key(a_h, a_p, bm_h, bm_p))
    if b_same:
        return (real, key(am_h, am_p, b_h, b_p))
    return (
        real,
        key(am_h, am_p, b_h, b_p),
        key(a_h, a_p, bm_h, bm_p),
        key(am_h, am_p, bm_h, bm_p),
    )


def _orientation(initiator: Any, direction: Any, a_p: Any, b_p: Any) -> tuple[int, str]:
    """(0 if endpoint a opened the connection else 1, how that is known)."""
    if initiator == "a" or (initiator != "b" and direction == "inbound"):
        return 0, "log"
    if initiator == "b" or direction == "outbound":
        return 1, "log"
    # A server's port is the lower one, as a rule.
    if a_p is not None and b_p is not None and a_p < b_p:
        return 1, "guessed"
    return 0, "guessed"


def _resolve(row: tuple[Any, ...], orig: int, direction: str | None) -> tuple[str, str]:
    """(how it ended, by whom): terms.Teardown in words and orig, resp, device or unknown.

    The side comes from the interface the line names, else from the security level (I is the
    higher, O the lower): an inbound connection was opened from the lower level, an outbound one
    from the higher.
    """
    how, side, by = row[TEARDOWN], row[TEARDOWN_SIDE], "unknown"
    if side == "a":
        by = _SIDES[orig]
    elif side == "b":
        by = _SIDES[1 - orig]
    elif side == "device":
        by = "device"
    elif row[REASON_BY] == "I" or row[REASON_BY] == "O":
        if direction is not None:
            by = "orig" if (row[REASON_BY] == "O") == (direction == "inbound") else "resp"
    elif how not in _ENDPOINTS_END and how not in _UNSAID:
        by = "device"  # timers, limits, rules: the firewall's own doing
    if how == _UNSIDED:
        how = _RESETS.get(by, how)
    return how or word(Teardown.UNKNOWN), by
