# Tables that lead from a tuple or a number to the connections that had it, four entries to a cache
# line.  A key may have several entries, one of each kind.
from libc.stdint cimport int32_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memset

from finis.tracking._memory cimport *

cdef enum:
    KIND_BITS = 3
    KIND = (1 << KIND_BITS) - 1
    BUCKET = 4  # entries of a cache line; a key is looked for from the first of its line on

cdef struct Tie:
    uint64_t key  # 0: free
    uint32_t place
    uint32_t mark  # its kind, and above it the slice that wrote it last

cdef struct Ties:
    Tie* slots
    uint64_t mask
    uint64_t count
    uint64_t near  # not 0: keys are numbers, of which four that follow each other share a line
    uint64_t hand  # the slot that is swept next
    uint64_t pace  # slots to be swept for each new entry
    uint64_t due  # slots to be swept
    # By kind: the mark of the oldest entries that are not forgotten, and whose they are
    # (`_recent.Memory`).  What is of no memory is never forgotten.
    uint32_t oldest[KIND + 1]
    void* of[KIND + 1]


cdef inline uint64_t bucket_of(const Ties* ties, uint64_t key) noexcept nogil:
    if ties.near:
        key = finis_mix((key >> 2) ^ ties.near, <uint64_t>0x9E3779B97F4A7C15)
    return key & ties.mask & ~<uint64_t>(BUCKET - 1)


cdef inline void fetch_tie(const Ties* ties, uint64_t key) noexcept nogil:
    cdef uint64_t i
    if ties.count:
        i = bucket_of(ties, key)
        finis_fetch(&ties.slots[i])
        finis_fetch(&ties.slots[(i + BUCKET) & ties.mask])


cdef inline Tie* tie_find(const Ties* ties, uint64_t key, uint32_t kind) noexcept nogil:
    """The entry of this key and kind, NULL if there is none."""
    cdef uint64_t i
    cdef Tie* tie
    if ties.count == 0:
        return NULL
    i = bucket_of(ties, key)
    while True:
        tie = &ties.slots[i]
        if tie.key == key and tie.mark & KIND == kind:
            return tie
        if tie.key == 0:
            return NULL
        i = (i + 1) & ties.mask


cdef inline bint is_gone(const Ties* ties, const Tie* tie) noexcept nogil:
    """Is this entry forgotten?  Marks count round."""
    return <int32_t>(tie.mark - ties.oldest[tie.mark & KIND]) < 0


cdef inline Tie* ties_of(const Ties* ties, uint64_t key, Tie** found) noexcept nogil:
    """The entries of this key by kind, NULL for none.  Where the next one would stand (`tie_put`)."""
    cdef uint64_t i
    cdef Tie* tie
    for i in range(KIND + 1):
        found[i] = NULL
    if ties.slots == NULL:
        return NULL
    i = bucket_of(ties, key)
    while True:
        tie = &ties.slots[i]
        if tie.key == 0:
            return tie
        if tie.key == key:
            found[tie.mark & KIND] = tie
        i = (i + 1) & ties.mask


cdef inline uint32_t place_in(const Ties* ties, const Tie* tie) noexcept nogil:
    """NOBODY where there is no entry, or it is forgotten."""
    return NOBODY if tie == NULL or is_gone(ties, tie) else tie.place


cdef inline int ties_grow(Ties* ties) noexcept nogil:
    cdef uint64_t i, j, room = FIRST if ties.slots == NULL else 2 * (ties.mask + 1)
    cdef Ties larger = ties[0]
    larger.mask, larger.hand = room - 1, 0
    larger.slots = <Tie*>finis_chunk(room * sizeof(Tie))
    if larger.slots == NULL:
        return -1
    memset(larger.slots, 0, room * sizeof(Tie))
    if ties.slots != NULL:
        for i in range(ties.mask + 1):
            if ties.slots[i].key:
                j = bucket_of(&larger, ties.slots[i].key)
                while larger.slots[j].key:
                    j = (j + 1) & larger.mask
                larger.slots[j] = ties.slots[i]
        free(ties.slots)
    ties[0] = larger
    return 0


cdef inline bint is_full(const Ties* ties) noexcept nogil:
    return ties.slots == NULL or 4 * ties.count > 3 * ties.mask


cdef inline Tie* tie_put(
    Ties* ties, Tie* free, uint64_t key, uint32_t place, uint32_t mark
) noexcept nogil:
    """A further entry where `ties_of` came to its end, since when nothing was added or dropped;
    there is none of this key and kind.  NULL: no memory."""
    if is_full(ties):
        return tie_add(ties, key, place, mark)
    free.key, free.place, free.mark = key, place, mark
    ties.count += 1
    return free


cdef inline Tie* tie_add(Ties* ties, uint64_t key, uint32_t place, uint32_t mark) noexcept nogil:
    """The same where nobody has looked."""
    cdef uint64_t i
    if is_full(ties) and ties_grow(ties):
        return NULL
    i = bucket_of(ties, key)
    while ties.slots[i].key:
        i = (i + 1) & ties.mask
    ties.slots[i].key, ties.slots[i].place, ties.slots[i].mark = key, place, mark
    ties.count += 1
    return &ties.slots[i]


cdef inline void tie_drop(Ties* ties, Tie* tie) noexcept nogil:
    """Remove an entry; those that it had pushed on move back."""
    cdef uint64_t hole = tie - ties.slots, i = hole, wanted
    while True:
        i = (i + 1) & ties.mask
        if ties.slots[i].key == 0:
            break
        wanted = bucket_of(ties, ties.slots[i].key)
        if ((i - wanted) & ties.mask) >= ((i - hole) & ties.mask):
            ties.slots[hole] = ties.slots[i]
            hole = i
    ties.slots[hole].key = ties.slots[hole].mark = 0
    ties.count -= 1


cdef inline void ties_free(Ties* ties) noexcept nogil:
    free(ties.slots)
    ties.slots, ties.mask, ties.count = NULL, 0, 0
