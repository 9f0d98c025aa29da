# What is remembered for a while (`recent.Recent`): entries of a table, forgotten a slice at a time.
# An entry stands in the table once, with the slice that wrote it last; every slice lists its keys.
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc

from finis.tracking._held cimport *
from finis.tracking._memory cimport *

cdef enum:
    PARTS = 8  # slices of a memory, the newest included
    AHEAD = 16  # keys of a slice that are looked up before they are swept
    DEAD = 4  # slices that wait to be swept
    PACE = 3  # entries swept for each new one
    MOST_WAITING = 1000  # recent.WATCHED

cdef enum:  # what is remembered
    OWN  # entries of a table of its own
    BRIEF  # connections by tuple, ended by FINs or reset
    LONG  # connections by tuple, ended otherwise
    TORN  # connections by number
    WATCH  # denials that wait, by tuple

cdef struct Slot:
    uint64_t key
    int64_t a
    int64_t b
    int64_t c
    uint64_t slice

cdef struct Tie:  # what is known of a tuple
    uint64_t key
    uint32_t open  # connections
    uint32_t brief
    uint32_t long_
    uint32_t waits  # the last of a ring
    uint16_t brief_slice
    uint16_t long_slice
    uint16_t waits_slice
    uint16_t spare

cdef struct Number:  # what is known of a connection's number
    uint64_t key
    uint32_t open
    uint32_t torn
    uint32_t torn_slice
    uint32_t spare

cdef struct Slice:
    int64_t began
    int64_t lists  # number of the first list of this slice, see `_follow.Lines`
    uint64_t* keys
    uint64_t count
    uint64_t room
    uint32_t number

cdef struct Memory:
    Slice part[PARTS]  # the oldest first; the newest is part[old]
    int old
    int slices
    int kind
    int64_t slice_ns
    int64_t lists
    uint64_t most  # entries of a slice
    bint begun
    int64_t head_ns  # log time at which the newest slice began, if `begun`
    bint forgot
    int64_t since_ns  # log time from which every entry is still held, if `forgot`
    bint dropped  # a slice went since this was last set to False
    uint32_t numbers  # of slices
    Slice spare  # an emptied one, to be used again
    # Forgotten, but their entries are still in the table: swept little by little, so that rows are
    # used again while they are in the cache.
    Slice dead[DEAD]
    int deads
    uint64_t swept  # entries of dead[0]
    Numbered numbered
    Table* table
    Table own
    Store* store


cdef inline void memory_begin(Memory* m, int kind, Table* table, Store* store) noexcept nogil:
    m.kind, m.store = kind, store
    m.table = &m.own if table == NULL else table
    m.own.size = sizeof(Slot)
    m.numbers = m.part[0].number = m.numbered.slice = 1


cdef inline bint remembered(const Memory* m, uint32_t slice) noexcept nogil:
    """Is this slice (its number, or the lower half of it) not forgotten?"""
    cdef uint32_t head = m.part[m.old].number
    return <uint16_t>(head - slice) <= <uint16_t>(head - m.part[0].number)


cdef inline uint32_t brief_of(const Memory* m, const Tie* tie) noexcept nogil:
    return tie.brief if remembered(m, tie.brief_slice) else NOBODY


cdef inline uint32_t long_of(const Memory* m, const Tie* tie) noexcept nogil:
    return tie.long_ if remembered(m, tie.long_slice) else NOBODY


cdef inline uint32_t torn_of(const Memory* m, const Number* number) noexcept nogil:
    return number.torn if remembered(m, number.torn_slice) else NOBODY


cdef inline void tidy_tie(Table* table, Tie* tie) noexcept nogil:
    if tie.open & tie.brief & tie.long_ & tie.waits == NOBODY:
        table_drop(table, tie)


cdef inline void tidy_number(Table* table, Number* number) noexcept nogil:
    if number.open & number.torn == NOBODY:
        table_drop(table, number)


cdef inline void soon_swept(const Memory* m, uint64_t key) noexcept nogil:
    """Have the processor load the connection of an entry."""
    cdef Tie* tie
    cdef uint32_t place
    if m.kind != BRIEF and m.kind != LONG:
        return
    tie = <Tie*>table_get(m.table, key)
    if tie != NULL:
        place = tie.brief if m.kind == BRIEF else tie.long_
        if place != NOBODY:
            fetch_row(&m.store.conns, place)


cdef inline void forget_key(Memory* m, uint64_t key, uint32_t number) noexcept nogil:
    """Forget an entry if this slice was the last to write it."""
    cdef void* slot = table_get(m.table, key)
    cdef Tie* tie = <Tie*>slot
    if slot == NULL:
        return
    if m.kind == OWN:
        if (<Slot*>slot).slice == number:
            table_drop(m.table, slot)
    elif m.kind == TORN:
        if (<Number*>slot).torn != NOBODY and (<Number*>slot).torn_slice == number:
            (<Number*>slot).torn = NOBODY
            tidy_number(m.table, <Number*>slot)
    elif m.kind == BRIEF:
        if tie.brief != NOBODY and tie.brief_slice == <uint16_t>number:
            release(m.store, tie.brief)
            tie.brief = NOBODY
            tidy_tie(m.table, tie)
    elif m.kind == LONG:
        if tie.long_ != NOBODY and tie.long_slice == <uint16_t>number:
            release(m.store, tie.long_)
            tie.long_ = NOBODY
            tidy_tie(m.table, tie)
    elif tie.waits != NOBODY and tie.waits_slice == <uint16_t>number:
        waits_free(m.store, tie.waits)
        tie.waits = NOBODY
        tidy_tie(m.table, tie)


cdef inline void sweep_some(Memory* m, Slice* part, uint64_t begin, uint64_t end) noexcept nogil:
    """Remove entries of a slice from the table."""
    cdef uint64_t i
    for i in range(begin, end):
        if i + AHEAD < part.count:
            fetch_slot(m.table, part.keys[i + AHEAD])
        if i + AHEAD // 2 < part.count:
            soon_swept(m, part.keys[i + AHEAD // 2])
        forget_key(m, part.keys[i], part.number)


cdef inline void slice_end(Memory* m, Slice* part) noexcept nogil:
    """Keep the memory of an emptied slice if there is none in reserve."""
    part.count = 0
    if m.spare.keys == NULL:
        m.spare = part[0]
    else:
        free(part.keys)
    memset(part, 0, sizeof(Slice))


cdef inline void sweep(Memory* m, uint64_t most) noexcept nogil:
    """Sweep so many entries of the slices that are forgotten."""
    cdef uint64_t end
    cdef int i
    while m.deads and most:
        end = m.swept + min(most, m.dead[0].count - m.swept)
        most -= end - m.swept
        sweep_some(m, &m.dead[0], m.swept, end)
        m.swept = end
        if end < m.dead[0].count:
            return
        slice_end(m, &m.dead[0])
        m.swept = 0
        m.deads -= 1
        for i in range(m.deads):
            m.dead[i] = m.dead[i + 1]
        memset(&m.dead[m.deads], 0, sizeof(Slice))


cdef inline void slice_forget(Memory* m, Slice* part) noexcept nogil:
    m.dropped = True
    if m.kind == OWN or m.kind == WATCH or not part.count:
        sweep_some(m, part, 0, part.count)
        slice_end(m, part)
        return
    if m.deads == DEAD:
        sweep(m, m.dead[0].count - m.swept)
    m.dead[m.deads] = part[0]
    m.deads += 1
    memset(part, 0, sizeof(Slice))


cdef inline void oldest_changed(Memory* m) noexcept nogil:
    """Slices went; `part` is as it will be."""
    if m.kind == TORN:
        no_longer_numbered(m.store, &m.numbered, m.part[0].number)


cdef inline void new_head(Memory* m) noexcept nogil:
    cdef Slice* head = &m.part[m.old]
    head[0] = m.spare
    memset(&m.spare, 0, sizeof(Slice))
    m.numbers += 1
    head.number, head.lists = m.numbers, m.lists


cdef inline bint forget_oldest(Memory* m) noexcept nogil:
    """`Recent.drop_oldest`."""
    cdef int i
    if m.old:
        slice_forget(m, &m.part[0])
        for i in range(m.old):
            m.part[i] = m.part[i + 1]
        memset(&m.part[m.old], 0, sizeof(Slice))
        m.old -= 1
        m.forgot = True if m.old else m.begun
        m.since_ns = m.part[0].began if m.old else m.head_ns
        oldest_changed(m)
        return True
    if m.part[0].count == 0:
        return False
    slice_forget(m, &m.part[0])
    new_head(m)
    m.forgot, m.since_ns = m.begun, m.head_ns
    oldest_changed(m)
    return True


cdef inline void turn(Memory* m, int64_t now) noexcept nogil:
    """`Recent.turn`."""
    cdef Slice* head = &m.part[m.old]
    if head.count:
        head.began = m.head_ns if m.begun else now
        m.old += 1
        new_head(m)
    m.begun, m.head_ns = True, now
    while m.old > m.slices:
        forget_oldest(m)


cdef inline void pass_time(Memory* m, int64_t now) noexcept nogil:
    """`Recent.tick`."""
    if not m.begun:
        m.begun, m.head_ns = True, now
    elif now - m.head_ns >= m.slice_ns:
        turn(m, now)
        while m.old and now - m.part[0].began >= (m.slices + 1) * m.slice_ns:
            forget_oldest(m)


cdef inline void forget_all(Memory* m) noexcept nogil:
    """`Recent.clear`."""
    cdef int i
    for i in range(m.old + 1):
        slice_forget(m, &m.part[i])
    m.old = 0
    new_head(m)
    m.begun = m.forgot = False
    oldest_changed(m)
    sweep(m, <uint64_t>-1)


cdef inline void memory_free(Memory* m) noexcept nogil:
    cdef int i
    for i in range(PARTS):
        free(m.part[i].keys)
    for i in range(DEAD):
        free(m.dead[i].keys)
    free(m.spare.keys)
    free(m.numbered.waiting.items)
    table_free(&m.own)


cdef inline bint empty(const Memory* m) noexcept nogil:
    return m.old == 0 and m.part[0].count == 0


cdef inline uint32_t head_of(const Memory* m) noexcept nogil:
    return m.part[m.old].number


cdef inline void make_room(Memory* m, int64_t now) noexcept nogil:
    """A full slice is closed before its time.  Slots may move."""
    if m.part[m.old].count >= m.most:
        turn(m, now)


cdef inline int enlist(Memory* m, uint64_t key) noexcept nogil:
    """The newest slice has a further entry; -1: no memory."""
    cdef Slice* head = &m.part[m.old]
    cdef void* more
    if head.count == head.room:
        more = realloc(head.keys, (2 * head.room + FIRST) * sizeof(uint64_t))
        if more == NULL:
            return -1
        head.keys, head.room = <uint64_t*>more, 2 * head.room + FIRST
    head.keys[head.count] = key
    head.count += 1
    return 0


cdef inline void make_way(Memory* m, int64_t now) noexcept nogil:
    """As `make_room`, for what is swept little by little.  Slots may move."""
    if m.deads:
        sweep(m, PACE)
    make_room(m, now)

# --- entries of a table of its own ---------------------------------------------------------------

cdef inline Slot* recall(const Memory* m, uint64_t key) noexcept nogil:
    """The entry, NULL if there is none."""
    return <Slot*>table_get(m.table, key)


cdef inline Slot* remember(Memory* m, uint64_t key, int64_t now) noexcept nogil:
    """An entry of the newest slice, to be written; NULL: no memory."""
    cdef bint fresh
    cdef Slot* slot
    make_room(m, now)
    slot = <Slot*>table_put(m.table, key, &fresh)
    if slot == NULL:
        return NULL
    if fresh or slot.slice != head_of(m):
        slot.slice = head_of(m)
        if enlist(m, key):
            return NULL
    return slot

# --- connections and waiting denials -------------------------------------------------------------

cdef inline Tie* tie_new(Table* ties, uint64_t key) noexcept nogil:
    """What is known of a tuple, nothing yet perhaps; NULL: no memory."""
    cdef bint fresh
    cdef Tie* tie = <Tie*>table_put(ties, key, &fresh)
    if tie != NULL and fresh:
        tie.open = tie.brief = tie.long_ = tie.waits = NOBODY
    return tie


cdef inline Number* number_new(Table* numbers, uint64_t key) noexcept nogil:
    cdef bint fresh
    cdef Number* number = <Number*>table_put(numbers, key, &fresh)
    if number != NULL and fresh:
        number.open = number.torn = NOBODY
    return number


cdef inline Tie* tie_ended(Memory* m, uint64_t key, uint32_t place, int64_t now) noexcept nogil:
    """A connection of this tuple ended; NULL: no memory."""
    cdef Tie* tie
    cdef uint32_t* last
    cdef uint16_t* slice
    cdef uint16_t head
    make_way(m, now)
    tie = tie_new(m.table, key)
    if tie == NULL:
        return NULL
    last, slice = &tie.brief, &tie.brief_slice
    if m.kind == LONG:
        last, slice = &tie.long_, &tie.long_slice
    head = <uint16_t>head_of(m)
    hold(m.store, place)
    if last[0] == NOBODY or slice[0] != head:
        if enlist(m, key):
            return NULL
    if last[0] != NOBODY:
        release(m.store, last[0])
    last[0], slice[0] = place, head
    return tie


cdef inline int number_torn(Memory* m, uint64_t key, uint32_t place, int64_t now) noexcept nogil:
    """The connection of this number ended; -1: no memory."""
    cdef Number* number
    cdef uint32_t head
    make_way(m, now)
    number = number_new(m.table, key)
    if number == NULL:
        return -1
    head = head_of(m)
    if number.torn == NOBODY or number.torn_slice != head:
        if enlist(m, key):
            return -1
    number.torn, number.torn_slice = place, head
    conn_at(m.store, place).torn_slice = head
    return 0


cdef inline int also_waits(
    Memory* m, uint32_t* last, int64_t at, int64_t number, uint32_t place
) noexcept nogil:
    """Add to a ring."""
    cdef Store* s = m.store
    cdef uint32_t i = wait_new(s)
    cdef Denial* d
    if i == NOBODY:
        return -1
    s.waits[i].at, s.waits[i].number, s.waits[i].place = at, number, place
    if last[0] == NOBODY:
        s.waits[i].next, s.waits[i].nth = i, 0
    else:
        s.waits[i].next, s.waits[i].nth = s.waits[last[0]].next, s.waits[last[0]].nth + 1
        s.waits[last[0]].next = i
    last[0] = i
    d = who_waits(s, &s.waits[i])
    if d != NULL:
        d.watch_slice = head_of(m)
    return 0


cdef inline int wait_for(
    Memory* m, uint64_t key, int64_t at, int64_t number, uint32_t place, int64_t now
) noexcept nogil:
    """`Watch.wait`."""
    cdef Tie* tie = <Tie*>table_get(m.table, key)
    cdef uint32_t old = NOBODY, ring = NOBODY, i
    cdef Store* s = m.store
    if tie == NULL or tie.waits == NOBODY or tie.waits_slice != <uint16_t>head_of(m):
        if tie != NULL:
            old, tie.waits = tie.waits, NOBODY
        make_room(m, now)
        tie = tie_new(m.table, key)
        if tie == NULL or enlist(m, key):
            return -1
        tie.waits_slice = <uint16_t>head_of(m)
        if old != NOBODY:
            i = s.waits[old].next
            while True:
                if now - s.waits[i].at <= m.slice_ns and also_waits(
                    m, &ring, s.waits[i].at, s.waits[i].number, s.waits[i].place
                ):
                    return -1
                if i == old:
                    break
                i = s.waits[i].next
            waits_free(s, old)
        tie.waits = ring
    # An empty list is an entry, too: none is without the one that is added now.
    if tie.waits == NOBODY or s.waits[tie.waits].nth + 1 < MOST_WAITING:
        return also_waits(m, &tie.waits, at, number, place)
    return 0
