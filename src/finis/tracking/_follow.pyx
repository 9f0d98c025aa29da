"""Kernel: follows packed events; mirrors events.py, lives.py, denials.py, devices.py, recent.py.

The state of a firewall is held in packed tables (`_ties.pxd`, `_recent.pxd`), connections and denials
in rows (`_held.pxd`, `_folded.pxd`), behind classes that look like those of the reference (`_seen.pxi`,
`_device.pxi`, `_output.pxi`).  What goes by the book (a Built whose number is not in use, a Teardown
whose Built is open, a denial that is no copy, …) is done in `_lines.pxi` without a Python object;
every other line is handed to the reference (`LogTracker._take`) in its turn, which works on the same
tables.  So there is one state and one meaning.
"""

import os

import numpy as np

from cpython.object cimport PyObject
from libc.math cimport NAN
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcpy, memset

from finis.tracking._firewall cimport *
from finis.tracking._folded cimport *
from finis.tracking._held cimport *
from finis.tracking._leaving cimport *
from finis.tracking._memory cimport *
from finis.tracking._recent cimport *
from finis.tracking._ties cimport *
from finis.wire.dialects._row cimport *

from finis.terms import EventKind, word
from finis.tracking import denials as refusals
from finis.tracking import eventrow, lives, packed
from finis.tracking.clock import GAP_NS, SECOND, STEP_NS, LogClock, Move
from finis.tracking.devices import SHORT, Tracked, pack, unpack
from finis.tracking.recent import WATCHED
from finis.wire.dialects import _packed
from finis.wire.dialects._packed import Book

assert sizeof(Event) == _packed.EVENT.itemsize and _packed.BIT["b_mapped_p"] == HAS_B_MAPPED_P

cdef enum:  # what an event is to the kernel
    NOTHING, BUILT, TEARDOWN, DENY, PERMIT, XLATE, ASK

cdef enum:  # directions of a connection
    UNSAID, INBOUND, OUTBOUND, OTHERWISE

cdef enum:  # what stopped `run`
    DONE_ALL, ORIGIN, REFERENCE, TIME, NO_MEMORY, NO_BOOK_CODE

cdef int64_t NS = SECOND, STEP = STEP_NS, GAP = GAP_NS
cdef int64_t NAMELESS = -(1 << 62)  # below: ("", event), the number of one that has none
cdef int64_t LEAST = -(2**63), EXACT = 2**53
cdef uint64_t V4 = _packed.V4, NAMED = _packed.NAMED
assert MOST_WAITING == WATCHED
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


cdef void* larger(void* old, size_t size) except NULL:
    cdef void* new = realloc(old, max(size, 64))
    if new == NULL:
        failed()
    return new


cdef class Follower  # below


include "_seen.pxi"
include "_device.pxi"
include "_lines.pxi"
include "_orphans.pxi"
include "_output.pxi"
include "_run.pxi"


# --- following -----------------------------------------------------------------------------------

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
            texts = self.book.hosts[self.host_count : count]
            for i, host in enumerate(follower.book.named(texts), self.host_count):
                self.hosts[i] = host
            follower.identify()
            self.host_count = count
        return 0


cdef class Follower:
    """Follows the batches of a `LogTracker`."""

    cdef Flow f
    cdef object tracker
    cdef readonly FastOutput out
    cdef object book
    cdef dict translations  # id of a book → Translation
    cdef list devices_of  # by way: (device, clock)

    def __cinit__(self, tracker):
        options = tracker.options
        memset(&self.f, 0, sizeof(Flow))
        store_begin(&self.f.store)
        self.f.store.most = options.denials_most
        self.f.store.only_copies = options.only_copies
        self.f.wait, self.f.ahead = int(options.wait_s * SECOND), int(options.ahead_s * SECOND)
        self.f.open_most = options.open_most
        self.f.follower = <void*>self
        self.tracker = tracker
        self.book, self.translations, self.devices_of = Book(), {}, []
        self.out = FastOutput(self)
        self.out.new_book(self.book)

    def __dealloc__(self):
        free(self.f.words)
        free(self.f.ways)
        free(self.f.idents)
        store_free(&self.f.store)

    def device(self, name, options, budget, shared, firewall):
        cdef State made = FastDevice(name, options, budget, shared, firewall, self)
        made.d.idle = made.idle_ns
        return made

    cdef uint32_t place(self, row) except? 99:
        """Where a connection is held that the reference knows by its row."""
        place = self.out.places.get(row)
        return self.out.lasting[row] if place is None else place

    cdef Conn* tell(self, uint32_t place) except NULL:
        """A connection that the reference is told of."""
        cdef Conn* c = conn_at(&self.f.store, place)
        self.out.places[c.row] = place
        return c

    # --- codes -------------------------------------------------------------------------------

    cdef uint32_t note_device(self, name) except? 99:
        out = self.out
        code = out.device_codes.get(name)
        if code is None:
            code = out.device_codes[name] = len(out.devices)
            out.devices.append(name)
        return code

    cdef int number_device(self, uint32_t name, Numbered* of) except -1:
        cdef Store* s = &self.f.store
        s.numbered = <Numbered**>larger(s.numbered, (name + 1) * sizeof(Numbered*))
        s.numbered[name] = of
        s.devices = max(s.devices, name + 1)
        return 0

    cdef uint16_t note_how(self, how) except? 99:
        out = self.out
        code = out.how_codes.get(how)
        if code is None:
            code = out.how_codes[how] = len(out.hows)
            out.hows.append(how)
        return code

    cdef uint64_t note_host(self, text) except? 99:
        cdef uint64_t host = self.book.host(text)
        self.identify()
        return host

    cdef int identify(self) except -1:
        """Work out the idents of hosts that are new in the book."""
        cdef list hosts = self.book.hosts
        cdef Py_ssize_t count = len(hosts)
        if count > self.f.ident_room:
            self.f.ident_room = 2 * count + 64
            self.f.idents = <uint64_t*>larger(self.f.idents, self.f.ident_room * sizeof(uint64_t))
        while self.f.ident_count < count:
            self.f.idents[self.f.ident_count] = <uint64_t><int64_t>hash(hosts[self.f.ident_count])
            self.f.ident_count += 1
        return 0

    cdef uint32_t note_origin(self, pair) except? 99:
        cdef Py_ssize_t code = self.book.origin(*pair), room
        if code >= self.f.way_room:
            room = 2 * code + 64
            self.f.ways = <Way*>larger(self.f.ways, room * sizeof(Way))
            memset(&self.f.ways[self.f.way_room], 0, (room - self.f.way_room) * sizeof(Way))
            self.f.way_room = room
            self.f.way = NULL
        while len(self.devices_of) <= code:
            self.devices_of.append(None)
        return code

    cdef uint32_t note_words(self, tuple told) except? 99:
        cdef Py_ssize_t count = len(self.book.words), code = self.book.word(told)
        cdef Word* meant
        cdef int orig, direction
        if code < count:
            return code
        if code >= self.f.word_room:
            self.f.word_room = 2 * code + 64
            self.f.words = <Word*>larger(self.f.words, self.f.word_room * sizeof(Word))
        meant = &self.f.words[code]
        memset(meant, 0, sizeof(Word))
        named = dict(zip(_packed.WORDS, told))
        meant.kind = KINDS.get(named["kind"], NOTHING)
        meant.tcp = named["proto"] == "tcp"
        meant.sure = named["certainty"] is None
        meant.direction = DIRECTIONS.get(named["direction"], OTHERWISE)
        meant.initiator = 1 if named["initiator"] == "a" else 2 if named["initiator"] == "b" else 0
        if named["flags"] in eventrow.DATA:
            meant.form = 1
        elif named["flags"] in eventrow.ACKS:
            meant.form = 2
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
        cdef Orphans orphans
        cdef State device
        kept = []
        for device in self.tracker.devices.values():
            permits = device.permits
            orphans = device.orphans
            kept.append((permits, permits.kept(), orphans, orphans.kept()))
        self.book, self.translations, self.devices_of = Book(), {}, []
        self.f.ident_count = 0
        self.out.new_book(self.book)
        memset(self.f.ways, 0, self.f.way_room * sizeof(Way))
        self.f.way = NULL
        for permits, values, orphans, lines in kept:
            permits.keep(values)
            orphans.keep(lines)
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

    # --- batches -----------------------------------------------------------------------------

    def feed(self, rows, book):
        """As `LogTracker._feed`.  `rows`: `_packed.EVENT`; `book`: theirs."""
        cdef Py_ssize_t i = 0, length = len(rows)
        cdef uint8_t[::1] view
        cdef Event* events
        cdef Flow* f = &self.f
        cdef int why
        if self.book.full or self.out.full:
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
        view = rows.view(np.uint8)
        events = <Event*>&view[0]
        f.to_words, f.to_ways, f.to_hosts = known.words, known.origins, known.hosts
        f.word_count, f.way_count = known.word_count, known.origin_count
        f.number = self.tracker.events
        f.last_known = f.timed = False
        f.way = NULL
        f.prepared = 0
        self._recount()
        while True:
            self.out.places.clear()
            with nogil:
                from_limbo(&f.store)
                f.store.running = True
                why = run(f, events, length, &i)
                f.store.running = False
            if f.store.failed or why == NO_MEMORY:
                failed()
            if why == DONE_ALL:
                break
            if why == NO_BOOK_CODE:
                raise ValueError("codes that are not in the book")
            if why == ORIGIN:
                self._meet(book.origins[events[i].origin], f.to_ways[events[i].origin])
            elif why == TIME:
                if self._time(&events[i], i, book):
                    i += 1
            else:
                self._ask(&events[i], i, book)
                f.timed = False
                i += 1
        self._settle()
        self.tracker.events = f.number + length

    cdef int _recount(self) except -1:
        """Take over the counts of the reference, which may have changed anything."""
        self.f.why_dev = NULL
        self.f.lives_count, self.f.denials_count = (
            self.tracker.lives.count, self.tracker.denials.count
        )
        self.f.forgotten = self.tracker.lives.forgotten
        return 0

    cdef int _settle(self) except -1:
        """Bring the reference up to date."""
        tracker = self.tracker
        tracker.lives.count, tracker.denials.count = self.f.lives_count, self.f.denials_count
        tracker.lives.forgotten = self.f.forgotten
        return 0

    cdef int _meet(self, pair, uint32_t code) except -1:
        """A device or file that was not met before."""
        raw, file = pair
        cdef State device = self.tracker._device(raw, file)
        cdef ClockState clock = device.clock(raw)
        path = self.tracker._path(raw, file)
        self.devices_of[code] = (device, clock)
        self.f.ways[code].time, self.f.ways[code].path = &clock.t, path
        self.f.ways[code].dev = &device.d
        bare = self.note_origin((raw, None))  # which may move `ways`
        self.f.ways[code].bare = bare
        return 0

    cdef int _ask(self, Event* e, Py_ssize_t i, book) except -1:
        """Have the reference take a line."""
        cdef State device = self.devices_of[self.f.to_ways[e.origin]][0]
        self._settle()
        at = self.f.at if self.f.at_known else None
        copy = self.tracker._take(
            device, at, self.f.way.path, self.f.number + i, self.unpack(e, book)
        )
        self._recount()
        if copy is not None:
            e.duplicate_of = copy
            e.has |= HAS_DUPLICATE_OF
        self._told(device)
        settle_due(&self.f.store, &device.d)
        return 0

    cdef int _told(self, State device) except -1:
        """Look at what the reference may have changed."""
        device.d.held = len(device.held)
        device.d.stateful = device.firewall.states or device.lingering or device.states
        return 0

    cdef bint _time(self, const Event* e, Py_ssize_t i, book) except -1:
        """A stamp that needs a closer look.  True: its line waits for the next."""
        cdef State device
        device, clock = self.devices_of[self.f.to_ways[e.origin]]
        self._settle()
        at, move = device.time(e.ts, clock)
        self.f.at, self.f.at_known, self.f.last_ts = at, True, e.ts
        self.f.last_known = clock.suspect is None
        self.f.timed = True
        astray = False
        if move or device.held:
            row = self.unpack(e, book)
            self.tracker._moved(device, move, clock, row)
            if move is ASTRAY:
                raw = book.origins[e.origin][0]
                device.held[raw] = (self.f.number + i, self.f.way.path, row)
                astray = True
                self.f.timed = False
            self._told(device)
        self._recount()
        settle_due(&self.f.store, &device.d)
        return astray

    # --- the end -----------------------------------------------------------------------------

    def settle(self, State device):
        """`Lives.settle` of all, but for those that are left to the reference."""
        cdef Dev* d = &device.d
        cdef int failure = 0
        self._recount()
        self.f.store.running = True
        while d.orphans and not (d.odd_orphans or d.stateful or failure):
            failure = settle_orphan(&self.f, d, first_orphan(&self.f.store, d))
        self.f.store.running = False
        if failure or self.f.store.failed:
            failed()

    def end(self):
        """No line is to come: everything is complete."""
        cdef State device
        cdef Dev* d
        self.f.store.most = EXACT  # nothing needs to wait any more
        for device in self.tracker.devices.values():
            d = &device.d
            while d.fresh.begin < d.fresh.end:
                settle_first(&self.f.store, d)
        for device in self.tracker.devices.values():
            device.forget()
            sweep_all(&device.d.ties)
            sweep_all(&device.d.numbers)
        from_limbo(&self.f.store)
        if self.f.store.failed:
            failed()
