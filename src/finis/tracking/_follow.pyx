"""Kernel: the plain cases of following a log; mirrors events.py, lives.py and recent.py.

Works on the same dictionaries and rows as the reference and only takes what goes by the book: a
Built whose number and tuple are not in use, a Teardown whose Built is open, lines that say nothing
of connections.  Every other line is handed to the reference (`LogTracker._take`) in its turn, so
there is one state and one meaning.
"""

from finis.terms import EventKind, word
from finis.tracking import eventrow, lives
from finis.tracking.clock import Move
from finis.tracking.columns import CHUNK
from finis.tracking.devices import SHORT

cdef int TS = eventrow.TS, DEVICE = eventrow.DEVICE, FILE = eventrow.FILE, KIND = eventrow.KIND
cdef object BUILT = word(EventKind.BUILT), TEARDOWN = word(EventKind.TEARDOWN)
cdef frozenset FOLLOWED = frozenset(
    word(kind)
    for kind in (EventKind.BUILT, EventKind.TEARDOWN, EventKind.DENY, EventKind.ICMP,
                 EventKind.PERMIT, EventKind.XLATE_BUILT, EventKind.FAILOVER)
)  # what `LogTracker._take` looks at
cdef object ASTRAY = Move.ASTRAY, STILL = Move.NONE
cdef Py_ssize_t FLUSH = CHUNK
cdef frozenset SHORT_LIVED = SHORT
cdef object resolve = lives._resolve, tuples_of = lives._tuples
cdef object LOG = "log"
cdef object BYPASS = "state-bypass"


cdef class Follower:
    """One device's state at hand, while lines are its own."""

    cdef object tracker, lives, denials, device, counts, torn, watch, ended, expired
    cdef dict open, open_tuples
    cdef list starts, ends
    cdef object wait
    cdef Py_ssize_t open_most
    cdef Py_ssize_t events, built, teardowns  # not yet added to the device's counts
    cdef dict resolved

    def __cinit__(self, tracker):
        self.tracker, self.lives, self.denials = tracker, tracker.lives, tracker.denials
        self.starts, self.ends = self.lives.starts.pending, self.lives.ends.pending
        self.wait = self.lives.wait
        self.open_most = tracker.options.open_most
        self.resolved = {}

    cdef int turn_to(self, device) except -1:
        self.settle()
        self.device, self.counts = device, device.counts
        self.open, self.open_tuples = device.open, device.open_tuples
        self.torn, self.watch = device.torn, device.watch
        self.ended, self.expired = device.ended, device.expired
        return 0

    cdef int settle(self) except -1:
        """Bring the device's counts up to date."""
        if self.events:
            self.counts.events += self.events
            self.counts.built += self.built
            self.counts.teardowns += self.teardowns
        self.events = self.built = self.teardowns = 0
        return 0

    cdef bint take_built(self, at, event, tuple row) except -1:
        """Take a Built; False leaves everything untouched."""
        (ts, name, file, line, _, _, proto, number, direction, a_if, a_h, a_p, am_h, am_p, b_if,
         b_h, b_p, bm_h, bm_p, initiator, _, _, _, _, _, _, flags, user, _, _, _) = row
        device = self.device
        if proto != "tcp" or a_h is None or b_h is None or number is None or device.orphans:
            return False
        if number in self.open or self.torn.get(number) is not None:
            return False
        if initiator == "a" or (initiator != "b" and direction == "inbound"):
            orig = 0
        elif initiator == "b" or direction == "outbound":
            orig = 1
        else:
            return False
        real = hash((a_h, a_p, b_h, b_p))
        device.note_id(number)
        if device.built_since is None:
            device.built_since = at
        self.built += 1
        self.events += 1
        count = self.lives.count
        self.lives.count = count + 1
        bypass = flags == BYPASS
        if orig:
            started = (count, device.name, number, b_h, b_p, b_if, bm_h, bm_p, a_h, a_p, a_if,
                       am_h, am_p, LOG, user, ts, file, line, bypass)
        else:
            started = (count, device.name, number, a_h, a_p, a_if, am_h, am_p, b_h, b_p, b_if,
                       bm_h, bm_p, LOG, user, ts, file, line, bypass)
        self.starts.append(started)
        if len(self.starts) >= FLUSH:
            self.lives.starts.flush()
        xlates = device.xlates
        if (
            (am_h is None or (am_h == a_h and am_p == a_p))
            and (bm_h is None or (bm_h == b_h and bm_p == b_p))
            and not xlates.head and not xlates.old
        ):
            tuples = (real,)
        else:
            tuples = tuples_of(real, row, xlates)
        self.open[number] = (count, tuples, at, orig, direction, event)
        for key in <tuple>tuples:
            self.open_tuples[key] = number
        if len(self.open) > self.open_most:
            self.lives.forgotten += device.bound_open()
        if self.watched(tuples):
            self.denials.on_built(device, tuples, at)
        return True

    cdef bint watched(self, tuple tuples) except -1:
        """Do denials wait for one of these tuples?"""
        for key in tuples:
            if key in <dict>self.watch.head:
                return True
        if self.watch.old:
            for _, entries in self.watch.old:
                for key in tuples:
                    if key in <dict>entries:
                        return True
        return False

    cdef bint take_teardown(self, at, event, tuple row) except -1:
        """Take a Teardown; False leaves everything untouched."""
        (ts, name, file, line, _, _, proto, number, _, _, a_h, a_p, _, _, _, b_h, b_p, _, _, _,
         duration_s, size, reason, reason_by, teardown, side, _, _, _, _, _) = row
        device = self.device
        if proto != "tcp" or a_h is None or b_h is None or number is None or device.orphans:
            return False
        entry = self.open.get(number)
        if entry is None:
            return False
        count, tuples, built, orig, direction, _ = <tuple>entry
        real = hash((a_h, a_p, b_h, b_p))
        if real not in <tuple>tuples or at < built - self.wait:
            return False
        self.teardowns += 1
        self.events += 1
        if device.torn_since is None:
            device.torn_since = at
        del self.open[number]
        for key in <tuple>tuples:
            if self.open_tuples.get(key) == number:
                del self.open_tuples[key]
        words = (teardown, side, reason_by, orig, direction)
        meaning = self.resolved.get(words)
        if meaning is None:
            if len(self.resolved) > 4096:
                self.resolved.clear()
            meaning = self.resolved[words] = resolve(row, orig, direction)
        how, by = <tuple>meaning
        if type(duration_s) is not float or not 0 <= <double>duration_s < 1e9:
            duration_s = lives._duration(duration_s)
        self.ends.append((count, ts, file, line, duration_s, size, reason, how, by))
        if len(self.ends) >= FLUSH:
            self.lives.ends.flush()
        device.remember(tuples, at, count, orig, how)
        self.torn.put(number, (tuples, built, at, count, event), at)
        if self.watched(tuples):
            self.denials.on_teardown(device, tuples, built, at, count, orig)
        return True


def feed(tracker, events, columns):
    """As `LogTracker._feed`.  `columns`: those of `eventrow`, in its order."""
    cdef Py_ssize_t number = tracker.events, i, length = len(events["ts"])
    cdef list copies = events["duplicate_of"]
    cdef tuple row
    cdef bint known = False
    cdef Follower follower = Follower(tracker)
    raw = file = last_ts = ""
    device = clock = at = None
    path = 0
    i = number - 1
    for row in zip(*columns, strict=True):
        i += 1
        ts = row[TS]
        if not known or (row[DEVICE] is not raw and row[DEVICE] != raw) or (
            row[FILE] is not file and row[FILE] != file
        ):
            raw, file = row[DEVICE], row[FILE]
            device = tracker._device(raw, file)
            clock = device.clock(raw)
            path = tracker._path(raw, file)
            follower.turn_to(device)
            known, last_ts = True, ""
        if ts is None:
            at, last_ts = None, ""
        elif ts is not last_ts and ts != last_ts:
            at, move = device.time(ts, clock)
            last_ts = ts if clock.suspect is None else ""
            if move is not STILL or device.held:
                follower.settle()
                tracker._moved(device, move, clock, row)
                if move is ASTRAY:
                    device.held[raw] = (i, path, row)
                    continue
        kind = row[KIND]
        if kind == BUILT:
            if at is not None and follower.take_built(at, i, row):
                continue
        elif kind == TEARDOWN:
            if at is not None and follower.take_teardown(at, i, row):
                continue
        elif kind not in FOLLOWED:
            follower.events += 1
            continue
        follower.settle()
        copy = tracker._take(device, at, path, i, row)
        if copy is not None:
            copies[i - number] = copy
    follower.settle()
    tracker.events = number + length
