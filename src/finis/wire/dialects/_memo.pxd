# Words that were met before: bytes → number, in one table that is emptied when it is full.
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy, memset

cdef extern from *:
    """
    #include <stdint.h>
    static inline uint64_t finis_mix(uint64_t a, uint64_t b) {
        __uint128_t m = (__uint128_t)a * b;
        return (uint64_t)m ^ (uint64_t)(m >> 64);
    }
    """
    uint64_t finis_mix(uint64_t a, uint64_t b) noexcept nogil

cdef enum:
    MEMO = 1 << 16  # entries: users in messages, for one, are words
    PLACES = 1 << 18  # of the table
    ARENA = 1 << 22  # bytes of keys
    UNMET = -1

cdef struct Entry:
    uint64_t hash
    uint32_t at
    int32_t length  # 0: free
    int32_t value

cdef struct Memo:
    Entry* entries
    uint8_t* arena
    uint64_t seed  # nobody outside knows which keys collide
    uint32_t used  # bytes
    int count


cdef inline int memo_open(Memo* memo, uint64_t seed) noexcept:
    memo.seed = seed | 1
    memo.entries = <Entry*>calloc(PLACES, sizeof(Entry))
    memo.arena = <uint8_t*>calloc(ARENA, 1)
    if memo.entries == NULL or memo.arena == NULL:
        return -1
    return 0


cdef inline void memo_close(Memo* memo) noexcept:
    free(memo.entries)
    free(memo.arena)


cdef inline void memo_clear(Memo* memo) noexcept:
    if memo.count:  # else nothing was written
        memset(memo.entries, 0, PLACES * sizeof(Entry))
    memo.used = memo.count = 0


cdef inline uint64_t hash_of(const Memo* memo, const uint8_t* key, int length) noexcept nogil:
    cdef uint64_t h = memo.seed ^ <uint64_t>length, part
    while length >= 8:
        memcpy(&part, key, 8)
        h = finis_mix(h ^ part, <uint64_t>0x9E3779B97F4A7C15)
        key += 8
        length -= 8
    part = 0
    memcpy(&part, key, length)
    return finis_mix(h ^ part, <uint64_t>0xD6E8FEB86659FD93 ^ memo.seed)


cdef inline Entry* memo_place(
    const Memo* memo, const uint8_t* key, int length, uint64_t h
) noexcept nogil:
    """Where the key stands, or should."""
    cdef uint32_t i = h & (PLACES - 1)
    cdef Entry* entry
    while True:
        entry = &memo.entries[i]
        if entry.length == 0 or (
            entry.hash == h
            and entry.length == length
            and memcmp(memo.arena + entry.at, key, length) == 0
        ):
            return entry
        i = (i + 1) & (PLACES - 1)


cdef inline int memo_get(const Memo* memo, const uint8_t* key, int length) noexcept nogil:
    """Its number, UNMET if there is none."""
    cdef Entry* entry = memo_place(memo, key, length, hash_of(memo, key, length))
    return UNMET if entry.length == 0 else entry.value


cdef inline bint memo_full(const Memo* memo, int length) noexcept:
    return memo.count >= MEMO or memo.used + length > ARENA


cdef inline void memo_put(Memo* memo, const uint8_t* key, int length, int value) noexcept:
    """Not when `memo_full`; a key has at least one byte."""
    cdef uint64_t h = hash_of(memo, key, length)
    cdef Entry* entry = memo_place(memo, key, length, h)
    if entry.length == 0:
        memcpy(memo.arena + memo.used, key, length)
        entry.hash, entry.at, entry.length = h, memo.used, length
        memo.used += length
        memo.count += 1
    entry.value = value
