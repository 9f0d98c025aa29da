"""Kernel: follows packed events; mirrors events.py, lives.py, denials.py, devices.py, recent.py.

The state of a firewall is held in packed tables (`_memory.pxd`), behind classes that look like those
of the reference.  What goes by the book (a Built whose number is not in use, a Teardown whose Built
is open, a denial that is no copy, …) is done here without a Python object; every other line is
handed to the reference (`LogTracker._take`) in its turn, which works on the same tables.  So there
is one state and one meaning.
"""

import os
from collections import OrderedDict

import numpy as np

from cpython.bytes cimport PyBytes_AS_STRING
from libc.math cimport NAN
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcpy, memset

from finis.tracking._memory cimport *
from finis.wire.dialects._row cimport *

from finis.terms import EventKind, word
from finis.tracking import denials as refusals
from finis.tracking import eventrow, lives, packed
from finis.tracking.clock import GAP_NS, SECOND, STEP_NS, LogClock, Move
from finis.tracking.columns import CHUNK
from finis.tracking.devices import SHORT, Counts, Tracked, pack, unpack
from finis.tracking.output import Output
from finis.tracking.recent import WATCHED
from finis.wire.dialects import _packed
from finis.wire.dialects._packed import Book

assert sizeof(Event) == _packed.EVENT.itemsize and _packed.BIT["b_mapped_p"] == HAS_B_MAPPED_P

cdef enum:  # what an event is to the kernel
    NOTHING, BUILT, TEARDOWN, DENY, PERMIT, XLATE, ASK

cdef enum:  # directions of a connection
    UNSAID, INBOUND, OUTBOUND, OTHERWISE

cdef enum:  # `packed.SEEN`
    UNKNOWN, YES, NO

cdef enum:  # what stopped `Follower._run`
    DONE, ORIGIN, REFERENCE, TIME, NO_MEMORY

cdef enum:
    NO_SIDE = 2
    NO_CODE = 0xFFFFFFFF
    LINE_BITS = 1 << 16
    MOST_WAITING = 1000  # recent.WATCHED
    NEAR = 4  # events ahead of which memory is loaded
    FAR = 8

cdef int64_t NS = SECOND, STEP = STEP_NS, GAP = GAP_NS
cdef int64_t NAMELESS = -(1 << 62)  # below: ("", event), the number of one that has none
cdef int64_t LEAST = -(2**63), EXACT = 2**53
cdef uint64_t V4 = _packed.V4, NAMED = _packed.NAMED
assert MOST_WAITING == WATCHED
cdef int64_t ROWS = CHUNK
cdef dict KINDS = {
    word(EventKind.BUILT): BUILT, word(EventKind.TEARDOWN): TEARDOWN, word(EventKind.DENY): DENY,
    word(EventKind.PERMIT): PERMIT, word(EventKind.XLATE_BUILT): XLATE,
    word(EventKind.ICMP): ASK, word(EventKind.FAILOVER): ASK,
    word(EventKind.STATE): ASK, word(EventKind.ENDED): ASK,
}  # fmt: skip
cdef dict DIRECTIONS = {None: UNSAID, "inbound": INBOUND, "outbound": OUTBOUND}
cdef tuple DIRECTED = (None, "inbound", "outbound", "other")
cdef dict BY = {name: i for i, name in enumerate(packed.BY)}
cdef dict SEEN = {name: i for i, name in enumerate(packed.SEEN)}
cdef dict SIDE = {name: i for i, name in enumerate(packed.SIDES)}
cdef dict AT = {name: i for i, name in enumerate(_packed.WORDS)}
cdef object ASTRAY = Move.ASTRAY
cdef object ask_ipv4 = _packed.ipv4

# Nobody outside knows which tuples collide.
cdef uint64_t SEED_A = int.from_bytes(os.urandom(8), "little") | 1
cdef uint64_t SEED_B = int.from_bytes(os.urandom(8), "little") | 1
cdef uint64_t SEED_C = int.from_bytes(os.urandom(8), "little") | 1


# --- identity ------------------------------------------------------------------------------------

cdef inline uint64_t key4(
    uint64_t one, uint64_t one_p, uint64_t two, uint64_t two_p
) noexcept nogil:
    """Hosts and ports (`port_of`) as one number, never 0."""
    cdef uint64_t h = finis_mix(one ^ SEED_A, two ^ SEED_B)
    h = finis_mix(h ^ (one_p << 32 | two_p), SEED_C ^ two)
    return h if h else 1


cdef inline uint64_t key2(uint64_t one, uint64_t one_p) noexcept nogil:
    cdef uint64_t h = finis_mix(one ^ SEED_B, one_p ^ SEED_C)
    return h if h else 1


cdef inline uint64_t mark_of(
    int64_t ts, uint64_t key, bint counted, int64_t hits, uint64_t said
) noexcept nogil:
    cdef uint64_t h = finis_mix(key ^ said, <uint64_t>ts ^ SEED_A)
    h = finis_mix(h ^ (<uint64_t>hits if counted else SEED_B), SEED_C ^ said)
    return h if h else 1


cdef inline uint64_t port_of(bint known, uint16_t port) noexcept nogil:
    return port if known else 0x10000


cdef uint64_t ident(host) except? 99:
    """A host, by its text or by what this gave for it, as a number."""
    if host is None:
        return 0
    if type(host) is not str:
        return host
    number = ask_ipv4(host)
    return <uint64_t><int64_t>hash(host) if number < 0 else V4 + <uint64_t>number


cdef uint64_t port_ident(port) except? 99:
    return 0x10000 if port is None else port


cdef int64_t to_number(number) except? -99:
    """A connection's number, or ("", event) where it has none."""
    if type(number) is tuple:
        return LEAST + 1 + <int64_t>number[1]
    return number


cdef object of_number(int64_t number):
    return number if number > NAMELESS else ("", number - LEAST - 1)


cdef int failed() except -1:
    raise MemoryError


cdef class Follower  # below


include "_seen.pxi"
include "_device.pxi"
include "_output.pxi"


# --- following -----------------------------------------------------------------------------------

cdef struct Word:  # what the words of an event mean
    uint64_t said  # of a denial, as in `mark_of`
    uint64_t permitted  # of an ACL hit
    uint8_t kind
    uint8_t tcp
    uint8_t direction
    uint8_t initiator  # 1: a, 2: b
    uint8_t sure  # nothing is said of how sure its reason is
    uint16_t how[2][4]  # by orig and direction
    uint8_t by[2][4]
    uint8_t brief[2][4]

cdef struct Way:  # where an event came from
    Dev* dev  # NULL: not looked at yet
    Time* time
    int64_t path


cdef class Translation:
    """Codes of one book in those of the follower's."""

    cdef object book
    cdef uint32_t* words
    cdef uint32_t* origins
    cdef uint64_t* hosts
    cdef Py_ssize_t word_count, origin_count, host_count

    def __cinit__(self, book):
        self.book = book

    def __dealloc__(self):
        free(self.words)
        free(self.origins)
        free(self.hosts)

    cdef int update(self, Follower follower) except -1:
        cdef Py_ssize_t i, count = len(self.book.words)
        if count > self.word_count:
            self.words = <uint32_t*>larger(self.words, count * sizeof(uint32_t))
            for i in range(self.word_count, count):
                self.words[i] = follower.note_words(self.book.words[i])
            self.word_count = count
        count = len(self.book.origins)
        if count > self.origin_count:
            self.origins = <uint32_t*>larger(self.origins, count * sizeof(uint32_t))
            for i in range(self.origin_count, count):
                self.origins[i] = follower.note_origin(self.book.origins[i])
            self.origin_count = count
        count = len(self.book.hosts)
        if count > self.host_count:
            self.hosts = <uint64_t*>larger(self.hosts, count * sizeof(uint64_t))
            for i in range(self.host_count, count):
                self.hosts[i] = follower.note_host(self.book.hosts[i])
            self.host_count = count
        return 0


cdef void* larger(void* old, size_t size) except NULL:
    cdef void* new = realloc(old, max(size, 64))
    if new == NULL:
        failed()
    return new


cdef class Follower:
    """Follows the batches of a `LogTracker`."""

    cdef object tracker
    cdef readonly FastOutput out
    cdef object book
    cdef dict translations  # id of a book → Translation
    cdef Word* words
    cdef Way* ways
    cdef uint64_t* idents  # of hosts that are no IPv4
    cdef Py_ssize_t word_room, way_room, ident_room
    cdef list devices_of  # by way: (device, clock)
    cdef int64_t wait, ahead, open_most
    # While a batch is followed:
    cdef uint32_t* to_words
    cdef uint32_t* to_ways
    cdef uint64_t* to_hosts
    cdef Way* way
    cdef bint timed, at_known, last_known
    cdef int64_t at, last_ts, number, lives_count, denials_count, forgotten
    cdef TornLate* late
    cdef BuiltLater* later
    cdef int64_t late_count, late_room, later_count, later_room
    # The last answer of `why_unknown` that hangs on nothing but time.
    cdef Dev* why_dev
    cdef int64_t why_at
    cdef uint32_t why
    cdef bint why_built, why_torn

    def __cinit__(self, tracker):
        self.tracker = tracker
        self.book, self.translations, self.devices_of = Book(), {}, []
        self.out = FastOutput(self)
        options = tracker.options
        self.wait, self.ahead = int(options.wait_s * SECOND), int(options.ahead_s * SECOND)
        self.open_most = options.open_most

    def __dealloc__(self):
        free(self.words)
        free(self.ways)
        free(self.idents)
        free(self.late)
        free(self.later)

    def device(self, name, options, budget, shared, firewall):
        cdef State made = FastDevice(name, options, budget, shared, firewall, self)
        made.d.idle = made.idle_ns
        return made

    # --- codes -------------------------------------------------------------------------------

    cdef uint32_t note_device(self, name) except? 99:
        out = self.out
        code = out.device_codes.get(name)
        if code is None:
            code = out.device_codes[name] = len(out.devices)
            out.devices.append(name)
        return code

    cdef uint16_t note_how(self, how) except? 99:
        out = self.out
        code = out.how_codes.get(how)
        if code is None:
            code = out.how_codes[how] = len(out.hows)
            out.hows.append(how)
        return code

    cdef uint64_t note_host(self, text) except? 99:
        cdef uint64_t host = self.book.host(text)
        cdef Py_ssize_t code
        if host >= NAMED:
            code = host - NAMED
            if code >= self.ident_room:
                self.ident_room = 2 * code + 64
                self.idents = <uint64_t*>larger(self.idents, self.ident_room * sizeof(uint64_t))
            self.idents[code] = <uint64_t><int64_t>hash(text)
        return host

    cdef uint32_t note_origin(self, pair) except? 99:
        cdef Py_ssize_t code = self.book.origin(*pair), room
        if code >= self.way_room:
            room = 2 * code + 64
            self.ways = <Way*>larger(self.ways, room * sizeof(Way))
            memset(&self.ways[self.way_room], 0, (room - self.way_room) * sizeof(Way))
            self.way_room = room
            self.way = NULL
        while len(self.devices_of) <= code:
            self.devices_of.append(None)
        return code

    cdef uint32_t note_words(self, tuple told) except? 99:
        cdef Py_ssize_t count = len(self.book.words), code = self.book.word(told)
        cdef Word* meant
        cdef int orig, direction
        if code < count:
            return code
        if code >= self.word_room:
            self.word_room = 2 * code + 64
            self.words = <Word*>larger(self.words, self.word_room * sizeof(Word))
        meant = &self.words[code]
        memset(meant, 0, sizeof(Word))
        named = dict(zip(_packed.WORDS, told))
        meant.kind = KINDS.get(named["kind"], NOTHING)
        meant.tcp = named["proto"] == "tcp"
        meant.sure = named["certainty"] is None
        meant.direction = DIRECTIONS.get(named["direction"], OTHERWISE)
        meant.initiator = 1 if named["initiator"] == "a" else 2 if named["initiator"] == "b" else 0
        if meant.kind == DENY:
            words = tuple([named[n] for n in ("msg_id", "proto", "flags", "a_if", "acl")])
            meant.said = <uint64_t><int64_t>hash(words)
        elif meant.kind == PERMIT:
            meant.permitted = <uint64_t><int64_t>hash((named["msg_id"], named["acl"]))
        elif meant.kind == TEARDOWN:
            row = [named.get(name) for name in eventrow.COLUMNS]
            for orig in range(2):
                for direction in range(4):
                    how, by = lives._resolve(row, orig, DIRECTED[direction])
                    meant.how[orig][direction] = self.note_how(how)
                    meant.by[orig][direction] = <int>BY[by]
                    meant.brief[orig][direction] = how in SHORT
        return code

    cdef int _new_book(self) except -1:
        """Begin a new book: the words of this log do not repeat."""
        cdef Permits permits
        cdef State device
        kept = []
        for device in self.tracker.devices.values():
            permits = device.permits
            kept.append((permits, permits.kept()))
        self.out.starts.close(self.book)
        self.out.ends.close(self.book)
        self.out.denials.close(self.book)
        self.book, self.translations, self.devices_of = Book(), {}, []
        memset(self.ways, 0, self.way_room * sizeof(Way))
        self.way = NULL
        for permits, values in kept:
            for part, place, (at, acl, file, line) in values:
                words = [None] * len(_packed.WORDS)
                words[AT["acl"]] = acl
                permits.m.part[<int>part].table.slots[<Py_ssize_t>place].b = (
                    <int64_t>self.note_words(tuple(words)) << 32 | self.note_origin((None, file))
                )
        return 0

    cdef int pack(self, tuple row, Event* out) except -1:
        """Write a row of `eventrow.COLUMNS`."""
        memset(out, 0, sizeof(Event))
        named = dict(zip(eventrow.COLUMNS, row))
        out.words = self.note_words(tuple([named.get(name) for name in _packed.WORDS]))
        out.origin = self.note_origin((row[eventrow.DEVICE], row[eventrow.FILE]))
        cdef int i
        for i, name in enumerate(_packed.HOSTS):
            out.host[i] = self.note_host(named[name])
        for i, name in enumerate(_packed.PORTS):
            if named[name] is not None:
                out.port[i] = named[name]
                out.has |= HAS_A_P << i
        for name, bit in _packed.BIT.items():
            value = named.get(name)
            if value is None or bit >= HAS_A_P:
                continue
            out.has |= <uint32_t>bit
            if bit == HAS_TS:
                out.ts = value
            elif bit == HAS_LINE:
                out.line = value
            elif bit == HAS_CONN_ID:
                out.conn_id = value
            elif bit == HAS_BYTES:
                out.bytes = value
            elif bit == HAS_HIT_COUNT:
                out.hit_count = value
            elif bit == HAS_DURATION:
                out.duration_s = value
        return 0

    cdef tuple unpack(self, const Event* e, book):
        """A row of `eventrow.COLUMNS`."""
        told = book.words[e.words]
        named = dict(zip(_packed.WORDS, told))
        named["device"], named["file"] = book.origins[e.origin]
        cdef int i
        for i, name in enumerate(_packed.HOSTS):
            named[name] = book.text(e.host[i])
        for i, name in enumerate(_packed.PORTS):
            named[name] = e.port[i] if e.has & (HAS_A_P << i) else None
        named["ts"] = e.ts if e.has & HAS_TS else None
        named["line"] = e.line if e.has & HAS_LINE else None
        named["conn_id"] = e.conn_id if e.has & HAS_CONN_ID else None
        named["bytes"] = e.bytes if e.has & HAS_BYTES else None
        named["hit_count"] = e.hit_count if e.has & HAS_HIT_COUNT else None
        named["duration_s"] = e.duration_s if e.has & HAS_DURATION else None
        return tuple([named[name] for name in eventrow.COLUMNS])

    cdef void* new_row(self, Sheet sheet) noexcept nogil:
        """A row to be written; NULL: no memory."""
        cdef bint full = sheet.count == ROWS
        if full:
            with gil:
                try:
                    sheet.close(self.book)
                    full = False
                except MemoryError:
                    pass
        if full:
            return NULL
        sheet.count += 1
        return sheet.base + (sheet.count - 1) * sheet.size

    # --- batches -----------------------------------------------------------------------------

    def feed(self, rows, book):
        """As `LogTracker._feed`.  `rows`: `_packed.EVENT`; `book`: theirs."""
        cdef Py_ssize_t i = 0, length = len(rows)
        cdef uint8_t[::1] view
        cdef Event* events
        cdef int why
        if self.book.full:
            self._new_book()
        cdef Translation known = self.translations.get(id(book))
        if known is None:
            if len(self.translations) > 256:
                self.translations.clear()
            known = self.translations[id(book)] = Translation(book)
        known.update(self)
        if length == 0:
            return
        if rows.dtype != _packed.EVENT or not rows.flags.c_contiguous:
            raise ValueError("not packed events")
        codes = (("words", known.word_count), ("origin", known.origin_count))
        if any(int(rows[name].max()) >= most for name, most in codes):
            raise ValueError("codes that are not in the book")
        view = rows.view(np.uint8)
        events = <Event*>&view[0]
        self.to_words, self.to_ways, self.to_hosts = known.words, known.origins, known.hosts
        self.number = self.tracker.events
        self.last_known = self.timed = False
        self.way = NULL
        self._recount()
        while True:
            with nogil:
                why = self._run(events, length, &i)
            if why == DONE:
                break
            if why == ORIGIN:
                self._meet(book.origins[events[i].origin], self.to_ways[events[i].origin])
            elif why == TIME:
                if self._time(&events[i], i, book):
                    i += 1
            elif why == REFERENCE:
                self._ask(&events[i], i, book)
                self.timed = False
                i += 1
            else:
                failed()
        self._settle()
        self.tracker.events = self.number + length

    cdef int _recount(self) except -1:
        """Take over the counts of the reference, which may have changed anything."""
        self.why_dev = NULL
        self.lives_count, self.denials_count = (
            self.tracker.lives.count, self.tracker.denials.count
        )
        self.forgotten = self.tracker.lives.forgotten
        return 0

    cdef int _settle(self) except -1:
        """Bring the reference up to date."""
        cdef int64_t i
        cdef TornLate* late
        tracker, out = self.tracker, self.out
        tracker.lives.count, tracker.denials.count = self.lives_count, self.denials_count
        tracker.lives.forgotten = self.forgotten
        if self.late_count:
            for i in range(self.late_count):
                late = &self.late[i]
                out.torn.pending.append(
                    (late.denial, late.row, packed.SIDES[late.side], late.lag_s)
                )
            self.late_count = 0
            if len(out.torn.pending) >= ROWS:
                out.torn.flush()
        if self.later_count:
            for i in range(self.later_count):
                out.built.pending.append((self.later[i].denial, self.later[i].after_s))
            self.later_count = 0
            if len(out.built.pending) >= ROWS:
                out.built.flush()
        return 0

    cdef int _meet(self, pair, uint32_t code) except -1:
        """A device or file that was not met before."""
        raw, file = pair
        cdef State device = self.tracker._device(raw, file)
        cdef ClockState clock = device.clock(raw)
        path = self.tracker._path(raw, file)
        self.devices_of[code] = (device, clock)
        self.ways[code].time, self.ways[code].path = &clock.t, path
        self.ways[code].dev = &device.d
        return 0

    cdef int _ask(self, Event* e, Py_ssize_t i, book) except -1:
        """Have the reference take a line."""
        cdef State device = self.devices_of[self.to_ways[e.origin]][0]
        self._settle()
        at = self.at if self.at_known else None
        copy = self.tracker._take(
            device, at, self.way.path, self.number + i, self.unpack(e, book)
        )
        self._recount()
        if copy is not None:
            e.duplicate_of = copy
            e.has |= HAS_DUPLICATE_OF
        self._orphans(device, e)
        return 0

    cdef int _orphans(self, State device, const Event* e) except -1:
        """Note which Teardowns wait for their Built; of `e`, or of all."""
        cdef Dev* d = &device.d
        orphans = device.orphans
        if not orphans:
            if d.orphans:
                memset(d.maybe_orphan, 0, LINE_BITS // 8)
        elif e != NULL:
            note_orphan(d, e.conn_id)
        else:
            for key in orphans:
                if type(key) is not tuple:
                    note_orphan(d, key)
        d.orphans = len(orphans)
        if d.orphans:
            d.orphan_at = orphans[next(iter(orphans))][2]
        d.held = len(device.held)
        d.stateful = device.firewall.states or device.lingering or device.states
        return 0

    cdef bint _time(self, const Event* e, Py_ssize_t i, book) except -1:
        """A stamp that needs a closer look.  True: its line waits for the next."""
        device, clock = self.devices_of[self.to_ways[e.origin]]
        self._settle()
        at, move = device.time(e.ts, clock)
        self.at, self.at_known, self.last_ts = at, True, e.ts
        self.last_known = clock.suspect is None
        self.timed = True
        astray = False
        if move or device.held:
            row = self.unpack(e, book)
            self.tracker._moved(device, move, clock, row)
            if move is ASTRAY:
                raw = book.origins[e.origin][0]
                device.held[raw] = (self.number + i, self.way.path, row)
                astray = True
                self.timed = False
            self._orphans(device, NULL)
        self._recount()
        return astray

    cdef bint _on_time(self, int64_t ts) noexcept nogil:
        """`Device.time` where nothing happens but that time goes on."""
        cdef Time* t = self.way.time
        cdef Dev* d = self.way.dev
        cdef int64_t ahead, now
        if d.held or t.suspect.known or not t.now.known or not d.now.known:
            return False
        ahead = <int64_t>(<uint64_t>ts + <uint64_t>t.shift - <uint64_t>t.now.value)
        if ahead < -STEP or ahead > GAP:
            return False
        now = t.now.value + (ahead if ahead > 0 else 0)
        if max(now, d.now.value) >= d.next_tick:
            return False
        t.now.value = now
        if now > d.now.value:
            d.now.value = now
        if not d.first.known or ts < d.first.value:
            d.first.known, d.first.value = True, ts
        if not d.last.known or ts > d.last.value:
            d.last.known, d.last.value = True, ts
        self.at, self.at_known = ts + t.shift, True
        self.last_ts, self.last_known = ts, True
        return True

    cdef int _run(self, Event* events, Py_ssize_t length, Py_ssize_t* place) noexcept nogil:
        """Take lines until one needs Python: what for."""
        cdef Py_ssize_t i = place[0]
        cdef Event* e
        cdef Way* way
        cdef const Word* word
        cdef int taken
        while i < length:
            e = &events[i]
            if i + FAR < length:
                self._fetch(&events[i + FAR], &events[i + NEAR])
            way = &self.ways[self.to_ways[e.origin]]
            place[0] = i
            if way.dev == NULL:
                return ORIGIN
            if way != self.way:
                self.way, self.last_known = way, False
                self.timed = False
            if not self.timed:
                if not e.has & HAS_TS:
                    self.at_known = self.last_known = False
                elif not (self.last_known and self.last_ts == e.ts) and not self._on_time(e.ts):
                    return TIME
            self.timed = False
            word = &self.words[self.to_words[e.words]]
            taken = 0
            if word.kind == NOTHING:
                way.dev.events += 1
                taken = 1
            elif word.kind == XLATE:
                taken = self._translated(e)
            elif word.kind == ASK or not self.at_known:
                taken = 0
            elif way.dev.stateful and word.kind <= TEARDOWN:
                taken = 0
            elif word.kind == BUILT:
                taken = self._built(e, word, self.number + i)
            elif word.kind == TEARDOWN:
                taken = self._teardown(e, word, self.number + i)
            elif word.kind == DENY:
                taken = self._deny(e, word, self.number + i)
            else:
                taken = self._permit(e, word, self.number + i)
            if taken == 0:
                return REFERENCE
            if taken < 0:
                return NO_MEMORY
            i += 1
        place[0] = i
        return DONE

    cdef inline void _fetch(self, const Event* far, const Event* near) noexcept nogil:
        """Have the processor load what lines to come will look up."""
        cdef Dev* d = self.ways[self.to_ways[far.origin]].dev
        cdef int kind = self.words[self.to_words[far.words]].kind
        cdef uint64_t key
        cdef Slot* slot
        if d == NULL or not BUILT <= kind <= DENY:
            return
        key = self._real(far)
        fetch_slot(&d.opens.tuples, key)
        if kind == DENY:
            return
        fetch_slot(&d.opens.index, key_of_number(far.conn_id))
        fetch_slot(&d.torn.part[d.torn.old].table, key_of_number(far.conn_id))
        if kind == TEARDOWN:
            fetch_slot(&d.ended.part[d.ended.old].table, key)
        d = self.ways[self.to_ways[near.origin]].dev
        if d != NULL and self.words[self.to_words[near.words]].kind == TEARDOWN:
            slot = table_get(&d.opens.index, key_of_number(near.conn_id))
            if slot != NULL:
                finis_fetch(&d.opens.places[slot.a])

    cdef inline uint64_t _host(self, uint64_t host) noexcept nogil:
        """In the codes of the own book."""
        return host if host < NAMED else self.to_hosts[host - NAMED]

    cdef inline uint64_t _ident(self, uint64_t host) noexcept nogil:
        host = self._host(host)
        return host if host < NAMED else self.idents[host - NAMED]

    cdef inline void _copy(self, const Event* e, Event* out) noexcept nogil:
        """Write an event in the codes of the own book."""
        cdef int i
        out[0] = e[0]
        out.words, out.origin = self.to_words[e.words], self.to_ways[e.origin]
        for i in range(4):
            if e.host[i] >= NAMED:
                out.host[i] = self.to_hosts[e.host[i] - NAMED]

    # --- lines -------------------------------------------------------------------------------
    # Each returns 1 where the line is taken, 0 where nothing was touched, -1: no memory.

    cdef int _translated(self, const Event* e) noexcept nogil:
        cdef Dev* d = self.way.dev
        cdef Slot* slot
        d.events += 1
        if e.host[A_MAPPED] == 0:
            return 1
        slot = remember(
            d.xlates, key2(self._ident(e.host[A]), port_of(e.has & HAS_A_P, e.port[A])),
            d.now.value if d.now.known else 0,
        )
        if slot == NULL:
            return -1
        slot.a = <int64_t>self._ident(e.host[A_MAPPED])
        slot.b = <int64_t>port_of(e.has & HAS_A_MAPPED_P, e.port[A_MAPPED])
        return 1

    cdef int _tuples(self, const Event* e, uint64_t real, uint64_t* out) noexcept nogil:
        """`lives._tuples`; how many."""
        cdef Dev* d = self.way.dev
        cdef uint64_t a = self._ident(e.host[A]), b = self._ident(e.host[B])
        cdef uint64_t a_p = port_of(e.has & HAS_A_P, e.port[A])
        cdef uint64_t b_p = port_of(e.has & HAS_B_P, e.port[B])
        cdef uint64_t am = self._ident(e.host[A_MAPPED]), bm = self._ident(e.host[B_MAPPED])
        cdef uint64_t am_p = port_of(e.has & HAS_A_MAPPED_P, e.port[A_MAPPED])
        cdef uint64_t bm_p = port_of(e.has & HAS_B_MAPPED_P, e.port[B_MAPPED])
        cdef bint a_same = e.host[A_MAPPED] == 0 or (am == a and am_p == a_p)
        cdef bint b_same = e.host[B_MAPPED] == 0 or (bm == b and bm_p == b_p)
        cdef Slot* found
        cdef int where
        if not empty(d.xlates):
            if a_same:
                found = recall(d.xlates, key2(a, a_p), &where)
                if found != NULL:
                    a_same, am, am_p = False, <uint64_t>found.a, <uint64_t>found.b
            if b_same:
                found = recall(d.xlates, key2(b, b_p), &where)
                if found != NULL:
                    b_same, bm, bm_p = False, <uint64_t>found.a, <uint64_t>found.b
        out[0] = real
        if a_same and b_same:
            return 1
        if a_same:
            out[1] = key4(a, a_p, bm, bm_p)
            return 2
        out[1] = key4(am, am_p, b, b_p)
        if b_same:
            return 2
        out[2] = key4(a, a_p, bm, bm_p)
        out[3] = key4(am, am_p, bm, bm_p)
        return 4

    cdef inline uint64_t _real(self, const Event* e) noexcept nogil:
        return key4(
            self._ident(e.host[A]), port_of(e.has & HAS_A_P, e.port[A]),
            self._ident(e.host[B]), port_of(e.has & HAS_B_P, e.port[B]),
        )

    cdef int _built(self, const Event* e, const Word* word, int64_t event) noexcept nogil:
        """`Lives.built`"""
        cdef Dev* d = self.way.dev
        cdef int64_t number = e.conn_id, i
        cdef int orig, where, k
        cdef Start* start
        cdef Open* made
        cdef Slot* slot
        cdef Waiting* pool
        if (
            not word.tcp or e.host[A] == 0 or e.host[B] == 0 or not e.has & HAS_CONN_ID
            or number <= NAMELESS
        ):
            return 0
        if word.initiator == 1 or (word.initiator != 2 and word.direction == INBOUND):
            orig = 0
        elif word.initiator == 2 or word.direction == OUTBOUND:
            orig = 1
        else:
            return 0
        if d.orphans and maybe_orphan(d, number):
            return 0
        if find_open(d.opens, number) != NULL:
            return 0
        if recall(d.torn, key_of_number(number), &where) != NULL:
            return 0
        note_id(d, number)
        if not d.built_since.known:
            d.built_since.known, d.built_since.value = True, self.at
        d.built += 1
        d.events += 1
        start = <Start*>self.new_row(self.out.starts)
        made = open_new(d.opens, number)
        if start == NULL or made == NULL:
            return -1
        self._copy(e, &start.event)
        start.row, start.device = self.lives_count, d.name
        start.orig, start.guessed, start.spare = orig, 0, 0
        made.row, made.at, made.event = self.lives_count, self.at, event
        made.orig, made.direction = orig, word.direction
        self.lives_count += 1
        made.count = self._tuples(e, self._real(e), made.tuples)
        for k in range(made.count):
            if open_tuple(d.opens, made.tuples[k], number):
                return -1
        if not empty(d.watch):
            for k in range(made.count):
                slot = recall(d.watch, made.tuples[k], &where)
                if slot == NULL:
                    continue
                pool = <Waiting*>d.watch.part[where].pool
                i = slot.a
                while i >= 0:  # `Denials.on_built`
                    if 0 <= self.at - pool[i].at <= self.ahead:
                        if self._built_later(
                            pool[i].number if pool[i].number >= 0 else ~pool[i].number,
                            seconds_of(self.at - pool[i].at),
                        ):
                            return -1
                    i = pool[i].next
        if <int64_t>d.opens.index.count > self.open_most:  # `Device.bound_open`
            i = d.opens.index.count // 8
            if i == 0:
                i = 1
            self.forgotten += i
            while i:
                open_close(d.opens, &d.opens.places[d.opens.first])
                i -= 1
        return 1

    cdef int _teardown(self, const Event* e, const Word* word, int64_t event) noexcept nogil:
        """`Lives.teardown`"""
        cdef Dev* d = self.way.dev
        cdef Open* found
        cdef Open was
        cdef uint64_t real
        cdef int k, where
        cdef int64_t i, now
        cdef End* end
        cdef Memory* store
        cdef Slot* slot
        cdef Torn* torn
        cdef Waiting* pool
        cdef bint known = False, forward
        if not word.tcp or e.host[A] == 0 or e.host[B] == 0 or not e.has & HAS_CONN_ID:
            return 0
        if not word.sure:
            return 0
        if d.orphans and self.at - d.orphan_at > self.wait:
            return 0
        found = find_open(d.opens, e.conn_id)
        if found == NULL or self.at < found.at - self.wait:
            return 0
        real = self._real(e)
        for k in range(found.count):
            known |= found.tuples[k] == real
        if not known:
            return 0
        was = found[0]
        d.teardowns += 1
        d.events += 1
        if not d.torn_since.known:
            d.torn_since.known, d.torn_since.value = True, self.at
        open_close(d.opens, found)
        end = <End*>self.new_row(self.out.ends)
        if end == NULL:
            return -1
        write_end(end, e, was.row, self.to_words[e.words], self.to_ways[e.origin])
        end.how = word.how[was.orig][was.direction]
        end.by = word.by[was.orig][was.direction]
        store = d.ended if word.brief[was.orig][was.direction] else d.expired
        now = d.now.value if d.now.known else self.at
        for k in range(was.count):  # `Device.remember`
            slot = remember(store, was.tuples[k], now)
            if slot == NULL:
                return -1
            slot.a, slot.b = self.at, was.row << 1 | was.orig
        slot = remember(d.torn, key_of_number(e.conn_id), self.at)
        torn = NULL if slot == NULL else keep_torn(d.torn, slot)
        if torn == NULL:
            return -1
        memcpy(torn.tuples, was.tuples, sizeof(was.tuples))
        torn.count, torn.built, torn.at = was.count, was.at, self.at
        torn.row, torn.event = was.row, event
        if empty(d.watch):
            return 1
        for k in range(was.count):
            slot = recall(d.watch, was.tuples[k], &where)
            if slot == NULL:
                continue
            pool = <Waiting*>d.watch.part[where].pool
            i = slot.a
            while i >= 0:  # `Denials.on_teardown`
                forward = pool[i].number >= 0
                if -self.wait <= self.at - pool[i].at <= self.wait and was.at <= pool[i].at:
                    if self._torn_late(
                        pool[i].number if forward else ~pool[i].number, was.row,
                        was.orig if forward else 1 - was.orig,
                        seconds_of(max(0, pool[i].at - self.at)),
                    ):
                        return -1
                i = pool[i].next
        return 1

    cdef int _built_later(self, int64_t denial, double after_s) noexcept nogil:
        cdef void* more
        if self.later_count == self.later_room:
            more = realloc(self.later, (2 * self.later_room + 64) * sizeof(BuiltLater))
            if more == NULL:
                return -1
            self.later, self.later_room = <BuiltLater*>more, 2 * self.later_room + 64
        self.later[self.later_count].denial = denial
        self.later[self.later_count].after_s = after_s
        self.later_count += 1
        return 0

    cdef int _torn_late(self, int64_t denial, int64_t row, int side, double lag_s) noexcept nogil:
        cdef void* more
        cdef TornLate* late
        if self.late_count == self.late_room:
            more = realloc(self.late, (2 * self.late_room + 64) * sizeof(TornLate))
            if more == NULL:
                return -1
            self.late, self.late_room = <TornLate*>more, 2 * self.late_room + 64
        late = &self.late[self.late_count]
        late.denial, late.row, late.side, late.lag_s = denial, row, side, lag_s
        self.late_count += 1
        return 0

    cdef int _permit(self, const Event* e, const Word* word, int64_t event) noexcept nogil:
        """`LogTracker._permit`"""
        cdef Dev* d = self.way.dev
        cdef uint64_t key, mark
        cdef Slot* slot
        cdef int where
        if not word.tcp or e.host[A] == 0 or e.host[B] == 0:
            return 0
        key = self._real(e)
        mark = mark_of(e.ts, key, e.has & HAS_HIT_COUNT, e.hit_count, word.permitted)
        if recall(d.lines, mark, &where) != NULL:
            return 0
        d.events += 1
        slot = remember(d.lines, mark, d.now.value)
        if slot == NULL:
            return -1
        slot.c, slot.a, slot.b = self.way.path, 0, event
        slot = remember(d.permits, key, self.at)
        if slot == NULL:
            return -1
        slot.a = self.at
        slot.b = <int64_t>self.to_words[e.words] << 32 | self.to_ways[e.origin]
        slot.c = e.line if e.has & HAS_LINE else -1
        return 1

    cdef int _deny(self, const Event* e, const Word* word, int64_t event) noexcept nogil:
        """`Denials.deny`, of a line that is no copy"""
        cdef Dev* d = self.way.dev
        cdef uint64_t key = self._real(e), back, mark
        cdef int where
        cdef int64_t row, now = d.now.value, rebuilt
        cdef Slot* slot
        cdef Refusal* out
        cdef bint built_again = False
        if e.host[A] == 0 and e.host[B] == 0:
            return 0
        if d.orphans and now - d.orphan_at > self.wait:
            return 0
        mark = mark_of(e.ts, key, e.has & HAS_HIT_COUNT, e.hit_count, word.said)
        if recall(d.lines, mark, &where) != NULL:
            return 0
        slot = remember(d.lines, mark, now)
        if slot == NULL:
            return -1
        row = self.denials_count
        self.denials_count += 1
        slot.c, slot.a, slot.b = self.way.path, row, event
        d.events += 1
        d.denials += 1
        out = <Refusal*>self.new_row(self.out.denials)
        if out == NULL:
            return -1
        self._copy(e, &out.event)
        out.row, out.device, out.copy_row, out.log_row = row, d.name, -1, -1
        out.lag_s = out.reach_s = out.failover_s = NAN
        out.permit_line, out.permit_words, out.permit_origin = -1, NO_CODE, NO_CODE
        out.why, out.seen, out.side, out.pending = 0, UNKNOWN, NO_SIDE, 0
        out.icmp = out.spare = 0
        if d.failover.known:
            out.failover_s = seconds_of(max(0, self.at - d.failover.value))
        if not word.tcp or e.host[A] == 0 or e.host[B] == 0 or (
            e.has & (HAS_A_P | HAS_B_P)
        ) != (HAS_A_P | HAS_B_P):
            return self._say(out, word.tcp)
        back = key4(
            self._ident(e.host[B]), e.port[B], self._ident(e.host[A]), e.port[A]
        )
        self._before(d, key, back, out, &built_again, &rebuilt)
        if built_again and self._built_later(row, seconds_of(rebuilt - self.at)):
            return -1
        if out.log_row >= 0:
            out.seen = YES
        else:
            if self._why(d, out):
                return -1
            out.seen = NO if out.why == 0 else UNKNOWN
            out.reach_s = seconds_of(reach(d, self.at))
        if wait_for(d.watch, key, self.at, row, now) or wait_for(
            d.watch, back, self.at, ~row, now
        ):
            return -1
        slot = recall(d.permits, key, &where)
        if slot != NULL and -self.wait <= self.at - slot.a <= self.wait:
            out.permit_words, out.permit_origin = (
                <uint32_t>(slot.b >> 32), <uint32_t>(slot.b & NO_CODE)
            )
            out.permit_line = slot.c
        return 1

    cdef void _before(
        self, Dev* d, uint64_t key, uint64_t back, Refusal* out, bint* again, int64_t* rebuilt
    ) noexcept nogil:
        """`denials._before`"""
        cdef int way, orig = 0
        cdef bint ended = False, just_now
        cdef int64_t ended_at = 0, row = -1, at = self.at, built
        cdef Slot* slot
        cdef Open* open
        for way in range(2):
            slot = ended_before(d, back if way else key, at + self.wait)
            if slot != NULL and (not ended or slot.a > ended_at):
                ended, ended_at, row, orig = True, slot.a, slot.b >> 1, (slot.b & 1) ^ way
        for way in range(2):
            slot = table_get(&d.opens.tuples, back if way else key)
            if slot == NULL:
                continue
            open = find_open(d.opens, slot.a)
            built = open.at
            just_now = ended and built >= at - NS and ended_at >= built - self.wait
            if built <= at and not just_now:
                out.log_row, out.side, out.pending = open.row, open.orig ^ way, 1
                again[0] = False
                return
            if built - at <= self.ahead:
                again[0], rebuilt[0] = True, max(built, at)
        if ended:
            out.log_row, out.side = row, orig
            out.lag_s = seconds_of(max(0, at - ended_at))

    cdef int _say(self, Refusal* out, bint tcp) noexcept with gil:
        try:
            out.why = self.out.note_why(refusals.UNREADABLE if tcp else refusals.NOT_TCP)
        except MemoryError:
            return -1
        return 1

    cdef int _why(self, Dev* d, Refusal* out) noexcept nogil:
        """`Device.why_unknown`; its text is asked for where there is one."""
        cdef int64_t at = self.at
        cdef bint timely = (
            not d.shared and d.built_since.known and d.torn_since.known
            and max(0, at - max(d.since, d.built_since.value)) >= d.idle
        )
        if timely:
            if not (
                (d.lost > 5 and d.lost * 50 > d.teardowns)
                or d.ids_missing > (0.1 if d.other_ids else 0.9) * <double>(d.ids + d.ids_missing)
                or reach(d, at) < d.idle
            ):
                out.why = 0
                return 0
        elif (
            self.why_dev == d and self.why_at == at and self.why_built == d.built_since.known
            and self.why_torn == d.torn_since.known
        ):
            out.why = self.why
            return 0
        return self._ask_why(d, out, timely)

    cdef int _ask_why(self, Dev* d, Refusal* out, bint timely) noexcept with gil:
        try:
            for way in self.devices_of:
                if way is not None and &(<State>(<tuple>way)[0]).d == d:
                    out.why = self.out.note_why((<tuple>way)[0].why_unknown(self.at))
                    break
        except MemoryError:
            return -1
        self.why_dev, self.why_at, self.why = (NULL if timely else d), self.at, out.why
        self.why_built, self.why_torn = d.built_since.known, d.torn_since.known
        return 0


cdef inline Slot* ended_before(Dev* d, uint64_t key, int64_t latest) noexcept nogil:
    """`Device.find_ended`"""
    cdef int where
    cdef Slot* one = recall(d.ended, key, &where)
    cdef Slot* two = recall(d.expired, key, &where)
    if one != NULL and one.a > latest:
        one = NULL
    if two != NULL and two.a > latest:
        two = NULL
    if one == NULL or two == NULL:
        return two if one == NULL else one
    return two if two.a > one.a else one


cdef inline int64_t reach(const Dev* d, int64_t at) noexcept nogil:
    """`Device.reach`"""
    cdef int64_t begin = d.since
    if d.ended.forgot and d.ended.since_ns > begin:
        begin = d.ended.since_ns
    if d.expired.forgot and d.expired.since_ns > begin:
        begin = d.expired.since_ns
    return max(0, at - begin)


cdef inline void note_id(Dev* d, int64_t number) noexcept nogil:
    """`Device.note_id`"""
    cdef int64_t top = d.id_top.value
    if not d.numbered:
        return
    d.ids += 1
    if not d.id_top.known:
        d.id_top.known, d.id_top.value = True, number
    elif number > top:
        d.ids_missing += min(<int64_t>(<uint64_t>number - <uint64_t>top - 1), 10_000)
        d.id_top.value = number
    elif top - number > 1_000_000:
        d.id_top.value = number
    elif d.ids_missing:
        d.ids_missing -= 1


cdef inline uint32_t orphan_bit(int64_t number) noexcept nogil:
    return finis_mix(number, <uint64_t>0x9E3779B97F4A7C15) & (LINE_BITS - 1)


cdef inline bint maybe_orphan(const Dev* d, int64_t number) noexcept nogil:
    cdef uint32_t bit = orphan_bit(number)
    return d.maybe_orphan[bit >> 3] >> (bit & 7) & 1


cdef inline void note_orphan(Dev* d, int64_t number) noexcept nogil:
    cdef uint32_t bit = orphan_bit(number)
    d.maybe_orphan[bit >> 3] |= 1 << (bit & 7)


cdef inline double seconds_of(int64_t ns) noexcept nogil:
    return ns / 1e9 if ns < EXACT else <double>(<long double>ns / <long double>1e9)
