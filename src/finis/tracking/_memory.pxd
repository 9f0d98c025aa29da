# What is remembered while a log is followed: hash tables of packed entries, forgotten a slice at a
# time (`recent.Recent`), and the open connections.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, memmove, memset

cdef extern from *:
    """
    #include <stdint.h>
    static inline uint64_t finis_mix(uint64_t a, uint64_t b) {
        __uint128_t m = (__uint128_t)a * b;
        return (uint64_t)m ^ (uint64_t)(m >> 64);
    }
    static inline void finis_fetch(const void* p) { __builtin_prefetch(p); }
    """
    uint64_t finis_mix(uint64_t a, uint64_t b) noexcept nogil
    void finis_fetch(const void* p) noexcept nogil

cdef enum:
    FIRST = 64  # slots of a new table
    PARTS = 8  # slices of a memory, the newest included
    NOBODY = -1

# --- tables --------------------------------------------------------------------------------------

cdef struct Slot:
    uint64_t key  # 0: free
    int64_t a
    int64_t b
    int64_t c

cdef struct Table:
    Slot* slots
    uint64_t mask
    uint64_t count


cdef inline uint64_t home(const Table* table, uint64_t key) noexcept nogil:
    return finis_mix(key, <uint64_t>0x9E3779B97F4A7C15) & table.mask


cdef inline void fetch_slot(const Table* table, uint64_t key) noexcept nogil:
    if table.slots != NULL:
        finis_fetch(&table.slots[home(table, key)])


cdef inline Slot* table_get(const Table* table, uint64_t key) noexcept nogil:
    """The entry, NULL if there is none."""
    cdef uint64_t i
    if table.count == 0:
        return NULL
    i = home(table, key)
    while table.slots[i].key:
        if table.slots[i].key == key:
            return &table.slots[i]
        i = (i + 1) & table.mask
    return NULL


cdef inline int table_grow(Table* table) noexcept nogil:
    cdef Table larger
    cdef uint64_t i, j
    larger.mask = (FIRST if table.slots == NULL else 2 * (table.mask + 1)) - 1
    larger.count = table.count
    larger.slots = <Slot*>calloc(larger.mask + 1, sizeof(Slot))
    if larger.slots == NULL:
        return -1
    if table.slots != NULL:
        for i in range(table.mask + 1):
            if table.slots[i].key:
                j = home(&larger, table.slots[i].key)
                while larger.slots[j].key:
                    j = (j + 1) & larger.mask
                larger.slots[j] = table.slots[i]
        free(table.slots)
    table[0] = larger
    return 0


cdef inline Slot* table_put(Table* table, uint64_t key, bint* fresh) noexcept nogil:
    """The entry of this key, made if need be; NULL: no memory."""
    cdef uint64_t i
    if table.slots == NULL or 2 * table.count > table.mask:
        if table_grow(table):
            return NULL
    i = home(table, key)
    while table.slots[i].key and table.slots[i].key != key:
        i = (i + 1) & table.mask
    fresh[0] = table.slots[i].key == 0
    if fresh[0]:
        table.count += 1
        table.slots[i].key = key
    return &table.slots[i]


cdef inline void table_drop(Table* table, Slot* slot) noexcept nogil:
    """Remove an entry; those that it had pushed on move back."""
    cdef uint64_t hole = slot - table.slots, i = hole, wanted
    while True:
        i = (i + 1) & table.mask
        if table.slots[i].key == 0:
            break
        wanted = home(table, table.slots[i].key)
        if ((i - wanted) & table.mask) >= ((i - hole) & table.mask):
            table.slots[hole] = table.slots[i]
            hole = i
    table.slots[hole].key = 0
    table.count -= 1


cdef inline void table_free(Table* table) noexcept nogil:
    free(table.slots)
    table.slots, table.mask, table.count = NULL, 0, 0


# --- memories that forget ------------------------------------------------------------------------

cdef struct Slice:
    Table table
    int64_t began
    int64_t lists  # number of the first list of this slice, see `_follow.Lines`
    char* pool  # what entries refer to, of `Memory.item` bytes each
    int64_t items
    int64_t room

cdef struct Memory:
    Slice part[PARTS]  # the oldest first; the newest is part[old]
    int old
    int slices
    int item
    int64_t slice_ns
    int64_t lists
    uint64_t most  # entries of a slice
    bint begun
    int64_t head_ns  # log time at which the newest slice began, if `begun`
    bint forgot
    int64_t since_ns  # log time from which every entry is still held, if `forgot`
    Slice spare  # an emptied one, to be used again


cdef inline void slice_free(Slice* part) noexcept nogil:
    table_free(&part.table)
    free(part.pool)
    memset(part, 0, sizeof(Slice))


cdef inline void slice_keep(Memory* memory, Slice* part) noexcept nogil:
    """Empty a slice; keep its memory if there is none in reserve."""
    if memory.spare.table.slots == NULL and part.table.slots != NULL:
        memset(part.table.slots, 0, (part.table.mask + 1) * sizeof(Slot))
        part.table.count = part.items = 0
        memory.spare = part[0]
        memset(part, 0, sizeof(Slice))
    else:
        slice_free(part)


cdef inline bint forget_oldest(Memory* memory) noexcept nogil:
    """`Recent.drop_oldest`."""
    cdef int i
    if memory.old:
        slice_keep(memory, &memory.part[0])
        for i in range(memory.old):
            memory.part[i] = memory.part[i + 1]
        memset(&memory.part[memory.old], 0, sizeof(Slice))
        memory.old -= 1
        memory.forgot = True if memory.old else memory.begun
        memory.since_ns = memory.part[0].began if memory.old else memory.head_ns
        return True
    if memory.part[0].table.count == 0:
        return False
    slice_keep(memory, &memory.part[0])
    memory.part[0].lists = memory.lists
    memory.forgot, memory.since_ns = memory.begun, memory.head_ns
    return True


cdef inline void turn(Memory* memory, int64_t now) noexcept nogil:
    """`Recent.turn`."""
    cdef Slice* head = &memory.part[memory.old]
    if head.table.count:
        head.began = memory.head_ns if memory.begun else now
        memory.old += 1
        head += 1
        head[0] = memory.spare
        memset(&memory.spare, 0, sizeof(Slice))
        head.lists = memory.lists
        if head.table.slots == NULL:  # as large as the one before turned out to be
            head.table.slots = <Slot*>calloc((head - 1).table.mask + 1, sizeof(Slot))
            head.table.mask = (head - 1).table.mask if head.table.slots != NULL else 0
    memory.begun, memory.head_ns = True, now
    while memory.old > memory.slices:
        forget_oldest(memory)


cdef inline void pass_time(Memory* memory, int64_t now) noexcept nogil:
    """`Recent.tick`."""
    if not memory.begun:
        memory.begun, memory.head_ns = True, now
    elif now - memory.head_ns >= memory.slice_ns:
        turn(memory, now)
        while (
            memory.old and now - memory.part[0].began >= (memory.slices + 1) * memory.slice_ns
        ):
            forget_oldest(memory)


cdef inline void forget_all(Memory* memory) noexcept nogil:
    """`Recent.clear`."""
    cdef int i
    for i in range(memory.old + 1):
        slice_keep(memory, &memory.part[i])
    memory.old = 0
    memory.part[0].lists = memory.lists
    memory.begun = memory.forgot = False


cdef inline Slot* recall(const Memory* memory, uint64_t key, int* where) noexcept nogil:
    """The newest entry, NULL if there is none; `where`: its slice."""
    cdef int i = memory.old
    cdef Slot* found
    while i >= 0:
        found = table_get(&memory.part[i].table, key)
        if found != NULL:
            where[0] = i
            return found
        i -= 1
    return NULL


cdef inline bint empty(const Memory* memory) noexcept nogil:
    return memory.old == 0 and memory.part[0].table.count == 0


cdef inline Slot* remember(Memory* memory, uint64_t key, int64_t now) noexcept nogil:
    """An entry in the newest slice, to be written; NULL: no memory."""
    cdef bint fresh
    if memory.part[memory.old].table.count >= memory.most:
        turn(memory, now)
    return table_put(&memory.part[memory.old].table, key, &fresh)


cdef inline int64_t pooled(Memory* memory) noexcept nogil:
    """Number of a new item in the newest slice; -1: no memory."""
    cdef Slice* part = &memory.part[memory.old]
    cdef char* larger
    if part.items >= part.room:
        larger = <char*>realloc(part.pool, max(FIRST, 2 * part.room) * memory.item)
        if larger == NULL:
            return -1
        part.pool, part.room = larger, max(FIRST, 2 * part.room)
    part.items += 1
    return part.items - 1


# --- open connections ----------------------------------------------------------------------------

cdef struct Open:
    int64_t number
    int64_t row
    int64_t at
    int64_t event
    uint64_t tuples[4]
    int32_t before  # in order of building
    int32_t after
    uint8_t count  # of tuples
    uint8_t orig
    uint8_t direction

cdef struct Opens:
    Table index  # number → place
    Table tuples  # hash → number
    Open* places
    int32_t room
    int32_t free  # first free place, linked by `after`
    int32_t first
    int32_t last


cdef inline uint64_t key_of_number(int64_t number) noexcept nogil:
    return <uint64_t>number ^ (<uint64_t>1 << 63)  # the least number means nothing


cdef inline Open* find_open(const Opens* opens, int64_t number) noexcept nogil:
    cdef Slot* slot = table_get(&opens.index, key_of_number(number))
    return NULL if slot == NULL else &opens.places[slot.a]


cdef inline Open* open_new(Opens* opens, int64_t number) noexcept nogil:
    """A place for a connection whose number is not in use; NULL: no memory."""
    cdef int32_t i, room
    cdef Open* larger
    cdef Slot* slot
    cdef bint fresh
    if opens.free == NOBODY:
        room = max(FIRST, 2 * opens.room)
        larger = <Open*>realloc(opens.places, room * sizeof(Open))
        if larger == NULL:
            return NULL
        opens.places = larger
        for i in range(opens.room, room):
            larger[i].after = i + 1
        larger[room - 1].after = NOBODY
        opens.free, opens.room = opens.room, room
    slot = table_put(&opens.index, key_of_number(number), &fresh)
    if slot == NULL:
        return NULL
    i = opens.free
    slot.a = i
    opens.free = opens.places[i].after
    opens.places[i].number = number
    opens.places[i].before, opens.places[i].after = opens.last, NOBODY
    if opens.last == NOBODY:
        opens.first = i
    else:
        opens.places[opens.last].after = i
    opens.last = i
    return &opens.places[i]


cdef inline void open_drop(Opens* opens, Open* gone) noexcept nogil:
    """Forget a connection, but not its tuples."""
    cdef int32_t i = <int32_t>(gone - opens.places)
    table_drop(&opens.index, table_get(&opens.index, key_of_number(gone.number)))
    if gone.before == NOBODY:
        opens.first = gone.after
    else:
        opens.places[gone.before].after = gone.after
    if gone.after == NOBODY:
        opens.last = gone.before
    else:
        opens.places[gone.after].before = gone.before
    gone.after = opens.free
    opens.free = i


cdef inline void open_close(Opens* opens, Open* gone) noexcept nogil:
    """`Device.close`."""
    cdef int i
    cdef Slot* slot
    for i in range(gone.count):
        slot = table_get(&opens.tuples, gone.tuples[i])
        if slot != NULL and slot.a == gone.number:
            table_drop(&opens.tuples, slot)
    open_drop(opens, gone)


cdef inline int open_tuple(Opens* opens, uint64_t key, int64_t number) noexcept nogil:
    cdef bint fresh
    cdef Slot* slot = table_put(&opens.tuples, key, &fresh)
    if slot == NULL:
        return -1
    slot.a = number
    return 0


cdef inline void opens_free(Opens* opens) noexcept nogil:
    table_free(&opens.index)
    table_free(&opens.tuples)
    free(opens.places)
    opens.places = NULL
    opens.room = 0
    opens.free = opens.first = opens.last = NOBODY
