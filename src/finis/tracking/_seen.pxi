# Part of `_follow.pyx`: the tables as the reference sees them.

# --- what the reference sees of the tables -------------------------------------------------------

cdef class Recents:
    """`Recent`, packed."""

    cdef Memory m

    def __cinit__(self, keep_ns, most, slices=1, item=0, follower=None):
        if slices + 2 > PARTS:
            raise ValueError("too many slices")
        memset(&self.m, 0, sizeof(Memory))
        self.m.slices, self.m.item = slices, item
        self.m.slice_ns = max(1, keep_ns // slices)
        self.m.most = max(1, most // (slices + 1))

    def __dealloc__(self):
        cdef int i
        for i in range(PARTS):
            slice_free(&self.m.part[i])
        slice_free(&self.m.spare)

    def __len__(self):
        cdef int i
        return sum([self.m.part[i].table.count for i in range(self.m.old + 1)])

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

    cdef Slot* _find(self, key, int* where) except? NULL:
        return recall(&self.m, <uint64_t>key, where)

    cdef Slot* _put(self, key, now) except NULL:
        cdef Slot* slot = remember(&self.m, <uint64_t>key, now)
        if slot == NULL:
            failed()
        return slot


cdef class Endings(Recents):
    """key → pack(log time, row, orig)"""

    def get(self, key):
        cdef int where
        cdef Slot* slot = self._find(key, &where)
        return None if slot == NULL else pack(slot.a, slot.b >> 1, slot.b & 1)

    def put(self, key, value, now):
        at, row, orig = unpack(value)
        cdef Slot* slot = self._put(key, now)
        slot.a, slot.b = at, row << 1 | orig


cdef struct Torn:
    uint64_t tuples[4]
    int64_t count
    int64_t built
    int64_t at
    int64_t row
    int64_t event


cdef class TornNumbers(Recents):
    """number → (tuples, built, torn, row, event)"""

    def get(self, number):
        cdef int where, i
        cdef Slot* slot = self._find(key_of_number(to_number(number)), &where)
        if slot == NULL:
            return None
        cdef Torn* torn = &(<Torn*>self.m.part[where].pool)[slot.a]
        tuples = tuple([torn.tuples[i] for i in range(torn.count)])
        built = None if torn.built == LEAST else torn.built
        return tuples, built, torn.at, torn.row, torn.event

    def put(self, number, value, now):
        cdef Slot* slot = self._put(key_of_number(to_number(number)), now)
        cdef Torn* torn = keep_torn(&self.m, slot)
        if torn == NULL:
            failed()
        tuples, built, torn.at, torn.row, torn.event = value
        torn.built = LEAST if built is None else built
        torn.count = len(tuples)
        for i, key in enumerate(tuples):
            torn.tuples[i] = key


cdef inline Torn* keep_torn(Memory* memory, Slot* slot) noexcept nogil:
    slot.a = pooled(memory)
    return NULL if slot.a < 0 else &(<Torn*>memory.part[memory.old].pool)[slot.a]


cdef class Lines(Recents):
    """mark → (path, row, event), or [times, firsts]: then c is LIST and a its number."""

    cdef dict lists

    def __init__(self, keep_ns, most):
        self.lists = {}

    def get(self, key):
        cdef int where
        cdef Slot* slot = self._find(key, &where)
        if slot == NULL:
            return None
        return self.lists[slot.a] if slot.c == LIST else (slot.c, slot.a, slot.b)

    def put(self, key, value, now):
        cdef Slot* slot = self._put(key, now)
        if type(value) is tuple:
            slot.c, slot.a, slot.b = value
            return
        while self.lists and (oldest := next(iter(self.lists))) < self.m.part[0].lists:
            del self.lists[oldest]
        self.lists[self.m.lists] = value
        slot.c, slot.a = LIST, self.m.lists
        self.m.lists += 1

    def clear(self):
        self.lists = {}
        Recents.clear(self)


cdef int64_t LIST = LEAST


cdef struct Waiting:
    int64_t at
    int64_t number
    int64_t next  # -1: the last


cdef class Watched(Recents):
    """`Watch`, packed.  a: first, b: last, c: how many."""

    def get(self, key):
        cdef int where
        cdef Slot* slot = self._find(key, &where)
        if slot == NULL:
            return None
        cdef Waiting* pool = <Waiting*>self.m.part[where].pool
        cdef int64_t i = slot.a
        out = []
        while i >= 0:
            out.append((pool[i].at, pool[i].number))
            i = pool[i].next
        return out

    def wait(self, key, at, number, now):
        if wait_for(&self.m, key, at, number, now):
            failed()


cdef inline int also_waits(Memory* memory, Slot* slot, int64_t at, int64_t number) noexcept nogil:
    cdef int64_t i = pooled(memory)
    cdef Waiting* pool = <Waiting*>memory.part[memory.old].pool
    if i < 0:
        return -1
    pool[i].at, pool[i].number, pool[i].next = at, number, -1
    if slot.c:
        pool[slot.b].next = i
    else:
        slot.a = i
    slot.b = i
    slot.c += 1
    return 0


cdef int wait_for(
    Memory* memory, uint64_t key, int64_t at, int64_t number, int64_t now
) noexcept nogil:
    """`Watch.wait`."""
    cdef Slot* slot = table_get(&memory.part[memory.old].table, key)
    cdef Slot* older
    cdef Waiting kept[MOST_WAITING]
    cdef Waiting* pool
    cdef int where, count = 0, k
    cdef int64_t i
    if slot == NULL:
        older = recall(memory, key, &where)
        if older != NULL:
            pool = <Waiting*>memory.part[where].pool
            i = older.a
            while i >= 0 and count < MOST_WAITING:
                if now - pool[i].at <= memory.slice_ns:
                    kept[count] = pool[i]
                    count += 1
                i = pool[i].next
        slot = remember(memory, key, now)
        if slot == NULL:
            return -1
        slot.a, slot.b, slot.c = -1, -1, 0
        for k in range(count):
            if also_waits(memory, slot, kept[k].at, kept[k].number):
                return -1
    if slot.c < MOST_WAITING:
        return also_waits(memory, slot, at, number)
    return 0


cdef class Permits(Recents):
    """key → (log time, access list, file, line); b: codes of words and origin, c: line."""

    cdef Follower follower

    def __init__(self, keep_ns, most, slices, item, follower):
        self.follower = follower

    def get(self, key):
        cdef int where
        cdef Slot* slot = self._find(key, &where)
        if slot == NULL:
            return None
        words = self.follower.book.words[slot.b >> 32]
        file = self.follower.book.origins[slot.b & NO_CODE][1]
        return slot.a, words[<int>AT["acl"]], file, None if slot.c < 0 else slot.c

    def put(self, key, value, now):
        at, acl, file, line = value
        words = [None] * len(_packed.WORDS)
        words[AT["acl"]] = acl
        cdef int64_t code = self.follower.note_words(tuple(words))
        cdef int64_t origin = self.follower.note_origin((None, file))
        cdef Slot* slot = self._put(key, now)
        slot.a, slot.b, slot.c = at, code << 32 | origin, -1 if line is None else line

    cdef list kept(self):
        """[(key, value, log time)], to be put into a new book."""
        cdef int i
        cdef uint64_t j
        out = []
        for i in range(self.m.old + 1):
            if self.m.part[i].table.count:
                for j in range(self.m.part[i].table.mask + 1):
                    if self.m.part[i].table.slots[j].key:
                        out.append((i, j, self.get(self.m.part[i].table.slots[j].key)))
        return out


cdef class Translations(Recents):
    """key of (host, port) → the (host, port) it is translated to, as numbers"""

    def get(self, key):
        cdef int where
        cdef Slot* slot = self._find(key, &where)
        if slot == NULL:
            return None
        return <uint64_t>slot.a, None if slot.b == 0x10000 else slot.b

    def put(self, key, value, now):
        host, port = value
        cdef Slot* slot = self._put(key, now)
        slot.a, slot.b = <int64_t>ident(host), <int64_t>port_ident(port)


cdef class OpenNumbers:
    """`Device.open`"""

    cdef Opens o

    def __cinit__(self):
        memset(&self.o, 0, sizeof(Opens))
        opens_free(&self.o)

    def __dealloc__(self):
        opens_free(&self.o)

    def __len__(self):
        return self.o.index.count

    def __iter__(self):
        cdef int32_t i = self.o.first
        while i != NOBODY:
            yield of_number(self.o.places[i].number)
            i = self.o.places[i].after

    cdef object entry(self, Open* found):
        cdef int i
        tuples = tuple([found.tuples[i] for i in range(found.count)])
        direction = DIRECTED[found.direction]
        return found.row, tuples, found.at, found.orig, direction, found.event

    def get(self, number):
        cdef Open* found
        if number is None:
            return None
        found = find_open(&self.o, to_number(number))
        return None if found == NULL else self.entry(found)

    def __getitem__(self, number):
        found = self.get(number)
        if found is None:
            raise KeyError(number)
        return found

    def __setitem__(self, number, entry):
        cdef int64_t n = to_number(number)
        cdef Open* found = find_open(&self.o, n)
        if found == NULL:
            found = open_new(&self.o, n)
        if found == NULL:
            failed()
        found.row, tuples, found.at, found.orig, direction, found.event = entry
        found.direction = DIRECTIONS.get(direction, OTHERWISE)
        found.count = len(tuples)
        for i, key in enumerate(tuples):
            found.tuples[i] = key

    def pop(self, number):
        cdef Open* found = find_open(&self.o, to_number(number))
        if found == NULL:
            raise KeyError(number)
        out = self.entry(found)
        open_drop(&self.o, found)
        return out

    def clear(self):
        opens_free(&self.o)


cdef class OpenTuples:
    """`Device.open_tuples`"""

    cdef OpenNumbers numbers

    def __cinit__(self, OpenNumbers numbers):
        self.numbers = numbers

    def __len__(self):
        return self.numbers.o.tuples.count

    def get(self, key):
        cdef Slot* slot = table_get(&self.numbers.o.tuples, key)
        return None if slot == NULL else of_number(slot.a)

    def __setitem__(self, key, number):
        if open_tuple(&self.numbers.o, key, to_number(number)):
            failed()

    def __delitem__(self, key):
        cdef Slot* slot = table_get(&self.numbers.o.tuples, key)
        if slot == NULL:
            raise KeyError(key)
        table_drop(&self.numbers.o.tuples, slot)

    def clear(self):
        table_free(&self.numbers.o.tuples)
