"""Kernel: segments to connections.  `_half.pxd`, `_resets.pxd`, `_record.pxd`, `_connection.pxd`,
`_verdict.pxd` and `_table.pxd` mirror the modules of the readable tracker function by function;
names and reasons are explained there.  `state.h` and `_store.pxd` say how a connection is stored,
`_slots.pxd` how its kept segments are, `_plain.pxd` is the short way that most segments take,
`_rows.pxd` what leaves.  This is the loop and its Python side.

The loop allocates nothing: when one of its stores is empty it returns, Python adds a chunk, and the
loop goes on.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t, uintptr_t
from libc.string cimport memset

import secrets

import numpy as np

from finis.tracking._codes cimport *
from finis.tracking._rows cimport write_row, write_tail
from finis.tracking._state cimport (
    HOT_BITS, KEPT, RING, SLOT_BITS, Cold, Conn, Half, Hot, Kept, More, Observation,
    PINS, Pool, Tracker, __builtin_prefetch, conn_at, place, slot,
)
from finis.tracking._store cimport drop_conn, expand, set_usual
from finis.tracking._table cimport follow, hash_of, insert, leave
from finis.tracking._verdict cimport conclude
from finis.wire.segment cimport Segment

from finis import terms
from finis.tables import OBSERVATION, SEGMENT, record_dtype
from finis.tracking import (
    endings, half, history, ports, record, reference, resets, segment, states,
)
from finis.tracking._api import PART, Observations
from finis.tracking.alerts import ALERT_SIZES, TLS_PORTS

cdef int64_t SPAN_NS = <int64_t>1 << 61

assert (STALE, FAR, SPAN_NS, ANSWER_S * <int64_t>SECOND) == (
    resets.STALE, resets.FAR, segment.SPAN_NS, resets.ANSWER_NS)
assert (MAX_HOLES, MAX_SYMBOLS, MAX_HISTORY, RECENT, COPY_NS, MAX_PAYLOAD) == (
    half.MAX_HOLES, endings.MAX_SYMBOLS, history.MAX_HISTORY, record.RECENT, record.COPY_NS,
    reference.MAX_PAYLOAD)
assert (len(states.State), len(states.Stimulus)) == (FIN_RESET + 1, STIMULI)
assert <int>RING == <int>RECENT and sizeof(Kept) == 64 and sizeof(Hot) % 64 == 0
assert record_dtype(SEGMENT).itemsize == (sizeof(Segment) + 7) // 8 * 8 == sizeof(Segment)
assert record_dtype(OBSERVATION).itemsize == sizeof(Observation)

cdef enum:
    AHEAD = 32  # segments whose connections are fetched into the cache together


cdef inline bint room(const Tracker *t) noexcept nogil:
    """Enough for one segment, whatever it is?"""
    return (
        t.conns.n_free >= 1 and t.slots.n_free >= 2 and t.blocks.n_free >= 4
        and t.colds.n_free >= 2 and t.n_live * 4 <= t.mask
    )


cdef inline void fetch_conn(const Tracker *t, uint32_t index) noexcept nogil:
    cdef const char *h = <const char *>conn_at(t, index)
    cdef size_t at = 0
    while at < sizeof(Hot):
        __builtin_prefetch(h + at)
        at += 64


cdef inline void fetch_slots(const Tracker *t, uint32_t index) noexcept nogil:
    cdef const Hot *h = conn_at(t, index)
    cdef int i
    for i in range(h.n_pins if h.n_pins < PINS else PINS):
        __builtin_prefetch(slot(t, h.pins[i]))
    for i in range(h.ring_n):
        __builtin_prefetch(slot(t, h.ring[i]))
    if h.cold != NOWHERE:
        __builtin_prefetch(place(&t.colds, h.cold))
        __builtin_prefetch(place(&t.colds, h.cold) + 64)


cdef void fetch(const Tracker *t, const Segment *rows, Py_ssize_t n, uint32_t *hashes) noexcept nogil:
    """Hashes of the rows; what following them will touch is on its way into the cache."""
    cdef Py_ssize_t i
    cdef uint32_t index
    cdef const Hot *h
    for i in range(n):
        hashes[i] = hash_of(t, &rows[i])
        __builtin_prefetch(&t.table[hashes[i] & t.mask])
    for i in range(n):
        index = t.table[hashes[i] & t.mask]
        if index != NOWHERE:
            fetch_conn(t, index)
    for i in range(n):
        index = t.table[hashes[i] & t.mask]
        if index == NOWHERE:
            continue
        h = conn_at(t, index)
        if h.before != NOWHERE:
            __builtin_prefetch(conn_at(t, h.before))
        if h.after != NOWHERE:
            __builtin_prefetch(conn_at(t, h.after))
        if h.ring_n:
            __builtin_prefetch(slot(t, h.ring[h.ring_at]))


cdef Py_ssize_t run(Tracker *t, Segment *batch, Py_ssize_t first, Py_ssize_t n) noexcept nogil:
    """Follow rows from `first`; the row at which something must grow, or `n`."""
    cdef Py_ssize_t i = first, end
    cdef uint32_t hashes[AHEAD]
    cdef int64_t ts_ns
    cdef uint32_t payload_len
    cdef Segment *s
    while i < n:
        end = i + AHEAD if i + AHEAD < n else n
        first = i
        fetch(t, batch + first, end - first, hashes)
        while i < end:
            if not room(t):
                return i
            s = &batch[i]
            ts_ns, payload_len = s.ts_ns, s.payload_len
            if s.ts_ns > SPAN_NS:
                s.ts_ns = SPAN_NS
            elif s.ts_ns < -SPAN_NS:
                s.ts_ns = -SPAN_NS
            elif s.ts_ns == 0:
                s.ts_ns = 1
            if s.payload_len > MAX_PAYLOAD:
                s.payload_len = MAX_PAYLOAD
            follow(t, s, hashes[i - first])
            s.ts_ns, s.payload_len, s.sym = ts_ns, payload_len, 0
            i += 1
    return n


cdef void emit(
    Tracker *t, const uint32_t *order, Py_ssize_t n, Observation *rows, Segment *tail
) noexcept nogil:
    """Turn these connections into rows and give back what they held."""
    cdef Py_ssize_t i
    cdef uint32_t at = 0
    cdef Conn *c = &t.at_hand
    for i in range(n):
        if i + 16 < n:
            fetch_conn(t, order[i + 16])
        if i + 8 < n:
            fetch_slots(t, order[i + 8])
        expand(t, order[i], c)
        conclude(t, c)
        write_row(c, at, &rows[i])
        write_tail(t, c, tail + at)
        at += c.n_kept
        drop_conn(t, order[i], c)


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
    cdef Store conns, colds, slots, blocks
    cdef object table, done, rows, tail

    def __init__(
        self, *, max_connections=reference.MAX_CONNECTIONS, max_embryonic=reference.MAX_EMBRYONIC,
        max_kept=reference.MAX_KEPT, linger_ns=reference.LINGER_NS,
        embryonic_ns=reference.EMBRYONIC_NS, idle_ns=reference.IDLE_NS,
        reuse_ns=reference.REUSE_NS,
    ):
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
        self.t.seed = secrets.randbits(64)
        set_usual(&self.t)
        self.conns, self.colds, self.slots, self.blocks = Store(), Store(), Store(), Store()
        self.conns.set(&self.t.conns, sizeof(Hot), HOT_BITS)
        self.colds.set(&self.t.colds, sizeof(Cold), HOT_BITS)
        self.slots.set(&self.t.slots, sizeof(Kept), SLOT_BITS)
        self.blocks.set(&self.t.blocks, max(sizeof(Segment), sizeof(More)), 14)
        self.rows, self.tail = np.empty(0, _OBSERVATION), np.empty(0, _SEGMENT)
        self.done = np.empty(0, np.uint32)
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
        while True:
            with nogil:
                at = run(&self.t, rows, at, n)
            if at == n:
                return
            if self.t.conns.n_free < 1:
                self.conns.grow()
                self._set_done(len(self.conns.chunks) << HOT_BITS)
            if self.t.colds.n_free < 2:
                self.colds.grow()
            if self.t.slots.n_free < 2:
                self.slots.grow()
            if self.t.blocks.n_free < 4:
                self.blocks.grow()
            if self.t.n_live * 4 > self.t.mask:
                self._set_table(4 * len(self.table))

    def take(self):
        return self._part(self._done())

    def finish(self):
        parts = list(self.drain(most=self.t.n_live + self.t.n_done + 1))
        return parts[0] if parts else self._part(np.empty(0, np.uint32))

    def drain(self, *, most=PART):
        cdef int which
        for which in range(3):
            while self.t.queues[which].first != NOWHERE:
                leave(&self.t, self.t.queues[which].first)
        order = self._done()
        for at in range(0, len(order), most):
            yield self._part(order[at : at + most])
        # Nothing refers to the memory any more.
        for store in (self.conns, self.colds, self.slots, self.blocks):
            (<Store>store).clear()
        self.rows, self.tail = self.rows[:0].copy(), self.tail[:0].copy()
        self._set_table(_SMALL_TABLE)

    def _done(self):
        """Finished connections in order of their number, which are from now on the caller's."""
        cdef Py_ssize_t i, n = self.t.n_done
        order, numbers = self.done[:n].copy(), np.empty(n, np.uint64)
        cdef uint64_t[::1] number = numbers
        for i in range(n):
            number[i] = conn_at(&self.t, self.t.done[i]).conn
        self.t.n_done = 0
        return order[np.argsort(numbers)]

    def _part(self, order):
        """Rows of these connections, in buffers that are used again."""
        cdef Py_ssize_t i, n = len(order), kept = 0
        cdef const uint32_t[::1] index = order
        cdef Observation *rows
        cdef Segment *tail
        for i in range(n):
            kept += conn_at(&self.t, index[i]).ring_n + conn_at(&self.t, index[i]).n_pins
        if len(self.rows) < n:
            self.rows = np.empty(max(n, 2 * len(self.rows)), _OBSERVATION)
        if len(self.tail) < kept:
            self.tail = np.empty(max(kept, 2 * len(self.tail)), _SEGMENT)
        rows, tail = <Observation *>address(self.rows), <Segment *>address(self.tail)
        if n:
            with nogil:
                emit(&self.t, &index[0], n, rows, tail)
        return Observations(self.rows[:n], self.tail[:kept])

    def _set_done(self, size):
        """Room for that many finished connections."""
        done = np.empty(size, np.uint32)
        done[: self.t.n_done] = self.done[: self.t.n_done]
        self.done = done
        self.t.done = <uint32_t *>address(done)

    def _set_table(self, size):
        """A table of `size` places, a power of two."""
        cdef uint32_t i, index
        self.table = np.full(size, NOWHERE, np.uint32)
        self.t.table = <uint32_t *>address(self.table)
        self.t.mask = size - 1
        for i in range(3):
            index = self.t.queues[i].first
            while index != NOWHERE:
                insert(&self.t, index)
                index = conn_at(&self.t, index).after

