# The state of following a batch: of each firewall, of words and origins.  Mirrors devices.py.
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from finis.tracking._folded cimport *
from finis.tracking._held cimport *
from finis.tracking._leaving cimport *
from finis.tracking._memory cimport *
from finis.tracking._recent cimport *
from finis.tracking._ties cimport *

cdef enum:
    RING = 64  # lines whose keys are worked out beforehand
    FAR = 24  # lines ahead of which memory is loaded: what keys lead to,
    NEAR = 8  # and what that leads to

cdef struct Maybe:
    bint known
    int64_t value

cdef struct Fresh:
    int64_t row
    uint32_t place

cdef struct InOrder:  # a connection, which is another if its row ends in other bits
    uint32_t row
    uint32_t place

cdef struct Dev:
    Maybe now, first, last, failover, built_since, torn_since, id_top
    int64_t next_tick, since, ids, ids_missing
    bint other_ids, shared
    bint numbered
    bint stateful  # states are logged: its connections are left to the reference
    int64_t idle
    int64_t events, built, teardowns, denials, late, lost
    uint32_t name
    Ties ties  # by tuple
    Ties numbers  # by the firewall's number
    int64_t open  # connections
    List order  # in which they were built, those that are open no more among them: InOrder
    Memory* brief
    Memory* long_
    Memory* torn
    Memory* lines
    Memory* watch
    Memory* permits
    Memory* xlates
    List fresh  # denials that may still change, in order: Fresh
    int64_t orphans  # Teardowns that wait for their Built
    int64_t odd_orphans  # of them, those that are left to the reference
    List orphan_order  # in which they came, some that wait no more among them: InOrder
    int64_t held
    void* state  # the `_follow.State` this is of

cdef struct Time:  # a `LogClock`
    Maybe now, suspect
    int64_t shift

cdef struct Word:  # what the words of an event mean
    uint64_t said  # of a denial, as in `mark_of`
    uint64_t permitted  # of an ACL hit
    uint8_t kind
    uint8_t tcp
    uint8_t direction
    uint8_t initiator  # 1: a, 2: b
    uint8_t sure  # nothing is said of how sure its reason is
    uint8_t form  # of a denial, `Denial.form`
    uint16_t how[2][4]  # by orig and direction
    uint8_t by[2][4]
    uint8_t brief[2][4]

cdef struct Way:  # where an event came from
    Dev* dev  # NULL: not looked at yet
    Time* time
    int64_t path
    uint32_t bare  # the origin of its device without a file

cdef struct Ahead:  # keys of a line to come
    uint64_t real
    uint64_t back
    uint64_t mark

cdef struct Flow:
    Store store
    Word* words
    Way* ways
    uint64_t* idents  # of hosts that are no IPv4
    Py_ssize_t word_room, way_room, ident_room, ident_count
    int64_t wait, ahead, open_most
    # While a batch is followed:
    const uint32_t* to_words
    const uint32_t* to_ways
    const uint64_t* to_hosts
    Py_ssize_t word_count, way_count
    Way* way
    Ahead keys[RING]
    Py_ssize_t prepared  # lines whose keys are known
    bint timed, at_known, last_known
    int64_t at, last_ts, number, lives_count, denials_count, forgotten
    # The last answer of `why_unknown` that hangs on nothing but time.
    Dev* why_dev
    int64_t why_unit, why_age
    uint32_t why
    bint why_built, why_torn
    void* follower  # the `_follow.Follower` this is of


cdef inline uint64_t key_of_number(int64_t number) noexcept nogil:
    cdef uint64_t key = <uint64_t>number ^ (<uint64_t>1 << 63)
    return key if key else 1  # 0 means that a slot is free


cdef inline uint32_t find_open(const Dev* d, int64_t number) noexcept nogil:
    cdef Tie* found = tie_find(&d.numbers, key_of_number(number), IN_USE)
    return NOBODY if found == NULL else found.place


cdef inline bint is_open(const Store* s, const InOrder* one) noexcept nogil:
    cdef Conn* c = conn_at(s, one.place)
    return c.flags & OPEN and <uint32_t>c.row == one.row


cdef inline void tidy_order(Store* s, Dev* d) noexcept nogil:
    """Only what is open."""
    cdef InOrder* all = <InOrder*>d.order.items
    cdef int64_t i, to = 0
    for i in range(d.order.begin, d.order.end):
        if i + SOON < d.order.end:
            finis_fetch(conn_at(s, all[i + SOON].place))
        if is_open(s, &all[i]):
            all[to] = all[i]
            to += 1
    d.order.begin, d.order.end = 0, to


cdef inline int open_last(Store* s, Dev* d, uint32_t place) noexcept nogil:
    """Append to the open connections; -1: no memory."""
    cdef Conn* c = conn_at(s, place)
    cdef InOrder* last
    if d.order.end == d.order.room and d.order.end - d.order.begin > 2 * d.open + 4096:
        tidy_order(s, d)
    last = <InOrder*>list_add(&d.order, sizeof(InOrder))
    if last == NULL:
        return -1
    last.row, last.place = <uint32_t>c.row, place
    d.open += 1
    c.holds += 1
    c.flags |= OPEN
    return 0


cdef inline void no_longer_open(Dev* d, Conn* c) noexcept nogil:
    """Not open, but still in the tables; its hold is left to be released."""
    c.flags &= ~OPEN
    d.open -= 1


cdef inline uint32_t first_open(const Store* s, Dev* d) noexcept nogil:
    """The connection that was built first; NOBODY if there is none."""
    cdef InOrder* one
    while d.order.begin < d.order.end:
        one = <InOrder*>d.order.items + d.order.begin
        if is_open(s, one):
            return one.place
        d.order.begin += 1
    return NOBODY


cdef inline void drop_number(Dev* d, int64_t number) noexcept nogil:
    cdef Tie* found = tie_find(&d.numbers, key_of_number(number), IN_USE)
    if found != NULL:
        tie_drop(&d.numbers, found)


cdef inline void no_tuple(Dev* d, uint64_t key, uint32_t place) noexcept nogil:
    """The connection does not have this tuple in use any more."""
    cdef Tie* tie = tie_find(&d.ties, key, IN_USE)
    if tie != NULL and tie.place == place:
        tie_drop(&d.ties, tie)


cdef inline void open_close(Store* s, Dev* d, uint32_t place) noexcept nogil:
    """`Device.close`."""
    cdef Conn* c = conn_at(s, place)
    cdef int i
    for i in range(c.count):
        no_tuple(d, tuple_of(s, c, i), place)
    drop_number(d, c.number)
    no_longer_open(d, c)
    release(s, place)


cdef struct Known:  # what is known of a tuple, NOBODY for none
    uint32_t open
    uint32_t brief
    uint32_t long_


cdef inline Known known_of(const Dev* d, uint64_t key) noexcept nogil:
    cdef Known known
    cdef uint64_t i
    cdef uint32_t kind
    cdef const Tie* tie
    known.open = known.brief = known.long_ = NOBODY
    if d.ties.count == 0:
        return known
    i = bucket_of(&d.ties, key)
    while d.ties.slots[i].key:
        tie = &d.ties.slots[i]
        i = (i + 1) & d.ties.mask
        if tie.key != key:
            continue
        kind = tie.mark & KIND
        if kind == IN_USE:
            known.open = tie.place
        elif kind == BRIEF:
            known.brief = NOBODY if is_gone(&d.ties, tie) else tie.place
        elif kind == LONG:
            known.long_ = NOBODY if is_gone(&d.ties, tie) else tie.place
    return known

# --- denials that may still change ---------------------------------------------------------------

cdef inline int fresh_add(Dev* d, int64_t row, uint32_t place) noexcept nogil:
    cdef Fresh* last = <Fresh*>list_add(&d.fresh, sizeof(Fresh))
    if last == NULL:
        return -1
    last.row, last.place = row, place
    return 0


cdef inline uint32_t fresh_find(const Dev* d, int64_t row) noexcept nogil:
    """The denial of this row; NOBODY if it can no longer change."""
    cdef Fresh* all = <Fresh*>d.fresh.items
    cdef int64_t low = d.fresh.begin, high = d.fresh.end, middle
    while low < high:
        middle = (low + high) // 2
        if all[middle].row < row:
            low = middle + 1
        else:
            high = middle
    if low < d.fresh.end and all[low].row == row:
        return all[low].place
    return NOBODY


cdef inline void settle_first(Store* s, Dev* d) noexcept nogil:
    d.fresh.begin += 1
    settle(s, (<Fresh*>d.fresh.items)[d.fresh.begin - 1].place)


cdef inline void bound_waiting(Store* s) noexcept nogil:
    """Let go of the denials that are too many to wait.  Which these are must not hang on how far
    the hands have swept: all is swept before they are counted, so they are counted now and then."""
    cdef uint32_t i
    s.bound_at = s.told + max(1, s.most // 16)
    if s.waiting <= s.most:
        return
    for i in range(s.devices):
        sweep_all(s.numbered[i].ties)
    while s.waiting > s.most and let_one_go(s):
        pass


cdef inline void fetch_settled(const Store* s, const Dev* d) noexcept nogil:
    """Have the processor load denials soon to be settled, and the connections before them."""
    cdef const Fresh* all = <Fresh*>d.fresh.items + d.fresh.begin
    cdef int64_t count = d.fresh.end - d.fresh.begin
    cdef uint32_t conn
    if count > SOON:
        fetch_row(&s.denials, all[SOON].place)
        conn = denial_at(s, all[SOON // 2].place).conn
        if conn != NOBODY:
            finis_fetch(conn_at(s, conn))


cdef inline void settle_due(Store* s, Dev* d) noexcept nogil:
    """Settle the denials that no slice refers to any more, and those that are too many."""
    cdef Denial* first
    cdef uint32_t watched, listed
    if d.watch.dropped or d.lines.dropped:
        d.watch.dropped = d.lines.dropped = False
        watched, listed = d.watch.part[0].number, d.lines.part[0].number
        while d.fresh.begin < d.fresh.end:
            fetch_settled(s, d)
            first = denial_at(s, (<Fresh*>d.fresh.items)[d.fresh.begin].place)
            if first.watch_slice >= watched or first.lines_slice >= listed:
                break
            settle_first(s, d)
    while s.fresh > s.most and d.fresh.begin < d.fresh.end:
        settle_first(s, d)
    if s.told >= s.bound_at:
        bound_waiting(s)
