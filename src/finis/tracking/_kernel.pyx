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

import numpy as np

from finis.tracking._codes cimport *
from finis.tracking._record cimport drop_slot
from finis.tracking._state cimport KEPT, Conn, Half, Tracker
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
    """Follow rows from `first`; the row at which memory must grow, or `n`."""
    cdef Py_ssize_t i
    cdef Segment s
    for i in range(first, n):
        if t.n_free_conns < 1 or t.n_free_slots < 2:
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


cdef void *address(array):
    return <void *><uintptr_t>array.ctypes.data


def _pick(rows, index):
    """``rows[index]``, copied as bytes: field by field costs NumPy thirty times as much."""
    size = rows.dtype.itemsize
    return rows.view(np.uint8).reshape(-1, size)[index].reshape(-1).view(rows.dtype)


def _grown(rows, size):
    """A longer copy, zeros at the end."""
    bigger = np.zeros(size, rows.dtype)
    bigger.view(np.uint8)[: rows.nbytes] = rows.view(np.uint8)
    return bigger


cdef class KernelTracker:
    """See `finis.tracking.reference.ReferenceTracker`."""

    cdef Tracker t
    cdef object conns, slots, table

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
        self.t.free_conn = self.t.free_slot = self.t.done = NOWHERE
        self.conns = np.zeros(0, CONN)
        self.slots = np.zeros(0, record_dtype(SEGMENT))
        self._grow_conns(256)
        self._grow_slots(2048)

    @property
    def evicted(self):
        return self.t.evicted

    def feed(self, batch):
        cdef Py_ssize_t at = 0, n = len(batch)
        cdef Segment *rows
        if batch.dtype != self.slots.dtype or not batch.flags.c_contiguous:
            raise TypeError("a contiguous array of tables.SEGMENT rows is needed")
        rows = <Segment *>address(batch)
        while True:
            with nogil:
                at = run(&self.t, rows, at, n)
            if at == n:
                return
            if self.t.n_free_conns < 1:
                self._grow_conns(2 * len(self.conns))
            if self.t.n_free_slots < 2:
                self._grow_slots(2 * len(self.slots))

    def take(self):
        done, at = [], self.t.done
        cdef Py_ssize_t i, n = self.t.n_done
        order = np.empty(n, np.uint32)
        cdef uint32_t index = self.t.done
        cdef uint32_t[::1] fill = order
        for i in range(n):
            fill[i] = index
            index = self.t.conns[index].after
        order = order[np.argsort(self.conns["conn"][order])]
        found = self._tables(order)
        self._free(order)
        self.t.done = NOWHERE
        self.t.n_done = 0
        return found

    def finish(self):
        cdef int which
        for which in range(3):
            while self.t.queues[which].first != NOWHERE:
                leave(&self.t, self.t.queues[which].first)
        return self.take()

    def _tables(self, order):
        conns = _pick(self.conns, order)
        rows = np.zeros(len(order), record_dtype(OBSERVATION))
        names = set(conns.dtype.names)
        for column in OBSERVATION:
            if column.name in ("tail_at", "tail_n"):
                continue
            source = conns if column.name in names else conns["halves"]
            rows[column.name] = source[column.name]
        rows["tail_n"] = conns["n_kept"]
        rows["tail_at"] = np.cumsum(conns["n_kept"], dtype=np.int64) - conns["n_kept"]
        held = np.arange(KEPT) < conns["n_kept"][:, None]
        tail = _pick(self.slots, conns["kept"][held])
        tail["role"] = conns["kept_role"][held]
        tail["side"] = conns["kept_side"][held]
        tail["sym"] = conns["kept_sym"][held]
        return Observations(rows, tail)

    def _free(self, order):
        cdef const uint32_t[::1] indices = order
        cdef Py_ssize_t i
        cdef int k
        cdef uint32_t index
        for i in range(len(order)):
            index = indices[i]
            for k in range(self.t.conns[index].n_kept):
                drop_slot(&self.t, self.t.conns[index].kept[k])
            self.t.conns[index].after = self.t.free_conn
            self.t.free_conn = index
            self.t.n_free_conns += 1

    def _grow_conns(self, size):
        cdef uint32_t i, old = len(self.conns), new = size, index
        bigger = self.conns = _grown(self.conns, size)
        self.t.conns = <Conn *>address(bigger)
        for i in range(old, new):
            self.t.conns[i].after = self.t.free_conn
            self.t.free_conn = i
        self.t.n_free_conns += new - old
        self.table = np.full(4 * size, NOWHERE, np.uint32)
        self.t.table = <uint32_t *>address(self.table)
        self.t.mask = 4 * new - 1
        for i in range(3):
            index = self.t.queues[i].first
            while index != NOWHERE:
                insert(&self.t, index)
                index = self.t.conns[index].after

    def _grow_slots(self, size):
        cdef uint32_t i, old = len(self.slots), new = size
        bigger = self.slots = _grown(self.slots, size)
        self.t.slots = <Segment *>address(bigger)
        for i in range(old, new):
            self.t.slots[i].conn = self.t.free_slot
            self.t.free_slot = i
        self.t.n_free_slots += new - old
