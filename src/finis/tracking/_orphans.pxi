# Part of `_follow.pyx`: Teardowns that wait for their Built, which may be logged a moment later.  They
# stand in the table of numbers, and in a list in the order they came.

cdef enum:
    ORPHANS_MOST = 10_000


cdef inline Orphan* orphan_at(const Store* s, uint32_t place) noexcept nogil:
    return <Orphan*>row_at(&s.orphans, place)


cdef inline Orphan* orphan_of(const Store* s, const Dev* d, int64_t number) noexcept nogil:
    cdef Tie* tie = tie_find(&d.numbers, key_of_number(number), ORPHANED)
    return NULL if tie == NULL else orphan_at(s, tie.place)


cdef inline bint orphan_waits(const Store* s, const InOrder* one) noexcept nogil:
    cdef Orphan* o = orphan_at(s, one.place)
    return o.waits and <uint32_t>o.row == one.row


cdef inline Orphan* first_orphan(const Store* s, Dev* d) noexcept nogil:
    """There is one."""
    while not orphan_waits(s, <InOrder*>d.orphan_order.items + d.orphan_order.begin):
        d.orphan_order.begin += 1
    return orphan_at(s, (<InOrder*>d.orphan_order.items + d.orphan_order.begin).place)


cdef Orphan* orphan_new(Flow* f, Dev* d, int64_t key, int64_t row) noexcept nogil:
    """The last in order, to be written; none has its key.  NULL: no memory."""
    cdef Store* s = &f.store
    cdef uint32_t place = pool_take(&s.orphans)
    cdef InOrder* all = <InOrder*>d.orphan_order.items
    cdef InOrder* last
    cdef Orphan* o
    cdef int64_t i, to = 0
    if d.orphan_order.end == d.orphan_order.room and list_count(&d.orphan_order) > 2 * d.orphans:
        for i in range(d.orphan_order.begin, d.orphan_order.end):
            if orphan_waits(s, &all[i]):
                all[to] = all[i]
                to += 1
        d.orphan_order.begin, d.orphan_order.end = 0, to
    last = <InOrder*>list_add(&d.orphan_order, sizeof(InOrder))
    if (
        place == NOBODY or last == NULL
        or tie_add(&d.numbers, key_of_number(key), place, ORPHANED) == NULL
    ):
        return NULL
    last.row, last.place = <uint32_t>row, place
    d.orphans += 1
    o = orphan_at(s, place)
    o.key, o.row, o.waits = key, row, True
    return o


cdef void orphan_drop(Flow* f, Dev* d, Orphan* o) noexcept nogil:
    """It waits no more; what it says can be read until another begins to wait."""
    cdef Tie* tie = tie_find(&d.numbers, key_of_number(o.key), ORPHANED)
    cdef uint32_t place = tie.place
    tie_drop(&d.numbers, tie)
    o.waits = False
    d.orphans -= 1
    d.odd_orphans -= not o.plain
    pool_give(&f.store.orphans, place)


cdef inline bint orphan_is_due(Flow* f, Dev* d, int64_t at) noexcept nogil:
    return d.orphans and at - first_orphan(&f.store, d).at > f.wait


cdef inline int settle_orphans(Flow* f, Dev* d, int64_t at) noexcept nogil:
    """`Lives.settle`: 1, or 0 if the reference must do it, -1: no memory."""
    if not orphan_is_due(f, d, at):
        return 1
    if d.odd_orphans or d.stateful:
        return 0
    while orphan_is_due(f, d, at):
        if settle_orphan(f, d, first_orphan(&f.store, d)):
            return -1
    return 1


cdef int orphaned(
    Flow* f, const Event* e, const Word* word, uint64_t real, int64_t event, Tie** found
) noexcept nogil:
    """`Lives._orphan`, of a Teardown whose number is not in use; `found`: entries of the number."""
    cdef Dev* d = f.way.dev
    cdef Tie* open = tie_find(&d.ties, real, IN_USE)
    cdef Orphan* o
    cdef int taken, i
    if (
        found[ORPHANED] != NULL or place_in(&d.numbers, found[TORN]) != NOBODY
        or (open != NULL and open.place != NOBODY) or e.conn_id <= NAMELESS
        or (d.odd_orphans and d.orphans >= ORPHANS_MOST)
    ):
        return 0
    taken = settle_orphans(f, d, f.at)
    if taken <= 0:
        return taken
    d.events += 1
    d.teardowns += 1
    if not d.torn_since.known:
        d.torn_since.known, d.torn_since.value = True, f.at
    o = orphan_new(f, d, e.conn_id, f.lives_count)
    if o == NULL:
        return -1
    f.lives_count += 1
    o.event = e[0]
    o.event.words, o.event.origin, o.bare = f.to_words[e.words], f.to_ways[e.origin], f.way.bare
    for i in range(4):
        o.event.host[i] = host_of(f, e.host[i])
    o.real, o.at, o.number, o.plain = real, f.at, event, True
    if d.orphans > ORPHANS_MOST and settle_orphan(f, d, first_orphan(&f.store, d)):
        return -1
    return 1


cdef int settle_orphan(Flow* f, Dev* d, Orphan* o) noexcept nogil:
    """`Lives._settle_one`, of a plain one; -1: no memory"""
    cdef Store* s = &f.store
    cdef const Event* e = &o.event
    cdef const Word* word = &f.words[e.words]
    cdef Event start = e[0]
    cdef bint stated = e.has & HAS_DURATION and 0 <= e.duration_s < 1e9
    cdef int64_t span = <int64_t>(e.duration_s * 1e9) if stated else 0, since = o.at
    cdef uint32_t place = conn_new(s, o.row)
    cdef int orig = 0
    cdef Conn* c
    if place == NOBODY:
        return -1
    if d.built_since.known and d.built_since.value:
        since = d.built_since.value
    d.late += 1
    if o.at - span > max(d.since, since) + 60 * NS:
        d.lost += 1
    if word.initiator:
        orig = word.initiator - 1
    elif e.has & HAS_A_P and e.has & HAS_B_P and e.port[A] < e.port[B]:
        orig = 1
    start.has &= ~<uint32_t>(HAS_TS | HAS_LINE)
    if stated and e.has & HAS_TS:
        start.ts -= span
        start.has |= HAS_TS
    c = conn_at(s, place)
    hold(s, place)
    if (
        set_start(s, c, &start, start.host, e.words, o.bare)
        or set_end(s, c, e, e.words, e.origin)
        or set_ended_at(s, c, o.at) or set_at(s, c, o.at - span) or set_torn_at(s, c, o.at)
        or set_tuples(s, c, &o.real, 1)
    ):
        return -1
    c.device, c.orig, c.direction, c.event = <uint16_t>d.name, <uint8_t>orig, UNSAID, o.number
    c.flags |= GUESSED
    c.how, c.by = word.how[orig][UNSAID], word.by[orig][UNSAID]
    orphan_drop(f, d, o)
    if orphan_ended(f, d, o, place, d.brief if word.brief[orig][UNSAID] else d.long_):
        return -1
    release(s, place)
    return 0


cdef inline int orphan_ended(
    Flow* f, Dev* d, const Orphan* o, uint32_t place, Memory* memory
) noexcept nogil:
    """Remember its connection, and tell the denials that wait for it."""
    cdef Tie* found[KIND + 1]
    cdef uint64_t key = key_of_number(o.key)
    cdef Tie* free = ties_of(&d.numbers, key, found)
    cdef uint32_t waits
    found[IN_USE] = NULL
    if number_torn(d.torn, found, free, key, place, o.at):
        return -1
    if f.store.only_copies:
        return 0
    if tuple_ended(memory, o.real, place, False, &waits, d.now.value if d.now.known else o.at):
        return -1
    if waits != NOBODY:
        on_teardown(f, waits, place, o.at)
    return 0


cdef class Orphans:
    """`Device.orphans`: number → (row, tuple, log time, event, line)"""

    cdef Dev* d
    cdef Follower follower

    def __cinit__(self, State state, Follower follower):
        self.d, self.follower = &state.d, follower

    def __len__(self):
        return self.d.orphans

    cdef Orphan* find(self, number) except? NULL:
        return orphan_of(&self.follower.f.store, self.d, to_number(number))

    def __contains__(self, number):
        return self.find(number) != NULL

    def __iter__(self):
        cdef int64_t i
        cdef InOrder* one
        for i in range(self.d.orphan_order.begin, self.d.orphan_order.end):
            one = <InOrder*>self.d.orphan_order.items + i
            if orphan_waits(&self.follower.f.store, one):
                yield of_number(orphan_at(&self.follower.f.store, one.place).key)

    cdef tuple value(self, const Orphan* o):
        line = self.follower.unpack(&o.event, self.follower.book)
        return o.row, o.real, o.at, o.number, line

    def get(self, number):
        cdef Orphan* o = self.find(number)
        return None if o == NULL else self.value(o)

    def __getitem__(self, number):
        found = self.get(number)
        if found is None:
            raise KeyError(number)
        return found

    def __setitem__(self, number, value):
        cdef Orphan* o
        if number in self:
            self.pop(number)
        row, real, at, event, line = value
        o = orphan_new(&self.follower.f, self.d, to_number(number), row)
        if o == NULL:
            failed()
        o.real, o.at, o.number = real, at, event
        self.write(o, line)
        o.plain = o.key > NAMELESS and self.follower.f.words[o.event.words].sure
        self.d.odd_orphans += not o.plain

    cdef int write(self, Orphan* o, tuple line) except -1:
        """What its line says, in codes of the book."""
        self.follower.pack(line, &o.event)
        o.bare = self.follower.note_origin((line[eventrow.DEVICE], None))
        return 0

    def pop(self, number):
        cdef Orphan* o = self.find(number)
        if o == NULL:
            raise KeyError(number)
        out = self.value(o)
        orphan_drop(&self.follower.f, self.d, o)
        return out

    def clear(self):
        while self.d.orphans:
            orphan_drop(&self.follower.f, self.d, first_orphan(&self.follower.f.store, self.d))

    cdef list kept(self):
        """Their lines, in order, to be put into a new book by `keep`."""
        return [self[number][4] for number in self]

    cdef int keep(self, list lines) except -1:
        for number, line in zip(self, lines):
            self.write(self.find(number), line)
        return 0
