# Part of `_follow.pyx`: the tables as the reference sees them.  The reference knows a connection by
# its row; `FastOutput.places` leads from those it was told of to where they are held.

cdef class Recents:
    """`Recent`, packed."""

    cdef Memory m
    cdef Flow* f
    cdef Dev* d
    cdef Follower follower

    def __cinit__(
        self, State state, Follower follower, kind, keep_ns, most, slices=1
    ):
        cdef Ties* ties = NULL
        if slices + 2 > PARTS:
            raise ValueError("too many slices")
        self.f, self.d, self.follower = &follower.f, &state.d, follower
        if kind == TORN:
            ties = &state.d.numbers
        elif kind != OWN:
            ties = &state.d.ties
        memset(&self.m, 0, sizeof(Memory))
        memory_begin(&self.m, kind, ties, &follower.f.store)
        self.m.slices = slices
        self.m.slice_ns = max(1, keep_ns // slices)
        self.m.most = max(1, most // (slices + 1))

    def __dealloc__(self):
        memory_free(&self.m)

    def __len__(self):
        cdef int i
        return sum([self.m.part[i].count for i in range(self.m.old + 1)])

    def __bool__(self):
        return not empty(&self.m)

    @property
    def since_ns(self):
        return self.m.since_ns if self.m.forgot else None

    @property
    def slice_ns(self):
        return self.m.slice_ns

    def tick(self, now):
        pass_time(&self.m, now)

    def turn(self, now):
        turn(&self.m, now)

    def drop_oldest(self):
        return forget_oldest(&self.m)

    def clear(self):
        forget_all(&self.m)

    cdef Slot* _put(self, key, now) except NULL:
        cdef Slot* slot = remember(&self.m, <uint64_t>key, now)
        if slot == NULL:
            failed()
        return slot


cdef class Endings(Recents):
    """key → pack(log time, row, orig)"""

    def get(self, key):
        cdef uint32_t place = found_in(&self.m, <uint64_t>key)
        cdef Conn* c
        if place == NOBODY:
            return None
        c = self.follower.tell(place)
        return pack(c.ended_at, c.row, c.orig)

    def put(self, key, value, now):
        at, row, _ = unpack(value)
        cdef uint32_t place = self.follower.place(row), waits
        if set_ended_at(&self.f.store, conn_at(&self.f.store, place), at):
            failed()
        if tuple_ended(&self.m, key, place, False, &waits, now):
            failed()


cdef class TornNumbers(Recents):
    """number → (tuples, built, torn, row, event)"""

    def get(self, number):
        cdef uint32_t place = found_in(&self.m, key_of_number(to_number(number)))
        cdef Conn* c
        if place == NOBODY:
            return None
        c = self.follower.tell(place)
        built = None if c.flags & UNBUILT else c.at
        return tuples_in(&self.f.store, c), built, torn_at(&self.f.store, c), c.row, c.event

    def put(self, number, value, now):
        tuples, built, torn, row, event = value
        cdef uint32_t place = self.follower.place(row)
        cdef Store* s = &self.f.store
        cdef Conn* c = conn_at(s, place)
        if built is None:
            c.flags |= UNBUILT
        elif set_at(s, c, built):
            failed()
        if set_torn_at(s, c, torn):
            failed()
        c.event = event
        put_tuples(s, c, tuples)
        self.remember(key_of_number(to_number(number)), place, now)

    cdef int remember(self, uint64_t key, uint32_t place, int64_t now) except -1:
        cdef Tie* found[KIND + 1]
        cdef Tie* free = ties_of(self.m.ties, key, found)
        found[IN_USE] = NULL
        return failed() if number_torn(&self.m, found, free, key, place, now) else 0


cdef tuple tuples_in(const Store* s, const Conn* c):
    cdef int i
    return tuple([tuple_of(s, c, i) for i in range(c.count)])


cdef int put_tuples(Store* s, Conn* c, tuple keys) except -1:
    cdef uint64_t written[4]
    cdef int i
    for i, key in enumerate(keys):
        written[i] = key
    return failed() if set_tuples(s, c, written, len(keys)) else 0


cdef class Lines(Recents):
    """mark → (path, row, event), or [times, firsts]: then c is LIST and a its number."""

    cdef dict lists

    def __init__(self, *_):
        self.lists = {}

    def get(self, key):
        cdef Slot* slot = recall(&self.m, key)
        if slot == NULL:
            return None
        return self.lists[slot.a] if slot.c == LIST else (slot.c, slot.a, slot.b)

    def put(self, key, value, now):
        cdef uint32_t place
        cdef Slot* slot = self._put(key, now)
        if type(value) is tuple:
            slot.c, slot.a, slot.b = value
            return
        while self.lists and (oldest := next(iter(self.lists))) < self.m.part[0].lists:
            del self.lists[oldest]
        self.lists[self.m.lists] = value
        slot.c, slot.a = LIST, self.m.lists
        self.m.lists += 1
        for row, _ in value[1]:  # these may be told of again for longer
            place = fresh_find(self.d, row)
            if place != NOBODY:
                denial_at(&self.f.store, place).lines_slice = head_of(&self.m)

    def clear(self):
        self.lists = {}
        Recents.clear(self)


cdef int64_t LIST = LEAST


cdef class Watched(Recents):
    """`Watch`, packed."""

    def get(self, key):
        cdef uint32_t last = found_in(&self.m, <uint64_t>key), i
        if last == NOBODY:
            return None
        out = []
        i = self.f.store.waits[last].next
        while True:
            out.append((self.f.store.waits[i].at, self.f.store.waits[i].number))
            if i == last:
                return out
            i = self.f.store.waits[i].next

    def wait(self, key, at, number, now):
        cdef uint32_t place = fresh_find(self.d, number if number >= 0 else ~number)
        if place == NOBODY:
            raise KeyError(number)
        if wait_for(&self.m, key, at, number, place, now):
            failed()


cdef class Permits(Recents):
    """key → (log time, access list, file, line); b: codes of words and origin, c: line."""

    def get(self, key):
        cdef Slot* slot = recall(&self.m, key)
        return None if slot == NULL else self.value(slot)

    cdef object value(self, Slot* slot):
        words = self.follower.book.words[slot.b >> 32]
        file = self.follower.book.origins[slot.b & NO_CODE][1]
        return slot.a, words[<int>AT["acl"]], file, None if slot.c < 0 else slot.c

    def put(self, key, value, now):
        at, acl, file, line = value
        code = self.code(acl, file)
        cdef Slot* slot = self._put(key, now)
        slot.a, slot.b, slot.c = at, code, -1 if line is None else line

    cdef int64_t code(self, acl, file) except -1:
        words = [None] * len(_packed.WORDS)
        words[AT["acl"]] = acl
        cdef int64_t code = self.follower.note_words(tuple(words))
        return code << 32 | self.follower.note_origin((None, file))

    cdef list kept(self):
        """(place, value) of all, to be put into a new book by `keep`."""
        cdef uint64_t i
        cdef Table* table = &self.m.own
        if not table.count:
            return []
        return [
            (i, self.value(<Slot*>slot_at(table, i)))
            for i in range(table.mask + 1) if key_at(table, i)
        ]

    cdef int keep(self, list kept) except -1:
        cdef uint64_t i
        for i, (_, acl, file, _) in kept:
            (<Slot*>slot_at(&self.m.own, i)).b = self.code(acl, file)
        return 0


cdef class Translations(Recents):
    """key of (host, port) → the (host, port) it is translated to, as numbers"""

    def get(self, key):
        cdef Slot* slot = recall(&self.m, key)
        if slot == NULL:
            return None
        return <uint64_t>slot.a, None if slot.b == 0x10000 else slot.b

    def put(self, key, value, now):
        host, port = value
        cdef Slot* slot = self._put(key, now)
        slot.a, slot.b = <int64_t>ident(host), <int64_t>port_ident(port)


class Lingering(dict):
    """`Device.lingering`: what stands here is held."""

    def __init__(self, follower):
        self.follower = follower

    def __setitem__(self, key, value):
        if key in self:
            del self[key]
        hold_row(self.follower, value[0])
        super().__setitem__(key, value)

    def __delitem__(self, key):
        row = self[key][0]
        super().__delitem__(key)
        release_row(self.follower, row)

    def clear(self):
        for key in list(self):
            del self[key]


cdef hold_row(Follower follower, row):
    """Hold a connection on behalf of the reference, which knows it by its row."""
    cdef uint32_t place = follower.place(row)
    hold(&follower.f.store, place)
    follower.out.lasting[row] = place


cdef release_row(Follower follower, row):
    cdef uint32_t place = follower.out.lasting.pop(row)
    follower.out.places[row] = place
    release(&follower.f.store, place)


cdef class OpenNumbers:
    """`Device.open`"""

    cdef Dev* d
    cdef Store* s
    cdef Follower follower

    def __cinit__(self, State state, Follower follower):
        self.d, self.s, self.follower = &state.d, &follower.f.store, follower

    def __len__(self):
        return self.d.open

    def __iter__(self):
        cdef int64_t i
        cdef InOrder* one
        for i in range(self.d.order.begin, self.d.order.end):
            one = <InOrder*>self.d.order.items + i
            if is_open(self.s, one):
                yield of_number(conn_at(self.s, one.place).number)

    cdef object entry(self, uint32_t place):
        cdef Conn* c = self.follower.tell(place)
        return c.row, tuples_in(self.s, c), c.at, c.orig, DIRECTED[c.direction], c.event

    def get(self, number):
        cdef uint32_t place
        if number is None:
            return None
        place = find_open(self.d, to_number(number))
        return None if place == NOBODY else self.entry(place)

    def __contains__(self, number):
        return find_open(self.d, to_number(number)) != NOBODY

    def __getitem__(self, number):
        found = self.get(number)
        if found is None:
            raise KeyError(number)
        return found

    def __setitem__(self, number, entry):
        cdef int64_t n = to_number(number)
        cdef uint32_t place = self.follower.place(entry[0])
        cdef Conn* c = conn_at(self.s, place)
        if find_open(self.d, n) != NOBODY:
            self.pop(number)
        if tie_add(&self.d.numbers, key_of_number(n), place, IN_USE) == NULL:
            failed()
        _, tuples, at, c.orig, direction, c.event = entry
        if set_at(self.s, c, at):
            failed()
        c.number = n
        c.direction = DIRECTIONS.get(direction, OTHERWISE)
        put_tuples(self.s, c, tuples)
        if open_last(self.s, self.d, place):
            failed()

    def pop(self, number):
        cdef int64_t n = to_number(number)
        cdef uint32_t place = find_open(self.d, n)
        if place == NOBODY:
            raise KeyError(number)
        out = self.entry(place)
        drop_number(self.d, n)
        no_longer_open(self.d, conn_at(self.s, place))
        release(self.s, place)
        return out

    def clear(self):
        while first_open(self.s, self.d) != NOBODY:
            open_close(self.s, self.d, first_open(self.s, self.d))


cdef class OpenTuples:
    """`Device.open_tuples`"""

    cdef Dev* d
    cdef Store* s

    def __cinit__(self, State state, Follower follower):
        self.d, self.s = &state.d, &follower.f.store

    def __len__(self):
        cdef uint64_t i
        cdef Ties* ties = &self.d.ties
        if not ties.count:
            return 0
        return sum([
            ties.slots[i].key != 0 and ties.slots[i].mark & KIND == IN_USE
            for i in range(ties.mask + 1)
        ])

    def get(self, key):
        cdef Tie* tie = tie_find(&self.d.ties, key, IN_USE)
        if tie == NULL or tie.place == NOBODY:
            return None
        return of_number(conn_at(self.s, tie.place).number)

    def __setitem__(self, key, number):
        cdef Tie* tie = tie_find(&self.d.ties, key, IN_USE)
        cdef uint32_t place = find_open(self.d, to_number(number))
        if tie != NULL:
            tie.place = place
        elif tie_add(&self.d.ties, key, place, IN_USE) == NULL:
            failed()

    def __delitem__(self, key):
        cdef Tie* tie = tie_find(&self.d.ties, key, IN_USE)
        if tie == NULL:
            raise KeyError(key)
        tie_drop(&self.d.ties, tie)

    def clear(self):
        """Closing what is open has cleared them."""
