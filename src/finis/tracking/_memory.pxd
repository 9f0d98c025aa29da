# Packed memory: hash tables of slots, rows of one size that are used again, prefetching.
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memmove, memset

cdef extern from *:
    """
    #include <stdint.h>
    #include <stdlib.h>
    #if defined(__linux__)
    #include <sys/mman.h>
    #endif
    static inline uint64_t finis_mix(uint64_t a, uint64_t b) {
        __uint128_t m = (__uint128_t)a * b;
        return (uint64_t)m ^ (uint64_t)(m >> 64);
    }
    static inline void finis_fetch(const void* p) {
        __builtin_prefetch(p);
        /* Without this, GCC sees no effect in a function that only fetches, and leaves calls of it
           out where it does not inline it. */
        __asm__ volatile("");
    }
    /* Random access to memory in pages of 4 KiB is dear: ask for large ones. */
    static inline void* finis_large(void* p, size_t bytes) {
    #if defined(__linux__) && defined(MADV_HUGEPAGE)
        if (p && bytes >= ((size_t)4 << 20)) {
            uintptr_t begin = ((uintptr_t)p + 4095) & ~(uintptr_t)4095;
            (void)madvise((void*)begin, ((uintptr_t)p + bytes - begin) & ~(size_t)4095,
                          MADV_HUGEPAGE);
        }
    #endif
        return p;
    }
    static inline void* finis_zeroed(size_t count, size_t size) {
        return finis_large(calloc(count, size), count * size);
    }
    static inline void* finis_chunk(size_t bytes) {
        void* p = NULL;
        if (posix_memalign(&p, bytes >= (size_t)4 << 20 ? (size_t)2 << 20 : 64, bytes)) return NULL;
        return finis_large(p, bytes);
    }
    """
    uint64_t finis_mix(uint64_t a, uint64_t b) noexcept nogil
    void finis_fetch(const void* p) noexcept nogil
    void* finis_zeroed(size_t count, size_t size) noexcept nogil
    void* finis_chunk(size_t bytes) noexcept nogil

cdef enum:
    FIRST = 64  # slots of a new table, items of a new array
    NOBODY = 0xFFFFFFFF  # no place


cdef inline void fetch_lines(const void* p, size_t count) noexcept nogil:
    """So many bytes, a constant, from the cache line on in which they begin."""
    cdef size_t at
    for at in range(0, count, 64):
        finis_fetch(<const char*>p + at)


# --- tables --------------------------------------------------------------------------------------

cdef struct Table:
    char* slots
    uint64_t mask
    uint64_t count
    uint64_t size  # bytes of a slot; it begins with its key, a hash, 0: free
    uint64_t hand  # the slot that is swept next


cdef inline uint64_t home(const Table* table, uint64_t key) noexcept nogil:
    return key & table.mask


cdef inline void* slot_at(const Table* table, uint64_t i) noexcept nogil:
    return table.slots + i * table.size


cdef inline uint64_t key_at(const Table* table, uint64_t i) noexcept nogil:
    return (<uint64_t*>(table.slots + i * table.size))[0]


cdef inline void fetch_slot(const Table* table, uint64_t key) noexcept nogil:
    if table.count:
        finis_fetch(slot_at(table, home(table, key)))


cdef inline void* table_get(const Table* table, uint64_t key) noexcept nogil:
    """The slot of this key, NULL if there is none."""
    cdef uint64_t i, found
    if table.count == 0:
        return NULL
    i = home(table, key)
    while True:
        found = key_at(table, i)
        if found == key:
            return slot_at(table, i)
        if found == 0:
            return NULL
        i = (i + 1) & table.mask


cdef inline int table_grow(Table* table) noexcept nogil:
    cdef Table larger = table[0]
    cdef uint64_t i, j
    larger.mask, larger.hand = (FIRST if table.slots == NULL else 2 * (table.mask + 1)) - 1, 0
    larger.slots = <char*>finis_zeroed(larger.mask + 1, larger.size)
    if larger.slots == NULL:
        return -1
    if table.slots != NULL:
        for i in range(table.mask + 1):
            if key_at(table, i):
                j = home(&larger, key_at(table, i))
                while key_at(&larger, j):
                    j = (j + 1) & larger.mask
                memcpy(slot_at(&larger, j), slot_at(table, i), larger.size)
        free(table.slots)
    table[0] = larger
    return 0


cdef inline void* table_put(Table* table, uint64_t key, bint* fresh) noexcept nogil:
    """The slot of this key, made if need be; NULL: no memory."""
    cdef uint64_t i, found
    if table.slots == NULL or 8 * table.count > 5 * table.mask:
        if table_grow(table):
            return NULL
    i = home(table, key)
    while True:
        found = key_at(table, i)
        if found == key:
            fresh[0] = False
            return slot_at(table, i)
        if found == 0:
            break
        i = (i + 1) & table.mask
    fresh[0] = True
    table.count += 1
    (<uint64_t*>slot_at(table, i))[0] = key
    return slot_at(table, i)


cdef inline void table_drop(Table* table, void* slot) noexcept nogil:
    """Remove an entry; those that it had pushed on move back."""
    cdef uint64_t hole = (<char*>slot - table.slots) / table.size, i = hole, wanted
    while True:
        i = (i + 1) & table.mask
        if key_at(table, i) == 0:
            break
        wanted = home(table, key_at(table, i))
        if ((i - wanted) & table.mask) >= ((i - hole) & table.mask):
            memcpy(slot_at(table, hole), slot_at(table, i), table.size)
            hole = i
    (<uint64_t*>slot_at(table, hole))[0] = 0
    table.count -= 1


cdef inline void table_free(Table* table) noexcept nogil:
    free(table.slots)
    table.slots, table.mask, table.count = NULL, 0, 0


# --- lists ---------------------------------------------------------------------------------------

cdef struct List:  # of items, appended at the end and taken from the front
    char* items
    int64_t begin
    int64_t end
    int64_t room


cdef inline int64_t list_count(const List* list) noexcept nogil:
    return list.end - list.begin


cdef inline void* list_add(List* list, size_t size) noexcept nogil:
    """A new last item, to be written; NULL: no memory."""
    cdef int64_t count = list.end - list.begin
    cdef void* more
    if list.end == list.room:
        if list.room and count <= list.room // 2:
            memmove(list.items, list.items + list.begin * size, count * size)
            list.begin, list.end = 0, count
        else:
            more = realloc(list.items, (2 * list.room + FIRST) * size)
            if more == NULL:
                return NULL
            list.items, list.room = <char*>more, 2 * list.room + FIRST
    list.end += 1
    return list.items + (list.end - 1) * size


cdef inline void list_begin(List* list, size_t size) noexcept nogil:
    """What was taken from the front leaves room: the same memory is used again."""
    cdef int64_t count = list_count(list)
    if list.begin and count:
        memmove(list.items, list.items + list.begin * size, count * size)
    list.begin, list.end = 0, count

# --- rows that are used again --------------------------------------------------------------------

cdef enum:
    CHUNK_BITS = 15  # rows of a chunk
    CHUNK_ROWS = 1 << CHUNK_BITS
    SOON = 16  # rows that are loaded before they are needed

cdef struct Pool:
    char** chunks
    uint32_t* spare  # places to be used again, the last first: it is still in the cache
    uint32_t spares
    uint32_t top  # places that were ever used
    uint32_t room
    uint64_t bytes  # of a row


cdef inline char* row_at(const Pool* pool, uint32_t place) noexcept nogil:
    return pool.chunks[place >> CHUNK_BITS] + (place & (CHUNK_ROWS - 1)) * pool.bytes


cdef inline int pool_grow(Pool* pool) noexcept nogil:
    cdef uint32_t chunks = pool.room >> CHUNK_BITS
    cdef void* larger
    if pool.room >= <uint32_t>NOBODY - CHUNK_ROWS:
        return -1
    larger = realloc(pool.chunks, (chunks + 1) * sizeof(char*))
    if larger == NULL:
        return -1
    pool.chunks = <char**>larger
    larger = realloc(pool.spare, (<uint64_t>pool.room + CHUNK_ROWS) * sizeof(uint32_t))
    if larger == NULL:
        return -1
    pool.spare = <uint32_t*>larger
    pool.chunks[chunks] = <char*>finis_chunk(CHUNK_ROWS * pool.bytes)
    if pool.chunks[chunks] == NULL:
        return -1
    pool.room += CHUNK_ROWS
    return 0


cdef inline void fetch_row(const Pool* pool, uint32_t place) noexcept nogil:
    cdef char* soon = row_at(pool, place)
    finis_fetch(soon)
    if pool.bytes > 64:
        finis_fetch(soon + 64)
    if pool.bytes > 128:
        finis_fetch(soon + 128)
        finis_fetch(soon + 192)


cdef inline uint32_t pool_take(Pool* pool) noexcept nogil:
    """A place to be written; NOBODY: no memory."""
    if pool.spares:
        pool.spares -= 1
        if pool.spares >= SOON:
            fetch_row(pool, pool.spare[pool.spares - SOON])
        return pool.spare[pool.spares]
    if pool.top == pool.room and pool_grow(pool):
        return NOBODY
    pool.top += 1
    return pool.top - 1


cdef inline void pool_give(Pool* pool, uint32_t place) noexcept nogil:
    pool.spare[pool.spares] = place
    pool.spares += 1


cdef inline void pool_free(Pool* pool) noexcept nogil:
    cdef uint32_t i
    for i in range(pool.room >> CHUNK_BITS):
        free(pool.chunks[i])
    free(pool.chunks)
    free(pool.spare)
    memset(pool, 0, sizeof(Pool))
