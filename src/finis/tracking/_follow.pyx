"""Kernel: the plain cases of following a log; mirrors events.py, lives.py, denials.py,
devices.py and recent.py.

Works on the same dictionaries and rows as the reference and only takes what goes by the book: a
Built whose number is not in use, a Teardown whose Built is open, a denial that is no copy, lines
that say nothing of connections.  Every other line is handed to the reference
(`LogTracker._take`) in its turn, so there is one state and one meaning.
"""

from finis.terms import EventKind, word
from finis.tracking import denials as refusals
from finis.tracking import eventrow, lives
from finis.tracking.clock import SECOND, Move
from finis.tracking.columns import CHUNK
from finis.tracking.devices import _ROW_BITS, _ROW_MASK, SHORT

cdef object BUILT = word(EventKind.BUILT), TEARDOWN = word(EventKind.TEARDOWN)
cdef frozenset FOLLOWED = frozenset(
    word(kind)
    for kind in (EventKind.BUILT, EventKind.TEARDOWN, EventKind.DENY, EventKind.ICMP,
                 EventKind.PERMIT, EventKind.XLATE_BUILT, EventKind.FAILOVER, EventKind.STATE,
                 EventKind.ENDED)
)  # what `LogTracker._take` looks at
cdef object ASTRAY = Move.ASTRAY, STILL = Move.NONE
cdef Py_ssize_t FLUSH = CHUNK
cdef frozenset SHORT_LIVED = SHORT
cdef object resolve = lives._resolve, tuples_of = lives._tuples, seconds = lives._duration
cdef object LOG = "log", BYPASS = "state-bypass", TCP = "tcp"
cdef object ROW_BITS = _ROW_BITS
cdef Py_ssize_t MEANINGS = 4096
cdef object DENY = word(EventKind.DENY)
cdef object YES = "yes", NO = "no", UNKNOWN = "unknown", SHOWN = "line", OTHER = "other"
cdef tuple SIDES = ("orig", "resp"), NO_PERMIT = (0, None, None, None)
cdef object SECOND_NS = SECOND
cdef object ROW_MASK = _ROW_MASK
cdef Py_ssize_t WATCHED = refusals._WATCHED


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
    cdef list teardown, side, flags, user, msg_id, acl, hits, denial_kind, certainty
    cdef list refused
    cdef object ahead
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
        self.refused = self.denials.rows.pending
        self.ahead = tracker.options.ahead_s * SECOND_NS
        (self.ts, _, self.file, self.line, self.msg_id, _, self.proto, self.number, self.direction,
         self.a_if, self.a_h, self.a_p, self.am_h, self.am_p, self.b_if, self.b_h, self.b_p,
         self.bm_h, self.bm_p, self.initiator, self.duration, self.size, self.reason,
         self.reason_by, self.teardown, self.side, self.flags, self.user,
         self.acl, self.hits, self.denial_kind, self.certainty) = columns

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
        if device.orphans or device.firewall.states or self.certainty[i] is not None:
            return False
        if device.lingering or device.states:
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

    cdef object ended_before(self, key, latest):
        """`Device.find_ended`, packed; None if there is none."""
        first, second = find(self.device.ended, key), find(self.device.expired, key)
        if first is not None and (first >> ROW_BITS + 1) > latest:
            first = None
        if second is not None and (second >> ROW_BITS + 1) > latest:
            second = None
        if first is None or second is None:
            return second if first is None else first
        return second if second >> ROW_BITS + 1 > first >> ROW_BITS + 1 else first

    cdef tuple before(self, tuple keys, at):
        """`denials._before` as (row, end or None if open, side, rebuilt); row None: no match."""
        device, wait = self.device, self.wait
        cdef int way
        ended = rebuilt = row = side = None
        for way in range(2):
            packed = self.ended_before(keys[way], at + wait)
            if packed is not None and (ended is None or packed >> ROW_BITS + 1 > ended):
                ended, row = packed >> ROW_BITS + 1, packed >> 1 & ROW_MASK
                side = SIDES[<int>(packed & 1) ^ way]
        for way in range(2):
            number = self.open_tuples.get(keys[way])
            if number is None:
                continue
            entry = <tuple>self.open[number]
            built = entry[2]
            just_now = ended is not None and built >= at - SECOND_NS and ended >= built - wait
            if built <= at and not just_now:
                return entry[0], None, SIDES[<int>entry[3] ^ way], None
            if built - at <= self.ahead:
                rebuilt = max(built, at)
        return row, ended, side, rebuilt

    cdef int watch_for(self, tuple keys, at, row) except -1:
        """`denials._watch`."""
        watch, now = self.watch, self.device.now or 0
        for key, value in ((keys[0], row), (keys[1], ~row)):
            waiting = (<dict>watch.head).get(key)
            if waiting is None:
                older = find(watch, key) or []
                waiting = [pair for pair in older if now - pair[0] <= watch.slice_ns]
                keep(watch, key, waiting, now)
            if len(<list>waiting) < WATCHED:
                (<list>waiting).append((at, value))
        return 0

    cdef bint take_denial(self, Py_ssize_t i, at, path, event) except -1:
        """Take a denial of TCP that is no copy; False leaves everything untouched.  Mirrors
        `Denials.deny`."""
        device, denials = self.device, self.denials
        src_h, src_p, dst_h, dst_p = self.a_h[i], self.a_p[i], self.b_h[i], self.b_p[i]
        if not same(self.proto[i], TCP) or src_h is None or dst_h is None or device.orphans:
            return False
        kind = self.denial_kind[i]
        if src_p is None or dst_p is None or kind == "icmp":
            return False
        ts, msg_id, flags, src_if = self.ts[i], self.msg_id[i], self.flags[i], self.a_if[i]
        acl, hits = self.acl[i], self.hits[i]
        mark = hash(
            (ts, msg_id, TCP, src_h, src_p, dst_h, dst_p, flags, src_if, acl, hits)
        )
        if find(device.lines, mark) is not None:
            return False
        now = device.now or 0
        row = denials.count
        denials.count = row + 1
        keep(device.lines, mark, (path, row, event), now)
        self.events += 1
        self.settle()  # what is unknown depends on the counts
        self.counts.denials += 1
        keys = (hash((src_h, src_p, dst_h, dst_p)), hash((dst_h, dst_p, src_h, src_p)))
        log_row, ended, side, rebuilt = self.before(keys, at)
        pending, lag_s, why, reach_s, seen = False, None, None, None, YES
        if rebuilt is not None:
            denials.built.pending.append((row, (rebuilt - at) / SECOND_NS))
        if log_row is not None:
            pending = ended is None
            if ended is not None:
                lag_s = max(0, at - ended) / SECOND_NS
        else:
            why = device.why_unknown(at)
            seen = NO if why is None else UNKNOWN
            reach_s = device.reach(at) / SECOND_NS
        self.watch_for(keys, at, row)
        permit = find(device.permits, keys[0])
        if permit is None or abs(at - permit[0]) > device.options.wait_s * SECOND_NS:
            permit = NO_PERMIT
        failover_s = None
        if device.failover is not None:
            failover_s = max(0, at - device.failover) / SECOND_NS
        self.refused.append((
            row, ts, self.name, self.file[i], self.line[i], msg_id, TCP, src_if, src_h, src_p,
            dst_h, dst_p, flags, acl, 1 if hits is None else hits, lag_s, seen, None, SHOWN,
            OTHER if kind is None else kind, why, side, pending, failover_s, log_row, reach_s,
            permit[1], permit[2], permit[3], None, None,
        ))
        if len(self.refused) >= FLUSH:
            denials.rows.flush()
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
        elif same(kind, DENY):
            if at is not None and follower.take_denial(i, at, path, number + i):
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
