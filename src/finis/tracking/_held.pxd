# Connections and denials that are held: a row each, from the first line that tells of it until
# nothing to come can change it.  Mirrors what `output.Output` collects.
from libc.math cimport NAN
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc

from finis.tracking._memory cimport *
from finis.wire.dialects._row cimport *

cdef enum:  # `packed.SEEN`
    UNKNOWN, YES, NO

cdef enum:
    NO_SIDE = 2
    NO_CODE = 0xFFFFFFFF

# --- rows given away -----------------------------------------------------------------------------

cdef packed struct Start:  # packed.START
    Event event
    int64_t row
    uint32_t device
    uint8_t orig
    uint8_t guessed
    uint16_t spare

cdef packed struct End:  # packed.END
    int64_t row
    int64_t ts
    int64_t line
    int64_t bytes
    double duration_s
    uint32_t has
    uint32_t words
    uint32_t origin
    uint16_t how
    uint16_t by

cdef packed struct Refusal:  # packed.REFUSAL
    Event event
    int64_t row
    int64_t copy_row
    int64_t log_row
    int64_t permit_line
    double lag_s
    double failover_s
    double reach_s
    uint32_t device
    uint32_t why
    uint32_t permit_words
    uint32_t permit_origin
    uint8_t seen
    uint8_t side
    uint8_t pending
    uint8_t icmp
    uint32_t spare

cdef packed struct Connection:  # parts.CONNECTION
    Start start
    End end
    int64_t removed_ts
    double first_lag_s
    uint32_t denials_after
    uint32_t data_denied
    uint32_t acks_denied
    uint8_t ended
    uint8_t removed
    uint8_t implied
    uint8_t spare

cdef packed struct Refused:  # parts.DENIAL
    Refusal refusal
    double syn_after_s
    int64_t at

# --- rows held -----------------------------------------------------------------------------------

cdef enum:  # `Conn.flags`
    ENDED = 1
    REMOVED = 2
    UNBUILT = 4  # as its Teardown is remembered by number, nothing is known of its Built
    CERTAINTY = 8  # something was said of how sure its reason is
    IMPLIED = 16
    GUESSED = 32
    DONE = 64
    OPEN = 128

cdef struct Conn:  # by cache lines: what finds it, its end, what denials tell with its begin, tuples
    uint64_t tuple  # hash of a → b; further ones in `more`
    int64_t number
    int64_t at  # log time of the Built
    int64_t event  # number of its last line
    int64_t ended_at
    int64_t row
    uint32_t torn_slice  # the last one that may remember it by number
    uint32_t unused
    uint32_t holds  # how many places may still refer to it
    uint8_t count  # of tuples
    uint8_t orig
    uint8_t direction
    uint8_t flags

    int64_t end_ts
    int64_t end_line
    int64_t bytes
    double duration_s
    uint32_t end_words
    uint32_t end_origin
    uint16_t end_has
    uint16_t end_book
    uint16_t how
    uint8_t by
    uint8_t unused_
    int64_t torn_at  # as its Teardown is remembered by number
    int64_t removed_ts

    uint32_t first_denial  # of those that wait for it
    uint32_t last_denial
    uint32_t denials_after
    uint32_t data_denied
    uint32_t acks_denied
    uint16_t device
    uint16_t book
    double first_lag_s
    int64_t ts
    int64_t line
    uint32_t words
    uint32_t origin
    uint32_t has
    uint32_t spare

    uint64_t host[4]
    uint16_t port[4]
    uint64_t more[3]

cdef struct Denial:
    Refusal refusal
    double syn_after_s
    double late_lag_s  # the Teardown logged after it, if `late_row` is not -1
    int64_t late_row
    uint32_t conn  # the connection before it; held
    uint32_t late_conn
    uint32_t next  # of its connection, or of those without
    uint32_t older  # of all that wait for a connection
    uint32_t newer
    uint32_t copies  # of this one, linked by the same
    uint32_t watch_slice  # the last slices that may refer to it
    uint32_t lines_slice
    uint16_t book
    uint8_t late_side
    uint8_t form  # what its flags say: 1 data, 2 an ACK
    uint8_t fresh  # it may still change

cdef struct Wait:  # a denial that waits for what comes next of its tuple
    int64_t at
    int64_t number  # its row, or ~row where the tuple is read backwards
    uint32_t place
    uint32_t next  # a ring
    uint32_t nth  # of the ring, from 0

cdef struct Numbered:  # how far one firewall's connections are remembered by number
    uint32_t slice  # the oldest slice
    List waiting  # places of connections that only such a slice may refer to

cdef struct Store:
    Pool conns
    Pool denials
    Wait* waits
    uint32_t wait_room, wait_free
    List done  # places of complete connections
    List loose  # and of complete denials without one
    uint32_t oldest, newest  # denials that wait for their connection
    int64_t waiting, fresh, most  # how many; of each at most
    int64_t let_go  # denials that did not wait for their connection
    List limbo  # connections that nothing refers to while the reference is at work
    Numbered** numbered  # by device
    bint running  # no reference is at work
    bint failed  # no memory
    uint32_t* rows_of  # by book: how many rows have its codes
    uint16_t book


cdef inline void store_begin(Store* s) noexcept nogil:
    memset(s, 0, sizeof(Store))
    s.wait_free = s.oldest = s.newest = NOBODY


cdef inline void store_free(Store* s) noexcept nogil:
    pool_free(&s.conns)
    pool_free(&s.denials)
    free(s.waits)
    free(s.limbo.items)
    free(s.done.items)
    free(s.loose.items)
    free(s.rows_of)
    free(s.numbered)


cdef inline Conn* conn_at(const Store* s, uint32_t place) noexcept nogil:
    return <Conn*>row_at(&s.conns, place)


cdef inline Denial* denial_at(const Store* s, uint32_t place) noexcept nogil:
    return <Denial*>row_at(&s.denials, place)


cdef inline uint64_t tuple_of(const Conn* c, int i) noexcept nogil:
    return c.more[i - 1] if i else c.tuple


cdef inline void set_tuple(Conn* c, int i, uint64_t key) noexcept nogil:
    if i:
        c.more[i - 1] = key
    else:
        c.tuple = key

# --- connections ---------------------------------------------------------------------------------

cdef inline uint32_t conn_new(Store* s, int64_t row) noexcept nogil:
    """A connection that nothing refers to yet, its begin to be written; NOBODY: no memory."""
    cdef uint32_t place = pool_take(&s.conns)
    cdef Conn* c
    if place == NOBODY:
        return place
    c = conn_at(s, place)
    c.row, c.holds, c.count, c.flags, c.torn_slice = row, 0, 0, 0, 0
    c.first_denial = c.last_denial = NOBODY
    c.denials_after = c.data_denied = c.acks_denied = 0
    c.first_lag_s = NAN
    c.book = s.book
    s.rows_of[s.book] += 1
    return place


cdef inline void list_place(Store* s, List* list, uint32_t place) noexcept nogil:
    cdef uint32_t* item = <uint32_t*>list_add(list, sizeof(uint32_t))
    if item == NULL:
        s.failed = True
    else:
        item[0] = place


cdef inline void unlink(Store* s, Denial* d) noexcept nogil:
    """Out of those that wait."""
    if d.older == NOBODY:
        s.oldest = d.newer
    else:
        denial_at(s, d.older).newer = d.newer
    if d.newer == NOBODY:
        s.newest = d.older
    else:
        denial_at(s, d.newer).older = d.older
    s.waiting -= 1


cdef inline void complete(Store* s, uint32_t place) noexcept nogil:
    """Nothing holds this connection.  If it is not remembered by number either, nothing to come
    refers to it: it leaves with its denials."""
    cdef Conn* c = conn_at(s, place)
    cdef uint32_t i = c.first_denial
    if c.torn_slice >= s.numbered[c.device].slice:
        list_place(s, &s.numbered[c.device].waiting, place)
        return
    c.flags |= DONE
    list_place(s, &s.done, place)
    while i != NOBODY:
        unlink(s, denial_at(s, i))
        i = denial_at(s, i).next


cdef inline void from_limbo(Store* s) noexcept nogil:
    """The reference is done: what is referred to by nothing now is complete."""
    cdef int64_t i
    cdef uint32_t place
    cdef Conn* c
    for i in range(s.limbo.begin, s.limbo.end):
        place = (<uint32_t*>s.limbo.items)[i]
        c = conn_at(s, place)
        if c.holds == 0 and not c.flags & DONE:
            complete(s, place)
    s.limbo.begin = s.limbo.end = 0


cdef inline void no_longer_numbered(Store* s, Numbered* of, uint32_t slice) noexcept nogil:
    """Slices before this one are gone."""
    cdef List waited = of.waiting
    cdef int64_t i
    cdef Conn* c
    of.slice = slice
    memset(&of.waiting, 0, sizeof(List))
    for i in range(waited.begin, waited.end):
        c = conn_at(s, (<uint32_t*>waited.items)[i])
        if c.holds == 0 and not c.flags & DONE:
            complete(s, (<uint32_t*>waited.items)[i])  # or let it wait again
    free(waited.items)


cdef inline void hold(Store* s, uint32_t place) noexcept nogil:
    conn_at(s, place).holds += 1


cdef inline void release(Store* s, uint32_t place) noexcept nogil:
    cdef Conn* c = conn_at(s, place)
    c.holds -= 1
    if c.holds == 0:
        if s.running:
            complete(s, place)
        else:
            list_place(s, &s.limbo, place)

# --- denials -------------------------------------------------------------------------------------

cdef inline uint32_t denial_new(Store* s) noexcept nogil:
    """A denial, its refusal to be written; NOBODY: no memory."""
    cdef uint32_t place = pool_take(&s.denials)
    cdef Denial* d
    if place == NOBODY:
        return place
    d = denial_at(s, place)
    d.syn_after_s = NAN
    d.late_row = -1
    d.conn = d.late_conn = d.copies = NOBODY
    d.watch_slice = d.lines_slice = 0
    d.fresh = 1
    d.book = s.book
    s.rows_of[s.book] += 1
    s.fresh += 1
    return place


cdef inline void built_later(Denial* d, double after_s) noexcept nogil:
    """Its tuple is built anew."""
    if d.fresh and d.refusal.copy_row < 0 and not d.syn_after_s <= after_s:
        d.syn_after_s = after_s


cdef inline void torn_later(
    Store* s, Denial* d, int64_t row, uint32_t conn, uint8_t side, double lag_s
) noexcept nogil:
    """A Teardown logged after it is of the connection before it; the last one counts."""
    if not d.fresh or d.refusal.copy_row >= 0:
        return
    hold(s, conn)
    if d.late_conn != NOBODY:
        release(s, d.late_conn)
    d.late_row, d.late_conn, d.late_side, d.late_lag_s = row, conn, side, lag_s


cdef inline void let_loose(Store* s, uint32_t place) noexcept nogil:
    list_place(s, &s.loose, place)


cdef inline void wait_no_longer(Store* s) noexcept nogil:
    """The denial that has waited longest for its connection leaves without it."""
    cdef uint32_t place = s.oldest
    cdef Denial* d = denial_at(s, place)
    cdef Conn* c = conn_at(s, d.conn)
    unlink(s, d)
    c.first_denial = d.next
    if d.next == NOBODY:
        c.last_denial = NOBODY
    d.conn = NOBODY
    let_loose(s, place)
    s.let_go += 1


cdef inline void told_by(Store* s, uint32_t place) noexcept nogil:
    """Count a denial for its connection, for which it waits from now on."""
    cdef Denial* d = denial_at(s, place)
    cdef uint32_t at = d.conn
    cdef Conn* c = conn_at(s, at)
    if d.refusal.copy_row < 0 and d.refusal.lag_s == d.refusal.lag_s:
        c.denials_after += 1
        c.data_denied += d.form == 1
        c.acks_denied += d.form == 2
        if not c.first_lag_s <= d.refusal.lag_s:
            c.first_lag_s = d.refusal.lag_s
    d.next = NOBODY
    if c.last_denial == NOBODY:
        c.first_denial = place
    else:
        denial_at(s, c.last_denial).next = place
    c.last_denial = place
    d.older, d.newer = s.newest, NOBODY
    if s.newest == NOBODY:
        s.oldest = place
    else:
        denial_at(s, s.newest).newer = place
    s.newest = place
    s.waiting += 1
    release(s, at)
    while s.waiting > s.most:
        wait_no_longer(s)


cdef inline void settle(Store* s, uint32_t place) noexcept nogil:
    """A denial that no line to come can change: `Denials.frame`."""
    cdef Denial* d = denial_at(s, place)
    cdef Denial* other
    cdef Refusal* r = &d.refusal
    cdef uint32_t i = d.copies, gone = d.late_conn
    d.fresh = 0
    s.fresh -= 1
    while i != NOBODY:  # a copy says what its first says
        other = denial_at(s, i)
        i, other.copies = other.copies, NOBODY
        other.syn_after_s, other.late_lag_s = d.syn_after_s, d.late_lag_s
        other.late_row, other.late_conn, other.late_side = d.late_row, d.late_conn, d.late_side
        if other.late_conn != NOBODY:
            hold(s, other.late_conn)
    if d.late_row >= 0 and not r.lag_s <= d.late_lag_s:
        gone, d.conn = d.conn, d.late_conn
        r.log_row, r.lag_s, r.side = d.late_row, d.late_lag_s, d.late_side
        r.seen, r.why, r.pending, r.reach_s = YES, 0, 0, NAN
    if gone != NOBODY:
        release(s, gone)
    if d.conn == NOBODY:
        let_loose(s, place)
    else:
        told_by(s, place)

# --- what waits for a denial's tuple -------------------------------------------------------------

cdef inline uint32_t wait_new(Store* s) noexcept nogil:
    cdef uint32_t i, room
    cdef void* more
    if s.wait_free == NOBODY:
        room = 2 * s.wait_room + FIRST
        more = realloc(s.waits, room * sizeof(Wait))
        if more == NULL:
            return NOBODY
        s.waits = <Wait*>more
        for i in range(s.wait_room, room):
            s.waits[i].next = i + 1
        s.waits[room - 1].next = NOBODY
        s.wait_free, s.wait_room = s.wait_room, room
    i = s.wait_free
    s.wait_free = s.waits[i].next
    return i


cdef inline void waits_free(Store* s, uint32_t last) noexcept nogil:
    """Give a whole ring back."""
    cdef uint32_t first = s.waits[last].next
    s.waits[last].next = s.wait_free
    s.wait_free = first


cdef inline Denial* who_waits(const Store* s, const Wait* w) noexcept nogil:
    """The denial, NULL if it can no longer change."""
    cdef Denial* d = denial_at(s, w.place)
    cdef int64_t row = w.number if w.number >= 0 else ~w.number
    return d if d.fresh and d.refusal.row == row else NULL
