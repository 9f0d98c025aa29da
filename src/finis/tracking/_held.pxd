# Connections and denials that are held: a row each, from the first line that tells of it until
# nothing to come can change it.  Mirrors what `output.Output` collects.
from libc.math cimport NAN
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc

from finis.tracking._memory cimport *
from finis.tracking._ties cimport *
from finis.wire.dialects._row cimport *

cdef enum:  # `packed.SEEN`
    UNKNOWN, YES, NO

cdef enum:
    NO_SIDE = 2
    DENIAL_BYTES = 256  # of a row: whole cache lines
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

cdef enum:  # `Conn.odd`
    A_SAME = 1  # an endpoint is translated to itself, else to nothing; void with ENDS
    B_SAME = 2
    ENDS = 4  # its endpoints are in `Ends`, at `host[0]`

cdef struct Conn:  # two cache lines: what finds it and denials ask for; what its two lines say
    uint64_t tuple  # hash of a → b; further ones in `Ends.more`
    int64_t at  # log time of the Built; its stamp, too, without `Rest`
    int64_t ended_at  # the same of the Teardown
    int64_t event  # number of its last line
    int64_t row
    uint32_t torn_slice  # the last one that may remember it by number
    uint32_t holds  # how many places may still refer to it
    uint32_t denials  # the last of those that wait for it, a ring
    uint16_t device
    uint16_t how
    uint16_t book
    uint8_t by
    uint8_t odd
    uint8_t count  # of tuples
    uint8_t orig
    uint8_t direction
    uint8_t flags

    int64_t number
    int64_t line
    int64_t bytes
    uint32_t lines  # from the Built to the Teardown
    uint32_t duration  # whole seconds
    uint32_t host[2]
    uint16_t port[2]
    uint32_t words
    uint32_t origin
    uint32_t end_words
    uint16_t has
    uint16_t end_has
    uint32_t rest  # NOBODY: all is as is usual

cdef struct Ends:  # endpoints that are translated, or no IPv4
    uint64_t host[4]
    uint16_t port[4]
    uint64_t more[3]  # hashes of its further tuples

cdef struct Rest:  # what cannot be said in a `Conn`, and all that is of its kind
    int64_t ts
    int64_t end_ts
    int64_t end_line
    int64_t torn_at  # as its Teardown is remembered by number
    int64_t removed_ts
    double duration_s
    uint32_t end_origin
    uint16_t end_book
    uint16_t unused
    # Denials that did not wait for it.
    double first_lag_s
    uint32_t denials_after
    uint32_t data_denied
    uint32_t acks_denied

cdef struct Orphan:  # a Teardown that waits for its Built
    Event event
    uint64_t real  # hash of its tuple
    int64_t at
    int64_t key  # the firewall's number, or less than any
    int64_t number  # of its line
    int64_t row
    uint32_t bare  # the origin of its device without a file
    bint plain  # no reference is needed to settle it
    bint waits

cdef struct Denial:
    Refusal refusal
    double syn_after_s
    double late_lag_s  # the Teardown logged after it, if `late_row` is not -1
    int64_t late_row
    uint32_t conn  # the connection before it; held
    uint32_t late_conn
    uint32_t next  # of its connection, a ring
    uint32_t copies  # of this one, linked by the same
    uint32_t watch_slice  # the last slices that may refer to it
    uint32_t lines_slice
    uint16_t book
    uint8_t late_side
    uint8_t form  # what its flags say: 1 data, 2 an ACK
    uint8_t fresh  # it may still change
    uint8_t waits  # for its connection to be complete

cdef struct Wait:  # a denial that waits for what comes next of its tuple
    int64_t at
    int64_t number  # its row, or ~row where the tuple is read backwards
    uint32_t place
    uint32_t next  # a ring
    uint32_t nth  # of the ring, from 0

cdef struct Numbered:  # how far one firewall's connections are remembered by number
    Ties* ties  # of the same firewall, by tuple
    uint32_t slice  # the oldest slice
    List waiting  # places of connections that only such a slice may refer to

cdef struct Done:
    uint32_t place
    uint32_t denials  # how many leave with it

cdef struct Waiting:  # a denial, which is another if its row ends in other bits
    uint32_t row
    uint32_t place

cdef struct Store:
    Pool conns
    Pool ends
    Pool rests
    Pool denials
    Pool orphans
    Wait* waits
    uint32_t wait_room, wait_free
    List left  # complete connections, as they will be given (`_leaving.pxd`)
    List left_denials  # and theirs
    List done  # complete connections after those: Done
    List loose  # complete denials without one
    List patient  # denials in the order in which they began to wait for their connection: Waiting
    int64_t waiting  # of them, those that still do
    int64_t fresh  # denials that may still change
    int64_t most  # of each
    int64_t told, bound_at  # denials that ever began to wait; at how many it is looked into
    int64_t let_go  # denials that did not wait for their connection
    List limbo  # connections that nothing refers to while the reference is at work
    Numbered** numbered  # by device
    uint32_t devices
    bint running  # no reference is at work
    bint failed  # no memory
    bint only_copies  # `LogOptions.only_copies`
    uint32_t* rows_of  # by book: how many rows have its codes
    uint16_t book


cdef inline void store_begin(Store* s) noexcept nogil:
    memset(s, 0, sizeof(Store))
    s.wait_free = NOBODY
    s.conns.bytes, s.ends.bytes, s.rests.bytes = sizeof(Conn), sizeof(Ends), sizeof(Rest)
    s.denials.bytes, s.orphans.bytes = DENIAL_BYTES, sizeof(Orphan)


cdef inline void store_free(Store* s) noexcept nogil:
    pool_free(&s.conns)
    pool_free(&s.ends)
    pool_free(&s.rests)
    pool_free(&s.denials)
    pool_free(&s.orphans)
    free(s.patient.items)
    free(s.waits)
    free(s.limbo.items)
    free(s.left.items)
    free(s.left_denials.items)
    free(s.done.items)
    free(s.loose.items)
    free(s.rows_of)
    free(s.numbered)


cdef inline Conn* conn_at(const Store* s, uint32_t place) noexcept nogil:
    return <Conn*>s.conns.chunks[place >> CHUNK_BITS] + (place & (CHUNK_ROWS - 1))


cdef inline Denial* denial_at(const Store* s, uint32_t place) noexcept nogil:
    return <Denial*>(
        s.denials.chunks[place >> CHUNK_BITS] + (place & (CHUNK_ROWS - 1)) * DENIAL_BYTES
    )


# --- connections ---------------------------------------------------------------------------------

cdef inline uint32_t conn_new(Store* s, int64_t row) noexcept nogil:
    """A connection that nothing refers to yet, its begin to be written; NOBODY: no memory."""
    cdef uint32_t place = pool_take(&s.conns)
    cdef Conn* c
    if place == NOBODY:
        return place
    c = conn_at(s, place)
    c.row, c.holds, c.torn_slice, c.ended_at = row, 0, 0, 0
    c.count = c.flags = c.odd = 0
    c.denials = c.rest = NOBODY
    c.book = s.book
    s.rows_of[s.book] += 1
    return place


cdef inline void list_place(Store* s, List* list, uint32_t place) noexcept nogil:
    cdef uint32_t* item = <uint32_t*>list_add(list, sizeof(uint32_t))
    if item == NULL:
        s.failed = True
    else:
        item[0] = place


cdef inline void hold(Store* s, uint32_t place) noexcept nogil:
    conn_at(s, place).holds += 1


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
    d.fresh, d.waits = 1, 0
    d.book = s.book
    s.rows_of[s.book] += 1
    s.fresh += 1
    return place


cdef inline void built_later(Denial* d, double after_s) noexcept nogil:
    """Its tuple is built anew."""
    if d.fresh and d.refusal.copy_row < 0 and not d.syn_after_s <= after_s:
        d.syn_after_s = after_s


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
