"""Kernel: the plain cases of following a log; mirrors events.py, lives.py, devices.py, recent.py.

Works on the same dictionaries and rows as the reference and only takes what goes by the book: a
Built whose number is not in use, a Teardown whose Built is open, lines that say nothing of
connections.  Every other line is handed to the reference (`LogTracker._take`) in its turn, so
there is one state and one meaning.
"""

from finis.terms import EventKind, word
from finis.tracking import eventrow, lives
from finis.tracking.clock import Move
from finis.tracking.columns import CHUNK
from finis.tracking.devices import _ROW_BITS, SHORT

cdef object BUILT = word(EventKind.BUILT), TEARDOWN = word(EventKind.TEARDOWN)
cdef frozenset FOLLOWED = frozenset(
    word(kind)
    for kind in (EventKind.BUILT, EventKind.TEARDOWN, EventKind.DENY, EventKind.ICMP,
                 EventKind.PERMIT, EventKind.XLATE_BUILT, EventKind.FAILOVER)
)  # what `LogTracker._take` looks at
cdef object ASTRAY = Move.ASTRAY, STILL = Move.NONE
cdef Py_ssize_t FLUSH = CHUNK
cdef frozenset SHORT_LIVED = SHORT
cdef object resolve = lives._resolve, tuples_of = lives._tuples, seconds = lives._duration
cdef object LOG = "log", BYPASS = "state-bypass", TCP = "tcp"
cdef object ROW_BITS = _ROW_BITS
cdef Py_ssize_t MEANINGS = 4096


cdef inline bint same(object a, object b) except -1:
    return a is b or a == b


cdef object find(object recent, object key):
    """`Recent.get`."""
    found = (<dict>recent.head).get(key)
    if found is None:
        old = recent.old
        if old:
            for _, entries in reversed(<list>old):
                if key in <dict>entries:
                    return (<dict>entries)[key]
    return found


cdef int keep(object recent, object key, object value, object now) except -1:
    """`Recent.put`."""
    if len(<dict>recent.head) >= recent.most:
        recent.turn(now)
    (<dict>recent.head)[key] = value
    return 0


cdef class Follower:
    """A batch of events, and one device's state at hand while lines are its own."""

    cdef object tracker, lives, denials, device, name, counts, torn, watch
    cdef dict open, open_tuples
    cdef list starts, ends, columns
    cdef list ts, file, line, proto, number, direction, a_if, a_h, a_p, am_h, am_p
    cdef list b_if, b_h, b_p, bm_h, bm_p, initiator, duration, size, reason, reason_by
    cdef list teardown, side, flags, user
    cdef object wait
    cdef Py_ssize_t open_most
    cdef Py_ssize_t events, built, teardowns  # not yet added to the device's counts
    cdef dict meanings

    def __cinit__(self, tracker, list columns):
        self.tracker, self.lives, self.denials = tracker, tracker.lives, tracker.denials
        self.starts, self.ends = self.lives.starts.pending, self.lives.ends.pending
        self.wait = self.lives.wait
        self.open_most = tracker.options.open_most
        self.meanings = {}
        self.columns = columns
        (self.ts, _, self.file, self.line, _, _, self.proto, self.number, self.direction,
         self.a_if, self.a_h, self.a_p, self.am_h, self.am_p, self.b_if, self.b_h, self.b_p,
         self.bm_h, self.bm_p, self.initiator, self.duration, self.size, self.reason,
         self.reason_by, self.teardown, self.side, self.flags, self.user, _, _, _) = columns

    cdef int turn_to(self, device) except -1:
        self.settle()
        self.device, self.counts, self.name = device, device.counts, device.name
        self.open, self.open_tuples = device.open, device.open_tuples
        self.torn, self.watch = device.torn, device.watch
        return 0

    cdef int settle(self) except -1:
        """Bring the device's counts up to date."""
        if self.events:
            self.counts.events += self.events
            self.counts.built += self.built
            self.counts.teardowns += self.teardowns
        self.events = self.built = self.teardowns = 0
        return 0

    cdef tuple row(self, Py_ssize_t i):
        return tuple([(<list>column)[i] for column in self.columns])

    cdef bint watched(self, tuple tuples) except -1:
        """Do denials wait for one of these tuples?"""
        cdef dict head = self.watch.head
        cdef list old = self.watch.old
        for key in tuples:
            if head and key in head:
                return True
            for _, entries in old:
                if key in <dict>entries:
                    return True
        return False

    cdef bint take_built(self, Py_ssize_t i, at, event) except -1:
        """Take a Built; False leaves everything untouched."""
        device, number = self.device, self.number[i]
        a_h, a_p, b_h, b_p = self.a_h[i], self.a_p[i], self.b_h[i], self.b_p[i]
        if not same(self.proto[i], TCP) or a_h is None or b_h is None or number is None:
            return False
        if device.orphans or number in self.open or find(self.torn, number) is not None:
            return False
        initiator, direction = self.initiator[i], self.direction[i]
        if initiator == "a" or (initiator != "b" and direction == "inbound"):
            orig = 0
        elif initiator == "b" or direction == "outbound":
            orig = 1
        else:
            return False
        real = hash((a_h, a_p, b_h, b_p))
        top = device.id_top
        if top is not None and number == top + 1:  # the plain case of `note_id`
            device.ids += 1
            device.id_top = number
        else:
            device.note_id(number)
        if device.built_since is None:
            device.built_since = at
        self.built += 1
        self.events += 1
        count = self.lives.count
        self.lives.count = count + 1
        am_h, am_p, bm_h, bm_p = self.am_h[i], self.am_p[i], self.bm_h[i], self.bm_p[i]
        bypass = same(self.flags[i], BYPASS)
        if orig:
            started = (
                count, self.name, number, b_h, b_p, self.b_if[i], bm_h, bm_p, a_h, a_p,
                self.a_if[i], am_h, am_p, LOG, self.user[i], self.ts[i], self.file[i],
                self.line[i], bypass,
            )
        else:
            started = (
                count, self.name, number, a_h, a_p, self.a_if[i], am_h, am_p, b_h, b_p,
                self.b_if[i], bm_h, bm_p, LOG, self.user[i], self.ts[i], self.file[i],
                self.line[i], bypass,
            )
        self.starts.append(started)
        if len(self.starts) >= FLUSH:
            self.lives.starts.flush()
        xlates = device.xlates
        if (
            (am_h is None or (same(am_h, a_h) and same(am_p, a_p)))
            and (bm_h is None or (same(bm_h, b_h) and same(bm_p, b_p)))
            and not xlates.head and not xlates.old
        ):
            tuples = (real,)
        else:
            tuples = tuples_of(real, self.row(i), xlates)
        self.open[number] = (count, tuples, at, orig, direction, event)
        for key in <tuple>tuples:
            self.open_tuples[key] = number
        if len(self.open) > self.open_most:
            self.lives.forgotten += device.bound_open()
        if self.watched(<tuple>tuples):
            self.denials.on_built(device, tuples, at)
        return True

    cdef bint take_teardown(self, Py_ssize_t i, at, event) except -1:
        """Take a Teardown; False leaves everything untouched."""
        device, number = self.device, self.number[i]
        a_h, b_h = self.a_h[i], self.b_h[i]
        if not same(self.proto[i], TCP) or a_h is None or b_h is None or number is None:
            return False
        if device.orphans:
            return False
        found = self.open.get(number)
        if found is None:
            return False
        cdef tuple entry = found
        cdef tuple tuples = entry[1]
        count, built, orig, direction = entry[0], entry[2], entry[3], entry[4]
        if hash((a_h, self.a_p[i], b_h, self.b_p[i])) not in tuples or at < built - self.wait:
            return False
        self.teardowns += 1
        self.events += 1
        if device.torn_since is None:
            device.torn_since = at
        del self.open[number]
        for key in tuples:
            if self.open_tuples.get(key) == number:
                del self.open_tuples[key]
        words = (self.teardown[i], self.side[i], self.reason_by[i], orig, direction)
        meaning = self.meanings.get(words)
        if meaning is None:
            if len(self.meanings) >= MEANINGS:
                self.meanings.clear()
            meaning = self.meanings[words] = resolve(self.row(i), orig, direction)
        cdef tuple both = meaning
        how = both[0]
        duration_s = self.duration[i]
        if type(duration_s) is not float or not 0 <= <double>duration_s < 1e9:
            duration_s = seconds(duration_s)
        self.ends.append((
            count, self.ts[i], self.file[i], self.line[i], duration_s, self.size[i],
            self.reason[i], how, both[1],
        ))
        if len(self.ends) >= FLUSH:
            self.lives.ends.flush()
        # `Device.remember`
        value = ((at << ROW_BITS) | count) << 1 | orig
        store = device.ended if how in SHORT_LIVED else device.expired
        now = device.now
        if now is None:
            now = at
        for key in tuples:
            keep(store, key, value, now)
        keep(self.torn, number, (tuples, built, at, count, event), at)
        if self.watched(tuples):
            self.denials.on_teardown(device, tuples, built, at, count, orig)
        return True


def feed(tracker, events, columns):
    """As `LogTracker._feed`.  `columns`: those of `eventrow`, in its order."""
    cdef Py_ssize_t i, length = len(events["ts"])
    columns = [c if type(c) is list else list(c) for c in columns]
    if any(len(column) != length for column in columns):
        raise ValueError("columns of unequal length")
    cdef list devices = columns[eventrow.DEVICE], files = columns[eventrow.FILE]
    cdef list stamps = columns[eventrow.TS], kinds = columns[eventrow.KIND]
    cdef list copies = events["duplicate_of"]
    cdef Follower follower = Follower(tracker, columns)
    number = tracker.events
    raw = file = last_ts = ""
    device = clock = at = None
    path = 0
    for i in range(length):
        ts = stamps[i]
        if device is None or not same(devices[i], raw) or not same(files[i], file):
            raw, file = devices[i], files[i]
            device = tracker._device(raw, file)
            clock = device.clock(raw)
            path = tracker._path(raw, file)
            follower.turn_to(device)
            last_ts = ""
        if ts is None:
            at, last_ts = None, ""
        elif not same(ts, last_ts):
            at, move = device.time(ts, clock)
            last_ts = ts if clock.suspect is None else ""
            if move is not STILL or device.held:
                follower.settle()
                row = follower.row(i)
                tracker._moved(device, move, clock, row)
                if move is ASTRAY:
                    device.held[raw] = (number + i, path, row)
                    continue
        kind = kinds[i]
        if same(kind, BUILT):
            if at is not None and follower.take_built(i, at, number + i):
                continue
        elif same(kind, TEARDOWN):
            if at is not None and follower.take_teardown(i, at, number + i):
                continue
        elif kind not in FOLLOWED:
            follower.events += 1
            continue
        follower.settle()
        copy = tracker._take(device, at, path, number + i, follower.row(i))
        if copy is not None:
            copies[i] = copy
    follower.settle()
    tracker.events = number + length
