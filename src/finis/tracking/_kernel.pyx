"""Kernel: segments to connections.  `_half.pxd`, `_resets.pxd`, `_record.pxd`, `_connection.pxd`,
`_verdict.pxd` and `_table.pxd` mirror the modules of the readable tracker function by function;
names and reasons are explained there.  `state.h` and `_store.pxd` say how a connection is stored,
`_slots.pxd` how its kept segments are, `_rest.pxd` and `_rest_kept.pxd` how all that is while it
is at rest, `_notes.pxd` and `_replay.pxd` what becomes of segments that come then, `_flow.pxd` how
it is found.  `_plain.pxd` is the short way that most segments take, `_rows.pxd` what leaves.
`_loop.pxi` is the loop, `_leave.pxi` hands on, `_share.pxi` has the memory, `_helper.pxi` threads.

The loop allocates nothing: when one of its stores is empty it returns, Python adds a chunk, and the
loop goes on.
"""

cimport cython
from cpython.pythread cimport (
    WAIT_LOCK, PyThread_acquire_lock, PyThread_allocate_lock, PyThread_free_lock,
    PyThread_release_lock, PyThread_type_lock,
)
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t, uintptr_t
from libc.string cimport memset

import os
from threading import Lock, Thread

import numpy as np

from finis.tracking._codes cimport *
from finis.tracking._flow cimport guess, hash_of, insert, share_of
from finis.tracking._memory cimport finis_fetch
from finis.tracking._notes cimport last_line
from finis.tracking._rest cimport awake, fetch_lines, fetch_slots, forget, look_at
from finis.tracking._rows cimport write_row, write_tail
from finis.tracking._state cimport (
    BLOCK_BITS, FLOW_BITS, HOT_BITS, KEPT, LINE, LINE_BITS, LINES, PINS, RING, SHORT_LINE,
    SLOT_BITS, COLD_WORDS, Cold, Conn, Ends, Flow, Half, Hot, Kept, More, Notes, Observation, Pool, Todo,
    Tracker, flow_at, hot_at, line_at, place, slot,
)
from finis.tracking._store cimport drop_conn, expand, set_usual
from finis.tracking._table cimport advance, follow, leave_all
from finis.tracking._verdict cimport conclude
from finis.wire.segment cimport Segment

from finis import terms
from finis.tables import OBSERVATION, SEGMENT, record_dtype
from finis.tracking import (
    endings, half, history, ports, record, reference, resets, segment, states,
)
from finis.tracking._api import ALIVE, PART, Observations
from finis.tracking.alerts import ALERT_SIZES, TLS_PORTS
from finis.wire.captures import _api as captures

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


include "_loop.pxi"
include "_leave.pxi"
include "_share.pxi"
include "_helper.pxi"

assert captures.LASTING >= captures.AHEAD + SLOTS


@cython.no_gc_clear
cdef class KernelTracker:
    """See `finis.tracking.reference.ReferenceTracker`."""

    cdef Tracker *trackers[2]
    cdef int shares
    cdef list members, helpers, todo
    cdef object made, handed
    cdef object lock  # held to touch shares or their threads: kept segments may be asked for meanwhile
    cdef bint parts, drained
    cdef int64_t now_ns, beside
    cdef uint64_t number

    def __cinit__(self, **_):
        self.helpers = []

    def __init__(
        self, *, max_connections=reference.MAX_CONNECTIONS, max_embryonic=reference.MAX_EMBRYONIC,
        max_kept=reference.MAX_KEPT, linger_ns=reference.LINGER_NS,
        embryonic_ns=reference.EMBRYONIC_NS, idle_ns=reference.IDLE_NS,
        reuse_ns=reference.REUSE_NS, shares=1, awake=AWAKE, parts=False, beside=-1,
    ):
        """`parts`: kept segments of what was handed on are made when asked for, see
        `Observations.ask`; they may be asked for by another thread meanwhile.  `beside`: after so
        many segments each of two shares is followed by a thread of its own (-1: never).  Of a batch
        nothing is known then until `take` or `drain` was asked for, and its memory must last until
        SLOTS others have come."""
        cdef Share share
        if shares not in (1, 2):
            raise ValueError("one share or two")
        limits = {"max_connections": max_connections, "max_embryonic": max_embryonic,
                  "max_kept": max_kept}
        limits = {name: max(most // shares, 1) for name, most in limits.items()}
        limits["reuse_ns"] = reuse_ns
        seeds = [int.from_bytes(os.urandom(8), "little") | 1 for _ in range(3)]
        self.members = []
        for which in range(shares):
            share = Share()
            share.begin((embryonic_ns, linger_ns, idle_ns), limits, seeds, awake)
            self.members.append(share)
            self.trackers[which] = &share.t
        self.shares, self.now_ns, self.number = shares, -SPAN_NS, 0
        self.made = [(np.empty(0, _OBSERVATION), np.empty(0, _SEGMENT))] * ALIVE
        self.parts, self.drained, self.lock = parts, False, Lock()
        self.handed, self.todo = [], [None] * shares
        self.beside = beside

    def __dealloc__(self):
        self._dismiss()

    cdef int _employ(self) except -1:
        """Threads begin."""
        cdef Helper helper
        with self.lock:
            for share in self.members:
                helper = Helper(share)
                Thread(target=helper.work, name="following", daemon=True).start()
                self.helpers.append(helper)  # of those that began: they are waited for
        return 0

    cdef int _dismiss(self) except -1:
        """The threads come to their end."""
        cdef Helper helper
        for helper in self.helpers:
            with nogil:
                helper.stop()
        self.helpers = []
        return 0

    @property
    def evicted(self):
        self._rest()
        return sum([(<Share>share).t.evicted for share in self.members])

    @property
    def finished(self):
        if self.helpers:
            return sum([(<Helper>helper).finished for helper in self.helpers])
        return sum([(<Share>share).t.n_done for share in self.members])

    def feed(self, batch):
        cdef Py_ssize_t n = len(batch)
        cdef Batch[2] batches
        cdef Segment *rows
        cdef int which
        if batch.dtype != _SEGMENT or not batch.flags.c_contiguous:
            raise TypeError("a contiguous array of tables.SEGMENT rows is needed")
        rows = <Segment *>address(batch)
        if self.drained:
            self._begin_anew()
        if n and self.now_ns == -SPAN_NS:
            for share in self.members:
                (<Share>share).t.epoch_ns = min(max(rows.ts_ns, -SPAN_NS), SPAN_NS)
        if 0 <= self.beside <= self.number and self.shares > 1:
            self._hand(batch, rows, n)
        else:
            with self.lock:
                self.todo = [self._room(n, old) for old in self.todo]
                self._divide(rows, n, self.todo, batches)
                for which in range(self.shares):
                    self._follow(self.members[which], &batches[which])
        self.number += n

    cdef object _room(self, Py_ssize_t n, old):
        """For what a share has to do of `n` rows; `old`, if that is large enough."""
        cdef Py_ssize_t size = (n + STEP) * <Py_ssize_t>sizeof(Todo)
        return old if old is not None and len(old) >= size else np.empty(size, np.uint8)

    cdef int _divide(self, Segment *rows, Py_ssize_t n, list todo, Batch *batches) except -1:
        """What each share has to do of a batch; `todo`: the room for it."""
        cdef int which
        for which in range(self.shares):
            batches[which].todo = <Todo *>address(todo[which])
            batches[which].number = self.number
        with nogil:
            divide(self.trackers[0], rows, n, self.now_ns, batches, self.shares)
        self.now_ns = batches[0].now_ns
        return 0

    cdef int _follow(self, Share share, const Batch *batch) except -1:
        cdef Py_ssize_t at = 0
        while True:
            with nogil:
                at = run(&share.t, batch, at)
            if at == batch.n:
                return 0
            share.make_room()

    cdef int _hand(self, batch, Segment *rows, Py_ssize_t n) except -1:
        """Have the threads follow a batch."""
        cdef Helper helper
        cdef Batch[2] batches
        cdef int which
        if not self.helpers:
            self._employ()
        for helper in self.helpers:
            with nogil:
                helper.claim()
        try:
            if any([(<Helper>one).failed for one in self.helpers]):
                raise MemoryError
            todo = [self._room(n, (<Helper>one).todo()) for one in self.helpers]
            self._divide(rows, n, todo, batches)
        except MemoryError:
            for helper in self.helpers:
                helper.disclaim()
            raise
        for which, helper in enumerate(self.helpers):
            helper.hand(&batches[which], (batch, todo[which]))
        return 0

    cdef int _rest(self) except -1:
        """All that was fed has been followed."""
        cdef Helper helper
        for helper in self.helpers:
            with nogil:
                helper.rest()
            if helper.failed:
                raise MemoryError
        return 0

    @property
    def held_bytes(self):
        """What connections hold, finished ones included that were not taken yet: their places in
        the table, and all memory that was ever touched for them."""
        self._rest()
        return sum([(<Share>share).held_bytes() for share in self.members])

    def take(self):
        return self._part(self._done())

    def finish(self):
        self.parts = False
        self._rest()
        most = sum([(<Share>one).t.n_live + (<Share>one).t.n_done for one in self.members])
        parts = list(self.drain(most=most + 1))
        return parts[0] if parts else self._part(self._done())

    def drain(self, *, most=PART):
        cdef Share share
        self._rest()
        with self.lock:
            self._dismiss()
            for share in self.members:
                with nogil:
                    leave_all(&share.t)
                share.set_table(_SMALL_TABLE)
        of, index = self._done()
        for at in range(0, len(index), most):
            yield self._part((of[at : at + most], index[at : at + most]))
        if self.parts:
            self.drained = True  # what was handed on last may still be asked for
        else:
            self._begin_anew()

    def _begin_anew(self):
        """Nothing refers to the memory any more."""
        self.drained, self.handed = False, []
        for share in self.members:
            (<Share>share).begin_anew()
        self.made = [(np.empty(0, _OBSERVATION), np.empty(0, _SEGMENT))] * ALIVE

    def _done(self):
        """Finished connections in order of their number: the share of each (u1), and where it is
        there (u4).  They are from now on the caller's."""
        self._rest()
        with self.lock:
            found = [(<Share>share).take_done() for share in self.members]
        for helper in self.helpers:
            (<Helper>helper).taken()
        of = np.repeat(np.arange(len(found), dtype=np.uint8), [len(index) for index, _ in found])
        order = np.argsort(np.concatenate([numbers for _, numbers in found]))
        return of[order], np.concatenate([index for index, _ in found])[order]

    cdef Order order(self, tuple connections):
        """The same for the functions above."""
        cdef Order out
        cdef const uint8_t[::1] of = connections[0]
        cdef const uint32_t[::1] index = connections[1]
        out.trackers, out.n = self.trackers, len(index)
        out.share = &of[0] if out.n else NULL
        out.index = &index[0] if out.n else NULL
        return out

    def _part(self, connections):
        """Rows of these connections, in buffers that are used again."""
        cdef Order o = self.order(connections)
        cdef Py_ssize_t i, kept = 0
        cdef Observation *rows
        cdef Segment *tail
        if self.parts:
            return self._asked_part(connections)
        for i in range(o.n):
            kept += most_kept(which(&o, i))
        found, their = self.made.pop(0)  # the longest ago
        if len(found) < o.n:
            found = np.empty(max(o.n, len(found) + len(found) // 4), _OBSERVATION)
        if len(their) < kept:
            their = np.empty(max(kept, len(their) + len(their) // 4), _SEGMENT)
        self.made.append((found, their))
        rows, tail = <Observation *>address(found), <Segment *>address(their)
        if o.n:
            self._make_room()
            with nogil:
                kept = emit(&o, rows, tail)
        return Observations(found[: o.n], their[:kept])

    def _asked_part(self, connections):
        """The same, but the kept segments stay here until someone asks for them, or so many parts
        were made that nobody may."""
        cdef Order o = self.order(connections)
        cdef Observation *rows
        found, their = self.made.pop(0)
        if len(found) < o.n:
            found = np.empty(max(o.n, len(found) + len(found) // 4), _OBSERVATION)
        self.made.append((found, their))
        rows = <Observation *>address(found)
        with self.lock:
            self.handed.append(connections)
            if len(self.handed) > ALIVE:
                self._forget(self.handed.pop(0))
            self._make_room()
            with nogil:
                emit_rows(&o, rows)
        counts = found["tail_n"][: o.n].astype(np.int64)
        return Observations(
            found[: o.n], np.empty(0, _SEGMENT),
            lambda at: self._segments(connections, counts, at),
        )

    def _forget(self, connections):
        cdef Order o = self.order(connections)
        cdef Py_ssize_t i
        with nogil:
            for i in range(o.n):
                forget(whose(&o, i), o.index[i])

    def _segments(self, connections, counts, at):
        """Kept segments of these rows of a part that was handed on."""
        if not any(connections is handed for handed in self.handed):
            raise ValueError("segments of connections that were given back already")
        cdef Order o = self.order(connections)
        cdef const int64_t[::1] chosen = np.ascontiguousarray(at, np.int64)
        cdef Py_ssize_t first = 0, done = 0, n = len(at), some
        cdef Segment *tail
        made = np.empty(counts[at].sum(), _SEGMENT)
        tail = <Segment *>address(made)
        while first < n:
            some = min(n - first, AHEAD)
            with self.lock:
                self._visit()
                try:
                    self._make_room()
                    with nogil:
                        done += emit_tails(&o, &chosen[first], some, tail + done)
                finally:
                    self._leave()
            first += some
        return made

    cdef int _visit(self) except -1:
        cdef Helper helper
        for helper in self.helpers:
            with nogil:
                helper.visit()
        return 0

    cdef int _leave(self) except -1:
        cdef Helper helper
        for helper in self.helpers:
            helper.leave()
        return 0

    def _make_room(self):
        for share in self.members:
            (<Share>share).make_room()
