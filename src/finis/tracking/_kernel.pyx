"""Kernel: segments to connections.  `_half.pxd`, `_resets.pxd`, `_record.pxd`, `_connection.pxd`,
`_verdict.pxd` and `_table.pxd` mirror the modules of the readable tracker function by function;
names and reasons are explained there.  `state.h` and `_store.pxd` say how a connection is stored,
`_slots.pxd` how its kept segments are, `_rest.pxd` and `_rest_kept.pxd` how all that is while it
is at rest, `_notes.pxd` and `_replay.pxd` what becomes of segments that come then, `_flow.pxd` how
it is found.  `_plain.pxd` is the short way that most segments take, `_rows.pxd` what leaves.  This is the loop and its Python side.

The loop allocates nothing: when one of its stores is empty it returns, Python adds a chunk, and the
loop goes on.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t, uintptr_t
from libc.string cimport memset

import os
from threading import Lock

import numpy as np

from finis.tracking._codes cimport *
from finis.tracking._flow cimport guess, hash_of, insert
from finis.tracking._memory cimport finis_fetch
from finis.tracking._notes cimport last_line
from finis.tracking._rest cimport awake, fetch_lines, fetch_slots, forget, look_at
from finis.tracking._rows cimport write_row, write_tail
from finis.tracking._state cimport (
    BLOCK_BITS, FLOW_BITS, HOT_BITS, KEPT, LINE, LINE_BITS, LINES, PINS, RING, SHORT_LINE,
    SLOT_BITS, COLD_WORDS, Cold, Conn, Ends, Flow, Half, Hot, Kept, More, Notes, Observation, Pool, Tracker,
    flow_at, hot_at, line_at, place, slot,
)
from finis.tracking._store cimport drop_conn, expand, set_usual
from finis.tracking._table cimport follow, leave_all
from finis.tracking._verdict cimport conclude
from finis.wire.segment cimport Segment

from finis import terms
from finis.tables import OBSERVATION, SEGMENT, record_dtype
from finis.tracking import (
    endings, half, history, ports, record, reference, resets, segment, states,
)
from finis.tracking._api import ALIVE, PART, Observations
from finis.tracking.alerts import ALERT_SIZES, TLS_PORTS

cdef int64_t SPAN_NS = <int64_t>1 << 61

assert (STALE, FAR, SPAN_NS, ANSWER_S * <int64_t>SECOND) == (
    resets.STALE, resets.FAR, segment.SPAN_NS, resets.ANSWER_NS)
assert (MAX_HOLES, MAX_SYMBOLS, MAX_HISTORY, RECENT, COPY_NS, MAX_PAYLOAD) == (
    half.MAX_HOLES, endings.MAX_SYMBOLS, history.MAX_HISTORY, record.RECENT, record.COPY_NS,
    reference.MAX_PAYLOAD)
assert (len(states.State), len(states.Stimulus)) == (FIN_RESET + 1, STIMULI)
assert <int>RING == <int>RECENT and sizeof(Hot) % 64 == 0 and sizeof(Cold) // 8 == COLD_WORDS <= 64
assert sizeof(Kept) == sizeof(Flow) == 64 and sizeof(Ends) == SHORT_LINE
assert sizeof(Notes) <= LINE == 64
assert record_dtype(SEGMENT).itemsize == (sizeof(Segment) + 7) // 8 * 8 == sizeof(Segment)
assert record_dtype(OBSERVATION).itemsize == sizeof(Observation)

cdef enum:
    AHEAD = 32  # segments followed between two looks at the room there is
    STEP = 16  # segments between two steps in which what a segment will touch is fetched
    RING_AHEAD = 64
    AWAKE = 256  # connections that are not at rest: few enough for a cache, enough for most traffic


cdef inline bint room(const Tracker *t) noexcept nogil:
    """Enough for AHEAD segments, whatever they are?  Each may awaken a connection, put two to rest,
    and begin another."""
    return (
        t.flows.n_free >= AHEAD and t.ends.n_free >= 4 * AHEAD and t.lines.n_free >= 256 * AHEAD
        and t.slots.n_free >= KEPT * AHEAD and t.blocks.n_free >= 2 * KEPT * AHEAD
        and t.colds.n_free >= 2 * AHEAD and not crowded(t)
    )


cdef inline bint crowded(const Tracker *t) noexcept nogil:
    """Is the table three quarters full?  It is large enough then for AHEAD more."""
    return t.n_live * 4 > <uint64_t>t.mask * 3


cdef inline void fetch_conn(const Tracker *t, const Flow *f) noexcept nogil:
    """All that is touched when a segment of it comes."""
    cdef int i
    if f.n_lines == 0:
        fetch_lines(<const char *>hot_at(t, f.lines[0]), sizeof(Hot))
    for i in range((f.n_lines if f.n_lines < LINES else LINES) - f.short_line):
        finis_fetch(line_at(t, f.lines[i]))
    if f.n_lines and f.short_line:
        finis_fetch(place(&t.ends, f.lines[f.n_lines - 1]))


cdef struct Ahead:
    # Hashes of the segments to come, and of which connections they most likely are: a ring.
    uint32_t[RING_AHEAD] hashes
    uint32_t[RING_AHEAD] index


cdef inline void fetch_ahead(
    const Tracker *t, const Segment *batch, Py_ssize_t i, Py_ssize_t n, Ahead *ahead
) noexcept nogil:
    """What following the segments after `i` will touch is on its way into the cache when they are
    followed: first their places in the table, then who that is, then the connections."""
    cdef Py_ssize_t at = i + 3 * STEP
    cdef uint32_t index
    cdef const Flow *f
    if at < n:
        fetch_lines(<const char *>&batch[at + STEP], sizeof(Segment))
        ahead.hashes[at & (RING_AHEAD - 1)] = hash_of(t, &batch[at])
        finis_fetch(&t.table[ahead.hashes[at & (RING_AHEAD - 1)] & t.mask])
    at -= STEP
    if i >= -2 * STEP and at < n:
        index = guess(t, ahead.hashes[at & (RING_AHEAD - 1)])
        ahead.index[at & (RING_AHEAD - 1)] = index
        if index != NOWHERE:
            finis_fetch(flow_at(t, index))
    at -= STEP
    if i < -STEP or at >= n:
        return
    index = ahead.index[at & (RING_AHEAD - 1)]
    if index == NOWHERE or (at and index == ahead.index[(at - 1) & (RING_AHEAD - 1)]):
        return
    f = flow_at(t, index)
    if f.n_lines and f.noted:  # it will hardly be awakened
        finis_fetch(line_at(t, f.lines[0]))
        finis_fetch(last_line(t, f))
    else:
        fetch_conn(t, f)
    if f.before != NOWHERE:
        finis_fetch(flow_at(t, f.before))
    if f.after != NOWHERE:
        finis_fetch(flow_at(t, f.after))


cdef Py_ssize_t run(Tracker *t, Segment *batch, Py_ssize_t first, Py_ssize_t n) noexcept nogil:
    """Follow rows from `first`; the row at which something must grow, or `n`."""
    cdef Py_ssize_t i, end
    cdef Ahead ahead
    cdef Segment *s
    batch += first
    n -= first
    for i in range(-3 * STEP, 0):
        fetch_ahead(t, batch, i, n, &ahead)
    i = 0
    while i < n:
        if not room(t):
            break
        end = i + AHEAD if i + AHEAD < n else n
        while i < end:
            fetch_ahead(t, batch, i, n, &ahead)
            s = &batch[i]
            if 0 < s.ts_ns <= SPAN_NS and s.payload_len <= MAX_PAYLOAD:
                follow(t, s, ahead.hashes[i & (RING_AHEAD - 1)], ahead.index[i & (RING_AHEAD - 1)])
            else:
                follow_limited(t, s, ahead.hashes[i & (RING_AHEAD - 1)])
            s.sym = 0
            i += 1
        t.crowd += t.missed - (t.crowd >> 3)
        t.missed = 0
    return first + i


cdef void follow_limited(Tracker *t, Segment *s, uint32_t hash) noexcept nogil:
    """Follow a segment with its numbers brought within limits; in the row they stay as they are."""
    cdef int64_t ts_ns = s.ts_ns
    cdef uint32_t payload_len = s.payload_len
    if s.ts_ns > SPAN_NS:
        s.ts_ns = SPAN_NS
    elif s.ts_ns < -SPAN_NS:
        s.ts_ns = -SPAN_NS
    elif s.ts_ns == 0:
        s.ts_ns = 1
    if s.payload_len > MAX_PAYLOAD:
        s.payload_len = MAX_PAYLOAD
    follow(t, s, hash, NOWHERE)
    s.ts_ns, s.payload_len = ts_ns, payload_len


cdef inline Py_ssize_t most_kept(const Flow *f) noexcept nogil:
    """How many kept segments it may hand on.  What is known of one at rest as its segments was
    foreseen, not counted: no room in memory depends on it."""
    return KEPT if f.n_lines and f.noted else f.n_kept


cdef uint32_t emit(
    Tracker *t, const uint32_t *order, Py_ssize_t n, Observation *rows, Segment *tail
) noexcept nogil:
    """Turn these connections into rows and give back what they held; how many segments they kept.
    No more than one other has to be put to rest for it."""
    cdef Py_ssize_t i
    cdef uint32_t at = 0
    cdef Conn *c = &t.at_hand
    cdef const Flow *f
    for i in range(n):
        if i + 24 < n:
            finis_fetch(flow_at(t, order[i + 24]))
        if i + 16 < n:
            fetch_conn(t, flow_at(t, order[i + 16]))
        if i + 8 < n:
            f = flow_at(t, order[i + 8])
            if f.n_lines == 0:
                fetch_slots(t, hot_at(t, f.lines[0]))
        expand(t, awake(t, order[i]), c)
        conclude(t, c)
        write_row(c, at, &rows[i])
        write_tail(t, c, tail + at)
        at += c.n_kept
        drop_conn(t, order[i], c)
    return at


cdef void emit_rows(
    Tracker *t, const uint32_t *order, Py_ssize_t n, Observation *rows
) noexcept nogil:
    """The rows alone; the connections stay until they are forgotten."""
    cdef Py_ssize_t i
    cdef uint32_t at = 0
    cdef Conn *c = &t.at_hand
    cdef const Flow *f
    for i in range(n):
        if i + 16 < n:
            finis_fetch(flow_at(t, order[i + 16]))
        if i + 8 < n:
            fetch_conn(t, flow_at(t, order[i + 8]))
        f = flow_at(t, order[i])
        look_at(t, f, c)
        conclude(t, c)
        if not f.noted:
            c.n_kept = f.n_kept
        write_row(c, at, &rows[i])
        at += c.n_kept


cdef Py_ssize_t emit_tails(
    Tracker *t, const uint32_t *order, const int64_t *which, Py_ssize_t n, Segment *tail
) noexcept nogil:
    """The kept segments of some of them, awakened for it; how many there are."""
    cdef Py_ssize_t i, at = 0
    cdef Conn *c = &t.at_hand
    for i in range(n):
        expand(t, awake(t, order[which[i]]), c)
        conclude(t, c)
        write_tail(t, c, tail + at)
        at += c.n_kept
    return at


_STATES = np.frombuffer(states.TABLE, np.uint8)
_TLS_PORTS = np.zeros(1 << 16, np.uint8)
_TLS_PORTS[list(TLS_PORTS)] = 1
_ALERT_SIZES = np.zeros(256, np.uint8)
_ALERT_SIZES[list(ALERT_SIZES)] = 1
_PORT_RANKS = np.frombuffer(ports.RANKS, np.uint8)
_RANK = np.array([resets.RANK[accept] for accept in terms.Accept], np.uint8)

_SEGMENT = record_dtype(SEGMENT)
_OBSERVATION = record_dtype(OBSERVATION)
_SMALL_TABLE = 1 << 12
_ALIGN = 64


cdef void *address(array):
    return <void *><uintptr_t>array.ctypes.data


cdef class Store:
    """Memory of a pool."""

    cdef Pool *pool
    cdef object chunks, pointers

    cdef void set(self, Pool *pool, uint32_t size, uint32_t bits):
        pool.size, pool.bits = size, bits
        self.pool = pool
        self.clear()

    cdef void clear(self):
        self.chunks, self.pointers = [], np.zeros(8, np.uint64)
        self.pool.free = NOWHERE
        self.pool.n_free = self.pool.fresh = 0

    cdef size_t used(self):
        """Bytes that were touched."""
        return <size_t>self.pool.fresh * self.pool.size

    cdef void grow(self):
        """One more chunk.  Memory not yet touched costs nothing."""
        cdef Py_ssize_t count = <Py_ssize_t>1 << self.pool.bits
        if len(self.chunks) == len(self.pointers):
            self.pointers = np.concatenate((self.pointers, np.zeros_like(self.pointers)))
        chunk = np.empty(count * self.pool.size + _ALIGN, np.uint8)
        self.pointers[len(self.chunks)] = (chunk.ctypes.data + _ALIGN - 1) // _ALIGN * _ALIGN
        self.chunks.append(chunk)
        self.pool.chunks = <char **>address(self.pointers)
        self.pool.n_free += <uint32_t>count


cdef class KernelTracker:
    """See `finis.tracking.reference.ReferenceTracker`."""

    cdef Tracker t
    cdef Store flows, ends, lines, hots, colds, slots, blocks
    cdef object table, done, made, handed, lock
    cdef bint parts, drained

    def __init__(
        self, *, max_connections=reference.MAX_CONNECTIONS, max_embryonic=reference.MAX_EMBRYONIC,
        max_kept=reference.MAX_KEPT, linger_ns=reference.LINGER_NS,
        embryonic_ns=reference.EMBRYONIC_NS, idle_ns=reference.IDLE_NS,
        reuse_ns=reference.REUSE_NS, awake=AWAKE, parts=False,
    ):
        """`parts`: kept segments of what was handed on are made when asked for, see
        `Observations.ask`; they may be asked for by another thread meanwhile."""
        memset(&self.t, 0, sizeof(Tracker))
        self.t.states = <const uint8_t *>address(_STATES)
        self.t.tls_ports = <const uint8_t *>address(_TLS_PORTS)
        self.t.alert_sizes = <const uint8_t *>address(_ALERT_SIZES)
        self.t.port_ranks = <const uint8_t *>address(_PORT_RANKS)
        self.t.rank = <const uint8_t *>address(_RANK)
        for which, limit in enumerate((embryonic_ns, linger_ns, idle_ns)):
            self.t.queues[which].limit_ns = limit
            self.t.queues[which].first = self.t.queues[which].last = NOWHERE
        self.t.now_ns = -SPAN_NS
        self.t.reuse_ns = reuse_ns
        self.t.max_live = max(max_connections, 1)
        self.t.max_embryonic = max(max_embryonic, 1)
        self.t.max_kept = max(max_kept, 1)
        for which in range(3):
            self.t.seeds[which] = int.from_bytes(os.urandom(8), "little") | 1
        set_usual(&self.t)
        self.t.n_awake = min(max(awake, 1), 1 << HOT_BITS)
        self.flows, self.ends, self.lines, self.hots = Store(), Store(), Store(), Store()
        self.colds, self.slots, self.blocks = Store(), Store(), Store()
        self.flows.set(&self.t.flows, sizeof(Flow), FLOW_BITS)
        self.ends.set(&self.t.ends, sizeof(Ends), LINE_BITS)
        self.lines.set(&self.t.lines, LINE, LINE_BITS)
        self.hots.set(&self.t.hots, sizeof(Hot), HOT_BITS)
        self.colds.set(&self.t.colds, sizeof(Cold), HOT_BITS)
        self.slots.set(&self.t.slots, sizeof(Kept), SLOT_BITS)
        self.blocks.set(&self.t.blocks, max(sizeof(Segment), sizeof(More)), BLOCK_BITS)
        self._make_beds()
        self.made = [(np.empty(0, _OBSERVATION), np.empty(0, _SEGMENT))] * ALIVE
        self.parts, self.drained, self.lock = parts, False, Lock()
        self.handed = []
        self.done = np.empty(0, np.uint32)
        self.table = None
        self._set_table(_SMALL_TABLE)

    @property
    def evicted(self):
        return self.t.evicted

    @property
    def finished(self):
        return self.t.n_done

    def feed(self, batch):
        cdef Py_ssize_t at = 0, n = len(batch)
        cdef Segment *rows
        if batch.dtype != _SEGMENT or not batch.flags.c_contiguous:
            raise TypeError("a contiguous array of tables.SEGMENT rows is needed")
        rows = <Segment *>address(batch)
        if self.drained:
            self._begin_anew()
        if n and self.t.now_ns == -SPAN_NS:
            self.t.epoch_ns = min(max(rows.ts_ns, -SPAN_NS), SPAN_NS)
        while True:
            with self.lock:
                with nogil:
                    at = run(&self.t, rows, at, n)
                if at == n:
                    return
                self._make_room()
                if crowded(&self.t):
                    self._set_table(2 * len(self.table))

    @property
    def held_bytes(self):
        """What connections hold, finished ones included that were not taken yet: their places in
        the table, and all memory that was ever touched for them."""
        return self.table.nbytes + sum(
            (<Store>store).used() for store in (
                self.flows, self.ends, self.lines, self.hots, self.colds, self.slots, self.blocks
            )
        )

    def take(self):
        return self._part(self._done())

    def finish(self):
        self.parts = False
        parts = list(self.drain(most=self.t.n_live + self.t.n_done + 1))
        return parts[0] if parts else self._part(np.empty(0, np.uint32))

    def drain(self, *, most=PART):
        with nogil:
            leave_all(&self.t)
        self._set_table(_SMALL_TABLE)
        order = self._done()
        for at in range(0, len(order), most):
            yield self._part(order[at : at + most])
        if self.parts:
            self.drained = True  # what was handed on last may still be asked for
        else:
            self._begin_anew()

    def _begin_anew(self):
        """Nothing refers to the memory any more."""
        self.drained, self.handed = False, []
        for store in (self.flows, self.ends, self.lines, self.colds, self.slots, self.blocks):
            (<Store>store).clear()
        self._make_beds()
        self.made = [(np.empty(0, _OBSERVATION), np.empty(0, _SEGMENT))] * ALIVE
        self._set_table(_SMALL_TABLE)

    def _done(self):
        """Finished connections in order of their number, which are from now on the caller's."""
        cdef Py_ssize_t i, n = self.t.n_done
        order, numbers = self.done[:n].copy(), np.empty(n, np.uint64)
        cdef uint64_t[::1] number = numbers
        for i in range(n):
            number[i] = flow_at(&self.t, self.t.done[i]).conn
        self.t.n_done = 0
        return order[np.argsort(numbers)]

    def _part(self, order):
        """Rows of these connections, in buffers that are used again."""
        cdef Py_ssize_t i, n = len(order), kept = 0
        cdef const uint32_t[::1] index = order
        cdef Observation *rows
        cdef Segment *tail
        if self.parts:
            return self._asked_part(order)
        for i in range(n):
            kept += most_kept(flow_at(&self.t, index[i]))
        found, their = self.made.pop(0)  # the longest ago
        if len(found) < n:
            found = np.empty(max(n, len(found) + len(found) // 4), _OBSERVATION)
        if len(their) < kept:
            their = np.empty(max(kept, len(their) + len(their) // 4), _SEGMENT)
        self.made.append((found, their))
        rows, tail = <Observation *>address(found), <Segment *>address(their)
        if n:
            self._make_room()
            with nogil:
                kept = emit(&self.t, &index[0], n, rows, tail)
        return Observations(found[:n], their[:kept])

    def _asked_part(self, order):
        """The same, but the kept segments stay here until someone asks for them, or so many parts
        were made that nobody may."""
        cdef Py_ssize_t i, n = len(order)
        cdef const uint32_t[::1] index = order
        cdef Observation *rows
        found, their = self.made.pop(0)
        if len(found) < n:
            found = np.empty(max(n, len(found) + len(found) // 4), _OBSERVATION)
        self.made.append((found, their))
        rows = <Observation *>address(found)
        with self.lock:
            self.handed.append(order)
            if len(self.handed) > ALIVE:
                self._forget(self.handed.pop(0))
            self._make_room()
            if n:
                with nogil:
                    emit_rows(&self.t, &index[0], n, rows)
        counts = found["tail_n"][:n].astype(np.int64)
        return Observations(
            found[:n], np.empty(0, _SEGMENT), lambda at: self._segments(order, counts, at)
        )

    def _forget(self, order):
        cdef Py_ssize_t i, n = len(order)
        cdef const uint32_t[::1] index = order
        with nogil:
            for i in range(n):
                forget(&self.t, index[i])

    def _segments(self, order, counts, at):
        """Kept segments of these rows of a part that was handed on."""
        if not any(order is handed for handed in self.handed):
            raise ValueError("segments of connections that were given back already")
        cdef const uint32_t[::1] index = order
        cdef const int64_t[::1] which = np.ascontiguousarray(at, np.int64)
        cdef Py_ssize_t first = 0, done = 0, n = len(at), some
        cdef Segment *tail
        made = np.empty(counts[at].sum(), _SEGMENT)
        tail = <Segment *>address(made)
        while first < n:
            some = min(n - first, AHEAD)
            with self.lock:
                self._make_room()
                with nogil:
                    done += emit_tails(&self.t, &index[0], &which[first], some, tail + done)
            first += some
        return made

    def _make_beds(self):
        """Room for those that are awake."""
        self.hots.clear()
        self.hots.grow()
        self.t.hots.n_free = self.t.n_awake
        self.t.hand = 0

    def _make_room(self):
        """What AHEAD segments, or handing on, may need: see `room`."""
        if self.t.flows.n_free < AHEAD:
            self.flows.grow()
            self._set_done(len(self.flows.chunks) << FLOW_BITS)
        if self.t.ends.n_free < 4 * AHEAD:
            self.ends.grow()
        if self.t.lines.n_free < 256 * AHEAD:
            self.lines.grow()
        if self.t.colds.n_free < 2 * AHEAD:
            self.colds.grow()
        if self.t.slots.n_free < KEPT * AHEAD:
            self.slots.grow()
        if self.t.blocks.n_free < 2 * KEPT * AHEAD:
            self.blocks.grow()

    def _set_done(self, size):
        """Room for that many finished connections."""
        done = np.empty(size, np.uint32)
        done[: self.t.n_done] = self.done[: self.t.n_done]
        self.done = done
        self.t.done = <uint32_t *>address(done)

    def _set_table(self, size):
        """A table of `size` places, a power of two."""
        cdef Py_ssize_t i, n = 0
        cdef uint64_t[::1] entries
        old = self.table
        self.table = np.empty(size, np.uint64)  # in large pages, which np.zeros does not ask for
        self.table[:] = 0
        self.t.table = <uint64_t *>address(self.table)
        self.t.mask = size - 1
        if old is None or not self.t.n_live:
            return
        entries, n = old, len(old)
        with nogil:
            for i in range(n):
                if entries[i]:
                    insert(&self.t, entries[i])
