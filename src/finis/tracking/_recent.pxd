# What is remembered for a while (`recent.Recent`): entries of a table, forgotten a slice at a time.
# An entry stands in the table once, with the slice that wrote it last.
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free

from finis.tracking._held cimport *
from finis.tracking._leaving cimport *
from finis.tracking._memory cimport *
from finis.tracking._ties cimport *

cdef enum:
    PARTS = 8  # slices of a memory, the newest included
    PACE = 8  # entries of a table that are looked at for each new one
    NUMBERS_PACE = 4  # the same of numbers: what they lead to is not held by them
    RUN = 128  # of them at one time
    MOST_WAITING = 1000  # recent.WATCHED

cdef enum:  # what is remembered
    OWN  # entries of a table of its own
    BRIEF  # connections by tuple, ended by FINs or reset
    LONG  # connections by tuple, ended otherwise
    TORN  # connections by number
    WATCH  # denials that wait, by tuple: the last of a ring
    IN_USE  # no memory: open connections, by tuple or number
    ORPHANED  # no memory: Teardowns that wait for their Built, by number

cdef struct Slot:
    uint64_t key
    int64_t a
    int64_t b
    int64_t c
    uint64_t slice  # that wrote it last

cdef struct Slice:
    int64_t began
    int64_t lists  # number of the first list of this slice, see `_follow.Lines`
    uint64_t count  # of entries
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
    Numbered numbered
    Ties* ties  # where its entries are; NULL: in `own`
    Table own
    Store* store


cdef inline void memory_begin(Memory* m, int kind, Ties* ties, Store* store) noexcept nogil:
    m.kind, m.store, m.ties = kind, store, ties
    if ties != NULL:
        ties.of[kind] = m
        ties.oldest[kind] = 1 << KIND_BITS | kind
    m.own.size = sizeof(Slot)
    m.numbers = m.part[0].number = m.numbered.slice = 1


# --- forgetting ----------------------------------------------------------------------------------
# What is forgotten is not looked for.  It stands in its table until a hand that goes round comes to
# it, some slots further for each new entry: nothing needs a list of what a slice wrote, and memory
# is read in order.

cdef inline void drop_gone(Ties* ties, Tie* tie) noexcept nogil:
    cdef uint32_t place = tie.place, kind = tie.mark & KIND
    cdef Store* store = (<Memory*>ties.of[kind]).store
    tie_drop(ties, tie)
    if kind == BRIEF or kind == LONG:
        release(store, place)
    elif kind == WATCH and place != NOBODY:
        waits_free(store, place)


cdef inline void fetch_gone(const Ties* ties, const Tie* tie) noexcept nogil:
    """Have the processor load what an entry to be dropped leads to."""
    cdef uint32_t kind = tie.mark & KIND
    cdef Store* store = (<Memory*>ties.of[kind]).store
    if kind == BRIEF or kind == LONG:
        fetch_row(&store.conns, tie.place)
    elif kind == WATCH and tie.place != NOBODY:
        finis_fetch(&store.waits[tie.place])


cdef inline void fetch_further(const Ties* ties, const Tie* tie) noexcept nogil:
    """And what that leads to."""
    cdef uint32_t kind = tie.mark & KIND, place
    cdef Store* store = (<Memory*>ties.of[kind]).store
    if kind == BRIEF or kind == LONG:
        place = conn_at(store, tie.place).denials
        if place != NOBODY:
            fetch_row(&store.denials, place)
    elif kind == WATCH and tie.place != NOBODY:
        finis_fetch(&store.waits[store.waits[tie.place].next])


cdef inline void sweep(Ties* ties) noexcept nogil:
    """Take what is forgotten out of the next RUN slots, or of all if they are fewer."""
    cdef uint32_t most = <uint32_t>min(<uint64_t>RUN, ties.mask + 1)
    cdef Tie* run = &ties.slots[ties.hand]  # the hand makes whole runs: none goes over the end
    cdef uint32_t j, n = 0
    cdef uint8_t gone[RUN]
    for j in range(most):
        gone[n] = <uint8_t>j
        n += is_gone(ties, &run[j])
    for j in range(n):
        fetch_gone(ties, &run[gone[j]])
    ties.hand = (ties.hand + most) & ties.mask
    for j in range(most // BUCKET):  # for the next time
        finis_fetch(&ties.slots[ties.hand + BUCKET * j])
    for j in range(n):
        fetch_further(ties, &run[gone[j]])
    while n:  # the last first, as those behind what is dropped move; in a small table, all may
        n -= 1
        if is_gone(ties, &run[gone[n]]):
            drop_gone(ties, &run[gone[n]])


cdef inline void sweep_due(Ties* ties) noexcept nogil:
    """Sweep as far as new entries ask for.  Slots may move."""
    ties.due -= RUN
    if ties.count:
        sweep(ties)


cdef inline void sweep_all(Ties* ties) noexcept nogil:
    """Take out all that is forgotten."""
    cdef uint64_t i, before = ties.count + 1
    while ties.count < before:  # what moved behind the hand is met when it comes round again
        before = ties.count
        for i in range((ties.mask + RUN) // RUN if before else 0):
            sweep(ties)


cdef inline void sweep_own(Memory* m) noexcept nogil:
    """The same of a table of its own.  Slots may move."""
    cdef Table* table = &m.own
    cdef uint64_t i = table.hand
    cdef Slot* slot
    cdef int n = PACE
    if table.count == 0:
        return
    finis_fetch(slot_at(table, (i + 2 * PACE) & table.mask))
    while n:
        slot = <Slot*>slot_at(table, i)
        if slot.key and slot.slice < m.part[0].number:
            table_drop(table, slot)
        else:
            i = (i + 1) & table.mask
            n -= 1
    table.hand = i


cdef inline void oldest_changed(Memory* m) noexcept nogil:
    """Slices went; `part` is as it will be."""
    m.dropped = True
    if m.ties != NULL:
        m.ties.oldest[m.kind] = m.part[0].number << KIND_BITS | m.kind
    if m.kind == TORN:
        no_longer_numbered(m.store, &m.numbered, m.part[0].number)


cdef inline void new_head(Memory* m) noexcept nogil:
    cdef Slice* head = &m.part[m.old]
    m.numbers += 1
    head.began = 0
    head.count = 0
    head.number, head.lists = m.numbers, m.lists


cdef inline bint forget_oldest(Memory* m) noexcept nogil:
    """`Recent.drop_oldest`."""
    cdef int i
    if m.old:
        for i in range(m.old):
            m.part[i] = m.part[i + 1]
        m.old -= 1
        m.forgot = True if m.old else m.begun
        m.since_ns = m.part[0].began if m.old else m.head_ns
        oldest_changed(m)
        return True
    if m.part[0].count == 0:
        return False
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
    m.old = 0
    new_head(m)
    m.begun = m.forgot = False
    oldest_changed(m)


cdef inline void memory_free(Memory* m) noexcept nogil:
    free(m.numbered.waiting.items)
    table_free(&m.own)


cdef inline bint empty(const Memory* m) noexcept nogil:
    return m.old == 0 and m.part[0].count == 0


cdef inline uint32_t head_of(const Memory* m) noexcept nogil:
    return m.part[m.old].number


cdef inline void make_room(Memory* m, int64_t now) noexcept nogil:
    """There will be a new entry: a full slice is closed before its time, and some of what is
    forgotten is dropped, from tables of several memories with the next line (`sweep_due`).  Slots
    of an own table may move."""
    if m.ties != NULL:
        m.ties.due += m.ties.pace
    else:
        sweep_own(m)
    if m.part[m.old].count >= m.most:
        turn(m, now)

# --- entries of a table of its own ---------------------------------------------------------------

cdef inline Slot* recall(const Memory* m, uint64_t key) noexcept nogil:
    """The entry, NULL if there is none."""
    cdef Slot* slot = <Slot*>table_get(&m.own, key)
    return slot if slot != NULL and slot.slice >= m.part[0].number else NULL


cdef inline Slot* remember(Memory* m, uint64_t key, int64_t now) noexcept nogil:
    """An entry of the newest slice, to be written; NULL: no memory."""
    cdef bint fresh
    cdef Slot* slot
    make_room(m, now)
    slot = <Slot*>table_put(&m.own, key, &fresh)
    if slot == NULL:
        return NULL
    if fresh or slot.slice != head_of(m):
        slot.slice = head_of(m)
        m.part[m.old].count += 1
    return slot

# --- connections and waiting denials -------------------------------------------------------------

cdef inline uint32_t found_in(const Memory* m, uint64_t key) noexcept nogil:
    """The connection (or the last of the ring) that is remembered by this key; NOBODY."""
    return place_in(m.ties, tie_find(m.ties, key, m.kind))


cdef inline int tie_over(
    Memory* m, Tie** found, Tie* free, uint64_t key, uint32_t place, uint32_t* before
) noexcept nogil:
    """The newest slice remembers a connection by this key, whose entries are `found` (`ties_of`); if
    it has the key in use, it has so no more.  `before`: the one remembered so far, NOBODY for none.
    There is room.  -1: no memory."""
    cdef Tie* old = found[m.kind]
    cdef Tie* used = found[IN_USE]
    cdef uint32_t mark = head_of(m) << KIND_BITS | m.kind
    before[0] = NOBODY
    if used != NULL and used.place != place:
        used = NULL
    if old != NULL:
        before[0] = old.place
        m.part[m.old].count += old.mark != mark
        old.place, old.mark = place, mark
        if used != NULL:
            tie_drop(m.ties, used)
        return 0
    m.part[m.old].count += 1
    if used != NULL:
        used.mark = mark
    elif tie_put(m.ties, free, key, place, mark) == NULL:
        return -1
    return 0


cdef inline int tuple_ended(
    Memory* m, uint64_t key, uint32_t place, bint closes, uint32_t* waits, int64_t now
) noexcept nogil:
    """A connection of this tuple ended, which `closes` it, too; -1: no memory.  `waits`: the last
    of the ring of denials that wait for what comes of this tuple, NOBODY for none."""
    cdef Tie* found[KIND + 1]
    cdef Tie* free
    cdef uint32_t before
    make_room(m, now)
    hold(m.store, place)
    free = ties_of(m.ties, key, found)
    waits[0] = place_in(m.ties, found[WATCH])
    if not closes:
        found[IN_USE] = NULL
    if tie_over(m, found, free, key, place, &before):
        return -1
    if before != NOBODY:
        release(m.store, before)
    return 0


cdef inline int number_torn(
    Memory* m, Tie** found, Tie* free, uint64_t key, uint32_t place, int64_t now
) noexcept nogil:
    """The connection of this number ended; `found`: the entries of the number (`ties_of`), the one
    in use only if the connection has it no more.  -1: no memory."""
    cdef uint32_t before
    make_room(m, now)
    conn_at(m.store, place).torn_slice = head_of(m)
    return tie_over(m, found, free, key, place, &before)


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
    cdef Tie* tie = tie_find(m.ties, key, WATCH)
    cdef uint32_t old = NOBODY, ring = NOBODY, i
    cdef Store* s = m.store
    if tie == NULL or tie.mark >> KIND_BITS != head_of(m) & NO_CODE >> KIND_BITS:
        make_room(m, now)
        if tie == NULL:
            tie = tie_add(m.ties, key, NOBODY, 0)
            if tie == NULL:
                return -1
        elif not is_gone(m.ties, tie):
            old = tie.place
        elif tie.place != NOBODY:
            waits_free(s, tie.place)
        tie.mark = head_of(m) << KIND_BITS | WATCH
        m.part[m.old].count += 1
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
        tie.place = ring
    # An empty list is an entry, too: none is without the one that is added now.
    if tie.place == NOBODY or s.waits[tie.place].nth + 1 < MOST_WAITING:
        return also_waits(m, &tie.place, at, number, place)
    return 0
