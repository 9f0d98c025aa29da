"""Kernel: the classes of `counting`, as hash tables of packed entries."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

import os

import numpy as np

from finis.diagnosis.counting import NO_CODE, least_kept
from finis.tracking._memory cimport finis_fetch, finis_mix, finis_zeroed

cdef enum:
    FIRST = 64  # entries of a new table
    AHEAD = 8  # keys ahead of which memory is loaded
    FULL = 255  # a slot counts to

# Nobody outside knows which keys collide.
cdef uint64_t SEED = int.from_bytes(os.urandom(8), "little") | 1

cdef struct Entry:
    uint64_t key  # 0: free
    uint32_t count
    uint32_t marked


cdef inline Entry* place(Entry* entries, uint64_t mask, uint64_t key) noexcept nogil:
    """The entry of this key, or the free one where it belongs."""
    cdef uint64_t i = finis_mix(key ^ SEED, <uint64_t>0x9E3779B97F4A7C15) & mask
    while entries[i].key and entries[i].key != key:
        i = (i + 1) & mask
    return &entries[i]


cdef class Counter:
    """As `counting.Counter`."""

    cdef Entry* entries
    cdef Entry* spare  # of the same size, to forget without fresh memory; NULL: none yet
    cdef uint64_t mask
    cdef readonly int64_t most, held
    cdef readonly bint forget, full

    def __cinit__(self, int64_t most, bint forget):
        self.most, self.forget = most, forget
        self.entries = <Entry*>calloc(FIRST, sizeof(Entry))
        if self.entries == NULL:
            raise MemoryError
        self.mask = FIRST - 1

    def __dealloc__(self):
        free(self.entries)
        free(self.spare)

    cdef int _move(self, Entry* new, uint64_t room, int64_t least) except -1:
        """Move to another table what came at least that often."""
        cdef uint64_t i
        self.held = 0
        for i in range(self.mask + 1):
            if self.entries[i].key and self.entries[i].count >= least:
                place(new, room - 1, self.entries[i].key)[0] = self.entries[i]
                self.held += 1
        self.entries, self.mask = new, room - 1
        return 0

    cdef int _grow(self) except -1 with gil:
        cdef Entry* old = self.entries
        cdef uint64_t room = 2 * (self.mask + 1)
        cdef Entry* new = <Entry*>finis_zeroed(room, sizeof(Entry))
        if new == NULL:
            raise MemoryError
        self._move(new, room, 0)
        free(old)
        free(self.spare)
        self.spare = NULL
        return 0

    cdef int64_t _least(self) except -1:
        """`least_kept`; most counts are small."""
        cdef uint64_t i, n = 0
        cdef int64_t small[256]
        cdef int64_t more = 0
        memset(small, 0, sizeof(small))
        for i in range(self.mask + 1):
            if self.entries[i].key:
                small[min(self.entries[i].count, <uint32_t>255)] += 1
        for i in range(255, 0, -1):  # how many came at least that often
            more += small[i]
            if more > self.most:
                break
        else:
            return 0
        if i < 255:
            return <int64_t>i + 1
        counts = np.empty(self.held, np.uint32)
        cdef uint32_t[::1] view = counts
        for i in range(self.mask + 1):
            if self.entries[i].key:
                view[n] = self.entries[i].count
                n += 1
        return least_kept(counts, self.most)

    cdef int _forget_some(self) except -1 with gil:
        cdef Entry* old = self.entries
        cdef uint64_t room = self.mask + 1
        cdef int64_t least = self._least()
        if self.spare == NULL:
            self.spare = <Entry*>finis_zeroed(room, sizeof(Entry))
            if self.spare == NULL:
                raise MemoryError
        self._move(self.spare, room, least)
        memset(old, 0, room * sizeof(Entry))
        self.spare = old
        return 0

    def add(self, const uint64_t[::1] keys, marked=None):
        cdef const uint8_t[::1] marks = None
        cdef bint marking = marked is not None
        if marking:
            marks = np.ascontiguousarray(marked).view(np.uint8)
            if len(marks) != len(keys):
                raise ValueError("one mark per key")
        cdef Py_ssize_t i, length = len(keys)
        cdef Entry* entry
        with nogil:
            for i in range(length):
                if i + AHEAD < length:
                    finis_fetch(&self.entries[
                        finis_mix(keys[i + AHEAD] ^ SEED, <uint64_t>0x9E3779B97F4A7C15) & self.mask
                    ])
                if keys[i] == 0:
                    continue
                entry = place(self.entries, self.mask, keys[i])
                if entry.key == 0:
                    if self.held >= 2 * self.most:
                        self.full = True
                        if not self.forget:
                            continue
                        self._forget_some()
                        entry = place(self.entries, self.mask, keys[i])
                    elif 2 * <uint64_t>self.held > self.mask:
                        self._grow()
                        entry = place(self.entries, self.mask, keys[i])
                    entry.key = keys[i]
                    self.held += 1
                entry.count += 1
                if marking and marks[i]:
                    entry.marked += 1

    def items(self):
        out = np.empty((3, self.held), np.uint64)
        cdef uint64_t[:, ::1] view = out
        cdef uint64_t i, n = 0
        for i in range(self.mask + 1):
            if self.entries[i].key:
                view[0, n], view[1, n] = self.entries[i].key, self.entries[i].count
                view[2, n] = self.entries[i].marked
                n += 1
        order = np.argsort(out[0])
        return out[0][order], out[1][order].astype(np.int64), out[2][order].astype(np.int64)

    def get(self, const uint64_t[::1] keys):
        cdef Py_ssize_t i, length = len(keys)
        counts, marked = np.zeros(length, np.int64), np.zeros(length, np.int64)
        cdef int64_t[::1] n = counts, m = marked
        cdef Entry* entry
        for i in range(length):
            entry = place(self.entries, self.mask, keys[i])
            if entry.key:
                n[i], m[i] = entry.count, entry.marked
        return counts, marked


cdef class Codes:
    """As `counting.Codes`."""

    cdef Entry* entries  # `count`: the code
    cdef uint64_t mask
    cdef readonly int64_t held
    cdef uint32_t zero  # the code of key 0

    def __cinit__(self):
        self.entries = <Entry*>calloc(FIRST, sizeof(Entry))
        if self.entries == NULL:
            raise MemoryError
        self.mask = FIRST - 1
        self.zero = NO_CODE

    def __dealloc__(self):
        free(self.entries)

    def __len__(self):
        return self.held + (self.zero != <uint32_t>NO_CODE)

    def put(self, uint64_t key, uint32_t code):
        cdef Entry* entry
        if key == 0:
            self.zero = code
            return
        if 2 * <uint64_t>self.held > self.mask:
            self._grow()
        entry = place(self.entries, self.mask, key)
        self.held += entry.key == 0
        entry.key, entry.count = key, code

    cdef int _grow(self) except -1:
        cdef uint64_t i, room = 2 * (self.mask + 1)
        cdef Entry* new = <Entry*>finis_zeroed(room, sizeof(Entry))
        if new == NULL:
            raise MemoryError
        for i in range(self.mask + 1):
            if self.entries[i].key:
                place(new, room - 1, self.entries[i].key)[0] = self.entries[i]
        free(self.entries)
        self.entries, self.mask = new, room - 1
        return 0

    def find(self, const uint64_t[::1] keys):
        cdef Py_ssize_t i, length = len(keys)
        out = np.empty(length, np.uint32)
        cdef uint32_t[::1] view = out
        cdef uint32_t none = NO_CODE
        cdef bint missing = False
        cdef Entry* entry
        with nogil:
            for i in range(length):
                if keys[i] == 0:
                    view[i] = self.zero
                else:
                    entry = place(self.entries, self.mask, keys[i])
                    view[i] = entry.count if entry.key else none
                missing |= view[i] == none
        if not missing:
            return out, np.empty(0, np.int64)
        fresh = np.flatnonzero(out == none)
        _, first = np.unique(np.asarray(keys)[fresh], return_index=True)
        return out, fresh[np.sort(first)]


cdef struct Met:
    uint64_t key  # 0: free
    int64_t begin
    int64_t tie
    uint32_t count
    uint32_t at  # the row of this batch that is the earliest
    uint64_t batch  # the last one that had the earliest


cdef inline Met* met_at(Met* entries, uint64_t mask, uint64_t key) noexcept nogil:
    cdef uint64_t i = finis_mix(key ^ SEED, <uint64_t>0x9E3779B97F4A7C15) & mask
    while entries[i].key and entries[i].key != key:
        i = (i + 1) & mask
    return &entries[i]


cdef class Firsts:
    """As `counting.Firsts`."""

    cdef Met* entries
    cdef uint64_t mask, batch
    cdef readonly int64_t held

    def __cinit__(self):
        self.entries = <Met*>calloc(FIRST, sizeof(Met))
        if self.entries == NULL:
            raise MemoryError
        self.mask = FIRST - 1

    def __dealloc__(self):
        free(self.entries)

    def __len__(self):
        return self.held

    cdef int _grow(self) except -1 with gil:
        cdef uint64_t i, room = 2 * (self.mask + 1)
        cdef Met* new = <Met*>finis_zeroed(room, sizeof(Met))
        if new == NULL:
            raise MemoryError
        for i in range(self.mask + 1):
            if self.entries[i].key:
                met_at(new, room - 1, self.entries[i].key)[0] = self.entries[i]
        free(self.entries)
        self.entries, self.mask = new, room - 1
        return 0

    def add(self, const uint64_t[::1] keys, const int64_t[::1] begin, const int64_t[::1] tie):
        cdef Py_ssize_t i, length = len(keys)
        if len(begin) != length or len(tie) != length:
            raise ValueError("one begin and tie per key")
        cdef Met* met
        earliest = np.zeros(length, np.uint8)
        cdef uint8_t[::1] flags = earliest
        self.batch += 1
        with nogil:
            for i in range(length):
                if i + AHEAD < length:
                    finis_fetch(&self.entries[
                        finis_mix(keys[i + AHEAD] ^ SEED, <uint64_t>0x9E3779B97F4A7C15) & self.mask
                    ])
                if keys[i] == 0:
                    continue
                met = met_at(self.entries, self.mask, keys[i])
                if met.key == 0:
                    if 2 * <uint64_t>self.held > self.mask:
                        self._grow()
                        met = met_at(self.entries, self.mask, keys[i])
                    met.key, met.begin, met.tie = keys[i], begin[i], tie[i]
                    met.batch, met.at = self.batch, <uint32_t>i
                    flags[i] = 1
                    self.held += 1
                elif begin[i] < met.begin or (begin[i] == met.begin and tie[i] < met.tie):
                    if met.batch == self.batch:
                        flags[met.at] = 0
                    met.begin, met.tie = begin[i], tie[i]
                    met.batch, met.at = self.batch, <uint32_t>i
                    flags[i] = 1
                met.count += 1
        return np.flatnonzero(earliest)

    def items(self):
        keys, counts = np.empty(self.held, np.uint64), np.empty(self.held, np.int64)
        cdef uint64_t[::1] k = keys
        cdef int64_t[::1] n = counts
        cdef uint64_t i, at = 0
        for i in range(self.mask + 1):
            if self.entries[i].key:
                k[at], n[at] = self.entries[i].key, self.entries[i].count
                at += 1
        order = np.argsort(keys)
        return keys[order], counts[order]

    def keep(self, const uint64_t[::1] keys):
        cdef Py_ssize_t i
        cdef uint64_t room = FIRST
        while room < 2 * <uint64_t>len(keys) + 2:
            room *= 2
        cdef Met* new = <Met*>finis_zeroed(room, sizeof(Met))
        cdef Met* met
        if new == NULL:
            raise MemoryError
        self.held = 0
        for i in range(len(keys)):
            met = met_at(self.entries, self.mask, keys[i])
            if met.key:
                met_at(new, room - 1, keys[i])[0] = met[0]
                self.held += 1
        free(self.entries)
        self.entries, self.mask = new, room - 1


cdef class Slots:
    """As `counting.Slots`."""

    cdef uint8_t* counts
    cdef uint64_t mask
    cdef readonly int most

    def __cinit__(self, int bits):
        self.mask = (<uint64_t>1 << bits) - 1
        self.counts = <uint8_t*>finis_zeroed(self.mask + 1, 1)
        if self.counts == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.counts)

    def add(self, const uint64_t[::1] keys):
        cdef Py_ssize_t i, length = len(keys)
        cdef uint8_t* slot
        with nogil:
            for i in range(length):
                if i + AHEAD < length:
                    finis_fetch(self.counts + (keys[i + AHEAD] & self.mask))
                if keys[i]:
                    slot = self.counts + (keys[i] & self.mask)
                    slot[0] += slot[0] < FULL
                    self.most = max(self.most, <int>slot[0])

    def get(self, const uint64_t[::1] keys):
        cdef Py_ssize_t i, length = len(keys)
        out = np.empty(length, np.uint8)
        cdef uint8_t[::1] view = out
        with nogil:
            for i in range(length):
                view[i] = self.counts[keys[i] & self.mask]
        return out
