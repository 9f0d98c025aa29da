"""Kernel: segments to connections.  `_half.pxd`, `_resets.pxd`, `_record.pxd`, `_connection.pxd`,
`_verdict.pxd` and `_table.pxd` mirror the modules of the readable tracker function by function;
names and reasons are explained there.  This is the loop and its Python side.

The state of a connection is one C struct in a NumPy array, kept segments are rows of another, and
the flow table is open addressing over indices.  The loop allocates nothing: when an array is full
it returns, Python doubles the array, and the loop goes on.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uintptr_t
from libc.string cimport memset

import secrets
import threading

import numpy as np

from finis.tracking._codes cimport *
from finis.tracking._record cimport drop_slot
from finis.tracking._state cimport SLOT_BITS, Conn, Half, Tracker, slot
from finis.tracking._table cimport follow, insert, leave
from finis.wire.segment cimport Segment

from finis import terms
from finis.tables import OBSERVATION, SEGMENT, record_dtype
from finis.tracking import (
    endings, half, history, ports, record, reference, resets, segment, states,
)
from finis.tracking._api import Observations
from finis.tracking._layout import CONN, HALF
from finis.tracking.alerts import ALERT_SIZES, TLS_PORTS

cdef int64_t SPAN_NS = <int64_t>1 << 61

assert (STALE, FAR, SPAN_NS, ANSWER_S * <int64_t>SECOND) == (
    resets.STALE, resets.FAR, segment.SPAN_NS, resets.ANSWER_NS)
assert (MAX_HOLES, MAX_SYMBOLS, MAX_HISTORY, RECENT, COPY_NS, MAX_PAYLOAD) == (
    half.MAX_HOLES, endings.MAX_SYMBOLS, history.MAX_HISTORY, record.RECENT, record.COPY_NS,
    reference.MAX_PAYLOAD)
assert (len(states.State), len(states.Stimulus)) == (FIN_RESET + 1, STIMULI)
assert (CONN.itemsize, HALF.itemsize) == (sizeof(Conn), sizeof(Half))
assert record_dtype(SEGMENT).itemsize == (sizeof(Segment) + 7) // 8 * 8 == sizeof(Segment)


cdef Py_ssize_t run(Tracker *t, Segment *batch, Py_ssize_t first, Py_ssize_t n) noexcept nogil:
    """Follow rows from `first`; the row at which something must grow, or `n`."""
    cdef Py_ssize_t i
    cdef Segment s
    for i in range(first, n):
        if t.n_free_conns < 1 or t.n_free_slots < 2 or t.n_live * 4 > t.mask:
            return i
        s = batch[i]
        if s.ts_ns > SPAN_NS:
            s.ts_ns = SPAN_NS
        elif s.ts_ns < -SPAN_NS:
            s.ts_ns = -SPAN_NS
        elif s.ts_ns == 0:
            s.ts_ns = 1
        if s.payload_len > MAX_PAYLOAD:
            s.payload_len = MAX_PAYLOAD
        follow(t, &s)
        batch[i].kind = s.kind
        batch[i].side = s.side
        batch[i].role = s.role
        batch[i].conn = s.conn
        batch[i].quirks = s.quirks
        batch[i].sym = 0
    return n


_STATES = np.frombuffer(states.TABLE, np.uint8)
_TLS_PORTS = np.zeros(1 << 16, np.uint8)
_TLS_PORTS[list(TLS_PORTS)] = 1
_ALERT_SIZES = np.zeros(256, np.uint8)
_ALERT_SIZES[list(ALERT_SIZES)] = 1
_PORT_RANKS = np.frombuffer(ports.RANKS, np.uint8)
_RANK = np.array([resets.RANK[accept] for accept in terms.Accept], np.uint8)


_SEGMENT = record_dtype(SEGMENT)
_COLUMNS = [  # of the row, of the connection or of its halves
    (column.name, "n_kept" if column.name == "tail_n" else column.name, column.name in HALF.names)
    for column in OBSERVATION
    if column.name != "tail_at"
]

cdef enum:
    MANY = 1 << 16  # kept segments that are worth a second thread
    FEW = 256  # connections to begin with
    CHUNK = 1024  # connections turned into rows at a time: they stay in the processor's cache


cdef void *address(array):
    return <void *><uintptr_t>array.ctypes.data


def _pick(rows, index):
    """``rows[index]``, copied as bytes: field by field costs NumPy thirty times as much."""
    size = rows.dtype.itemsize
    return rows.view(np.uint8).reshape(-1, size)[index].reshape(-1).view(rows.dtype)


cdef void list_kept(
    const Tracker *t, const uint32_t *order, Py_ssize_t n, uint32_t *at, uint8_t *marks
) noexcept nogil:
    """Slots of the kept segments of these connections one after another, and four bytes each of
    what they are there: role, side, symbol."""
    cdef Py_ssize_t i
    cdef int k
    cdef const Conn *c
    for i in range(n):
        c = &t.conns[order[i]]
        for k in range(c.n_kept):
            at[0] = c.kept[k]
            marks[0] = <uint8_t>(c.kept_role[k] & 0xFF)
            marks[1] = <uint8_t>(c.kept_role[k] >> 8)
            marks[2] = c.kept_side[k]
            marks[3] = c.kept_sym[k]
            at += 1
            marks += 4


cdef void gather(
    Tracker *t, const uint32_t *at, const uint8_t *marks, Py_ssize_t n, Segment *tail
) noexcept nogil:
    """Copy those slots, with their marks, and give them back."""
    cdef Py_ssize_t i
    for i in range(n):
        tail[i] = slot(t, at[i])[0]
        tail[i].role = marks[4 * i] | <uint32_t>marks[4 * i + 1] << 8
        tail[i].side = marks[4 * i + 2]
        tail[i].sym = marks[4 * i + 3]
        drop_slot(t, at[i])


cdef class KernelTracker:
    """See `finis.tracking.reference.ReferenceTracker`."""

    cdef Tracker t
    cdef object conns, table, chunks, pointers

    def __init__(
        self, *, max_connections=reference.MAX_CONNECTIONS, linger_ns=reference.LINGER_NS,
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
        self.t.seed = secrets.randbits(64)
        self.t.done = NOWHERE
        self.conns = np.zeros(0, CONN)
        self._set_conns(np.zeros(FEW, CONN), 0)
        self._no_slots()
        self._set_table(4 * FEW)

    @property
    def evicted(self):
        return self.t.evicted

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
            if self.t.n_free_conns < 1:
                self._set_conns(np.zeros(4 * len(self.conns), CONN), len(self.conns))
            if self.t.n_free_slots < 2:
                self._more_slots()
            if self.t.n_live * 4 > self.t.mask:
                self._set_table(4 * len(self.table))

    def take(self):
        cdef Py_ssize_t i, n = self.t.n_done
        cdef uint32_t index = self.t.done
        order = np.empty(n, np.uint32)
        cdef uint32_t[::1] fill = order
        for i in range(n):
            fill[i] = index
            index = self.t.conns[index].after
        order = order[np.argsort(self.conns["conn"][order])]
        fill = order
        cdef Py_ssize_t kept = 0
        for i in range(n):
            kept += self.t.conns[fill[i]].n_kept
        at, marks = np.empty(kept, np.uint32), np.empty((kept, 4), np.uint8)
        if n:
            list_kept(&self.t, &fill[0], n, <uint32_t *>address(at), <uint8_t *>address(marks))
        tail = np.empty(kept, _SEGMENT)
        filling = threading.Thread(target=self._fill, args=(tail, at, marks))
        if kept > MANY:
            filling.start()
            rows = self._rows(order)
            filling.join()
        else:
            filling.run()
            rows = self._rows(order)
        if self.t.n_live:
            for i in range(n):
                self.t.conns[fill[i]].after = self.t.free_conn
                self.t.free_conn = fill[i]
            self.t.n_free_conns += n
        else:
            self._set_conns(np.zeros(FEW, CONN), 0)
            self._no_slots()
        self.t.done = NOWHERE
        self.t.n_done = 0
        return Observations(rows, tail)

    def finish(self):
        cdef int which
        for which in range(3):
            while self.t.queues[which].first != NOWHERE:
                leave(&self.t, self.t.queues[which].first)
        return self.take()

    def _rows(self, order):
        rows = np.zeros(len(order), record_dtype(OBSERVATION))
        for at in range(0, len(order), CHUNK):
            part = slice(at, at + CHUNK)
            conns = _pick(self.conns, order[part])
            for name, source, of_half in _COLUMNS:
                rows[name][part] = conns["halves"][source] if of_half else conns[source]
        rows["tail_at"] = np.cumsum(rows["tail_n"], dtype=np.int64) - rows["tail_n"]
        return rows

    def _fill(self, tail, at, marks):
        cdef Py_ssize_t n = len(at)
        cdef Segment *out = <Segment *>address(tail)
        cdef uint32_t *slots = <uint32_t *>address(at)
        cdef uint8_t *bytes_of = <uint8_t *>address(marks)
        with nogil:
            gather(&self.t, slots, bytes_of, n, out)

    def _set_conns(self, rows, used):
        """Put the connections there; the first `used` are those so far."""
        rows[:used].view(np.uint8)[...] = self.conns[:used].view(np.uint8)
        if not used:
            self.t.free_conn = NOWHERE
            self.t.n_free_conns = self.t.fresh_conn = 0
            self.conns = rows[:0]
        self.t.n_free_conns += len(rows) - len(self.conns)
        self.conns = rows
        self.t.conns = <Conn *>address(rows)

    def _no_slots(self):
        self.chunks, self.pointers = [], np.zeros(8, np.uint64)
        self.t.free_slot = NOWHERE
        self.t.n_free_slots = self.t.fresh_slot = 0

    def _more_slots(self):
        """One more chunk.  Memory not yet touched costs nothing."""
        size = 1 << SLOT_BITS
        if len(self.chunks) == len(self.pointers):
            self.pointers = np.concatenate((self.pointers, np.zeros_like(self.pointers)))
        chunk = np.empty(size, _SEGMENT)
        self.pointers[len(self.chunks)] = chunk.ctypes.data
        self.chunks.append(chunk)
        self.t.slots = <Segment **>address(self.pointers)
        self.t.n_free_slots += size

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
                index = self.t.conns[index].after
