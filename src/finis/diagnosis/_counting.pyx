"""Kernel: the classes of `counting`, as hash tables of packed entries."""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy, memset

import os

import numpy as np

from finis.diagnosis.counting import NO_CODE, least_kept
from finis.tracking._memory cimport finis_fetch, finis_mix, finis_zeroed

cdef enum:
    FIRST = 64  # entries of a new table
    AHEAD = 8  # keys ahead of which memory is loaded
    FULL = 255  # a slot counts to
    LARGE = (1 << 19) - 1  # mask of a table from which on one that grows `large` does so faster

cdef int64_t NEVER = -(2**63)

# Nobody outside knows which keys collide.
cdef uint64_t SEED = int.from_bytes(os.urandom(8), "little") | 1

cdef struct Entry:
    uint64_t key
    uint32_t count
    uint32_t marked

cdef struct Met:
    uint64_t key
    int64_t begin
    int64_t tie
    uint32_t count
    uint32_t at  # the row of this batch that is the earliest
    uint64_t batch  # the last one that had the earliest


cdef inline uint64_t home(uint64_t key, uint64_t mask) noexcept nogil:
    return finis_mix(key ^ SEED, <uint64_t>0x9E3779B97F4A7C15) & mask


cdef inline void* place(char* slots, uint64_t size, uint64_t mask, uint64_t key) noexcept nogil:
    """The slot of this key, or the free one where it belongs."""
    cdef uint64_t i = home(key, mask)
    cdef uint64_t found = (<uint64_t*>(slots + i * size))[0]
    while found and found != key:
        i = (i + 1) & mask
        found = (<uint64_t*>(slots + i * size))[0]
    return slots + i * size


cdef int in_range(const int64_t[::1] at, Py_ssize_t count) except -1:
    """Are these indices of so many?"""
    cdef Py_ssize_t i
    cdef bint wrong = False
    for i in range(len(at)):
        wrong |= <uint64_t>at[i] >= <uint64_t>count
    if wrong:
        raise IndexError("there is no such row")
    return 0


def summed(rows, const int64_t[::1] at, uint8_t[::1] products):
    """As `counting.summed`."""
    host_of, port_of = rows.ends[:2]
    cdef const uint64_t[::1] hosts = host_of
    cdef const uint32_t[::1] ports = port_of, product = rows.product
    cdef const int64_t[::1] firsts = rows.first_ns, lasts = rows.last_ns, packets = rows.packets
    cdef int64_t first = NEVER, last = NEVER, total = 0
    cdef Py_ssize_t i, row, length = len(at)
    cdef bint one_host = True, one_port = True, counting = packets is not None
    for column in (host_of, port_of, rows.product, rows.first_ns, rows.last_ns):
        in_range(at, len(column))
    if counting:
        in_range(at, len(packets))
    with nogil:
        for i in range(length):
            row = at[i]
            if firsts[row] != NEVER and (first == NEVER or firsts[row] < first):
                first = firsts[row]
            last = max(last, lasts[row])
            one_host &= hosts[row] == hosts[at[0]]
            one_port &= ports[row] == ports[at[0]]
            if product[row] < <uint64_t>len(products):
                products[product[row]] = 1
            if counting:
                total += packets[row]
    return first, last, total, one_host, one_port


def rivals(
    const int64_t[::1] at, const int64_t[::1] telling, const int64_t[::1] begin,
    int64_t least, int64_t latest,
):
    """As `counting.rivals`."""
    cdef Py_ssize_t i, row, count = 0
    out = np.empty(len(at), np.int64)
    cdef int64_t[::1] view = out
    in_range(at, min(len(telling), len(begin)))
    with nogil:
        for i in range(len(at)):
            row = at[i]
            view[count] = row
            count += telling[row] > least or (telling[row] == least and begin[row] <= latest)
    return out[:count]


cdef class Keyed:
    """A hash table of slots of `size` bytes, which begin with their key; 0: free."""

    cdef char* slots
    cdef uint64_t mask, size
    cdef bint large  # what grows large grows on: every step clears fresh memory, moves all entries
    cdef readonly int64_t held

    def __dealloc__(self):
        free(self.slots)

    def __len__(self):
        return self.held

    cdef int begin(self, uint64_t size) except -1:
        self.size, self.mask = size, FIRST - 1
        self.slots = self.room(FIRST)
        return 0

    cdef char* room(self, uint64_t count) except NULL:
        """So many free slots."""
        cdef char* new = <char*>finis_zeroed(count, self.size)
        if new == NULL:
            raise MemoryError
        return new

    @cython.final
    cdef inline void* at(self, uint64_t key) noexcept nogil:
        return place(self.slots, self.size, self.mask, key)

    @cython.final
    cdef inline void fetch(self, uint64_t key) noexcept nogil:
        finis_fetch(self.slots + home(key, self.mask) * self.size)

    @cython.final
    cdef inline uint64_t key_at(self, uint64_t i) noexcept nogil:
        return (<uint64_t*>(self.slots + i * self.size))[0]

    @cython.final
    cdef inline bint full_up(self) noexcept nogil:
        """Must it grow before another key comes?"""
        return 2 * <uint64_t>self.held > self.mask

    cdef int grow(self) except -1 with gil:
        cdef uint64_t i, count = (4 if self.large and self.mask >= LARGE else 2) * (self.mask + 1)
        cdef char* new = self.room(count)
        cdef char* slot
        for i in range(self.mask + 1):
            slot = self.slots + i * self.size
            if self.key_at(i):
                memcpy(place(new, self.size, count - 1, self.key_at(i)), slot, self.size)
        free(self.slots)
        self.slots, self.mask = new, count - 1
        return 0


cdef class Counter(Keyed):
    """As `counting.Counter`."""

    cdef Entry* spare  # of the same size, to forget without fresh memory; NULL: none yet
    cdef readonly int64_t most
    cdef readonly bint forget, full

    def __cinit__(self, int64_t most, bint forget):
        self.most, self.forget = most, forget
        self.large = most > 2 * (LARGE + 1)
        self.begin(sizeof(Entry))

    def __dealloc__(self):
        free(self.spare)

    cdef int64_t _least(self) except -1:
        """`least_kept`; most counts are small."""
        cdef uint64_t i, n = 0
        cdef int64_t small[256]
        cdef int64_t more = 0
        cdef Entry* entries = <Entry*>self.slots
        memset(small, 0, sizeof(small))
        for i in range(self.mask + 1):
            if entries[i].key:
                small[min(entries[i].count, <uint32_t>255)] += 1
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
            if entries[i].key:
                view[n] = entries[i].count
                n += 1
        return least_kept(counts, self.most)

    cdef int _forget_some(self) except -1 with gil:
        """Move to the spare table what came often enough."""
        cdef Entry* old = <Entry*>self.slots
        cdef uint64_t i
        cdef int64_t least = self._least()
        if self.spare == NULL:
            self.spare = <Entry*>self.room(self.mask + 1)
        self.held = 0
        for i in range(self.mask + 1):
            if old[i].key and old[i].count >= least:
                (<Entry*>place(<char*>self.spare, self.size, self.mask, old[i].key))[0] = old[i]
                self.held += 1
        memset(old, 0, (self.mask + 1) * self.size)
        self.slots, self.spare = <char*>self.spare, old
        return 0

    cdef inline int _count(self, uint64_t key, uint32_t times, bint marked) except -1 nogil:
        """1: there was no room for it."""
        cdef Entry* entry
        if key == 0:
            return 0
        entry = <Entry*>self.at(key)
        if entry.key == 0:
            if self.held >= 2 * self.most:
                self.full = True
                if not self.forget:
                    return 1
                self._forget_some()
                entry = <Entry*>self.at(key)
            elif self.full_up():
                self.grow()
                free(self.spare)
                self.spare = NULL
                entry = <Entry*>self.at(key)
            entry.key = key
            self.held += 1
        entry.count += times
        entry.marked += marked
        return 0

    def add(self, const uint64_t[::1] keys, marked=None):
        cdef const uint8_t[::1] marks = None
        cdef bint marking = marked is not None
        cdef Py_ssize_t refused = 0
        if marking:
            marks = np.ascontiguousarray(marked).view(np.uint8)
            if len(marks) != len(keys):
                raise ValueError("one mark per key")
        cdef Py_ssize_t i, length = len(keys)
        may = not self.forget and self.held + length > 2 * self.most
        out = np.empty(length if may else 0, np.int64)
        cdef int64_t[::1] left = out
        with nogil:
            for i in range(length):
                if i + AHEAD < length:
                    self.fetch(keys[i + AHEAD])
                if self._count(keys[i], 1, marking and marks[i] != 0):
                    left[refused] = i
                    refused += 1
        return out[:refused]

    def hold(self, const uint64_t[::1] keys):
        cdef Py_ssize_t i, length = len(keys)
        with nogil:
            for i in range(length):
                if i + AHEAD < length:
                    self.fetch(keys[i + AHEAD])
                self._count(keys[i], 0, False)

    def close(self):
        self.most = self.held // 2

    def add_some(self, const uint64_t[::1] keys, const int64_t[::1] at):
        cdef Py_ssize_t i, length = len(at)
        in_range(at, len(keys))
        with nogil:
            for i in range(length):
                if i + AHEAD < length:
                    self.fetch(keys[at[i + AHEAD]])
                self._count(keys[at[i]], 1, False)

    def items(self):
        out = np.empty((3, self.held), np.uint64)
        cdef uint64_t[:, ::1] view = out
        cdef uint64_t i, n = 0
        cdef Entry* entries = <Entry*>self.slots
        for i in range(self.mask + 1):
            if entries[i].key:
                view[0, n], view[1, n] = entries[i].key, entries[i].count
                view[2, n] = entries[i].marked
                n += 1
        order = np.argsort(out[0])
        return out[0][order], out[1][order].astype(np.int64), out[2][order].astype(np.int64)

    def get(self, const uint64_t[::1] keys):
        cdef Py_ssize_t i, length = len(keys)
        counts, marked = np.zeros(length, np.int64), np.zeros(length, np.int64)
        cdef int64_t[::1] n = counts, m = marked
        cdef Entry* entry
        with nogil:
            for i in range(length):
                if i + AHEAD < length:
                    self.fetch(keys[i + AHEAD])
                entry = <Entry*>self.at(keys[i])
                if entry.key:
                    n[i], m[i] = entry.count, entry.marked
        return counts, marked


cdef class Codes(Keyed):
    """As `counting.Codes`."""

    cdef uint32_t zero  # the code of key 0; of others it is `count`

    def __cinit__(self):
        self.begin(sizeof(Entry))
        self.zero = NO_CODE

    def __len__(self):
        return self.held + (self.zero != <uint32_t>NO_CODE)

    def put(self, uint64_t key, uint32_t code):
        cdef Entry* entry
        if key == 0:
            self.zero = code
            return
        if self.full_up():
            self.grow()
        entry = <Entry*>self.at(key)
        self.held += entry.key == 0
        entry.key, entry.count = key, code

    def find(self, const uint64_t[::1] keys):
        cdef Py_ssize_t i, length = len(keys)
        out = np.empty(length, np.uint32)
        cdef uint32_t[::1] view = out
        cdef uint32_t none = NO_CODE
        cdef Codes missing = Codes()  # each with the index where it stands first
        cdef Entry* entry
        with nogil:
            for i in range(length):
                if keys[i] == 0:
                    view[i] = self.zero
                    if self.zero == none and missing.zero == none:
                        missing.zero = <uint32_t>i
                    continue
                entry = <Entry*>self.at(keys[i])
                if entry.key:
                    view[i] = entry.count
                    continue
                view[i] = none
                if missing.full_up():
                    missing.grow()
                entry = <Entry*>missing.at(keys[i])
                if entry.key == 0:
                    entry.key, entry.count = keys[i], <uint32_t>i
                    missing.held += 1
        return out, missing.in_order()

    cdef in_order(self):
        """All codes (i8)."""
        cdef uint64_t i
        cdef Py_ssize_t n = self.zero != <uint32_t>NO_CODE
        out = np.full(self.held + n, self.zero, np.int64)
        cdef int64_t[::1] view = out
        for i in range(self.mask + 1):
            if self.key_at(i):
                view[n] = (<Entry*>self.slots)[i].count
                n += 1
        out.sort()
        return out


cdef class Firsts(Keyed):
    """As `counting.Firsts`."""

    cdef uint64_t batch

    def __cinit__(self):
        self.begin(sizeof(Met))

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
                    self.fetch(keys[i + AHEAD])
                if keys[i] == 0:
                    continue
                met = <Met*>self.at(keys[i])
                if met.key == 0:
                    if self.full_up():
                        self.grow()
                        met = <Met*>self.at(keys[i])
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
        cdef Met* met = <Met*>self.slots
        for i in range(self.mask + 1):
            if met[i].key:
                k[at], n[at] = met[i].key, met[i].count
                at += 1
        order = np.argsort(keys)
        return keys[order], counts[order]

    def keep(self, const uint64_t[::1] keys):
        cdef Py_ssize_t i
        cdef uint64_t count = FIRST
        while count < 2 * <uint64_t>len(keys) + 2:
            count *= 2
        cdef char* new = self.room(count)
        cdef Met* met
        self.held = 0
        for i in range(len(keys)):
            met = <Met*>self.at(keys[i])
            if met.key:
                (<Met*>place(new, self.size, count - 1, keys[i]))[0] = met[0]
                self.held += 1
        free(self.slots)
        self.slots, self.mask = new, count - 1


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
                    finis_fetch(self.counts + (keys[i + AHEAD] >> 1 & self.mask))
                if keys[i]:
                    slot = self.counts + (keys[i] >> 1 & self.mask)
                    slot[0] += slot[0] < FULL
                    self.most = max(self.most, <int>slot[0])

    def get(self, const uint64_t[::1] keys):
        cdef Py_ssize_t i, length = len(keys)
        out = np.empty(length, np.uint8)
        cdef uint8_t[::1] view = out
        with nogil:
            for i in range(length):
                if i + AHEAD < length:
                    finis_fetch(self.counts + (keys[i + AHEAD] >> 1 & self.mask))
                view[i] = self.counts[keys[i] >> 1 & self.mask]
        return out
