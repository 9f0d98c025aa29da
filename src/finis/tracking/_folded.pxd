# What the rows of held connections say.  What is usual stands in 128 bytes (`Conn`): IPv4, whole
# seconds, log times that are the stamps; all else goes into rows of its own, exact to the bit.
from libc.math cimport NAN
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memset

from finis.tracking._held cimport *
from finis.tracking._memory cimport *
from finis.wire.dialects._row cimport *


cdef inline Ends* ends_of(const Store* s, const Conn* c) noexcept nogil:
    """Its endpoints where they are apart, else NULL."""
    return <Ends*>row_at(&s.ends, c.host[0]) if c.odd & ENDS else NULL


cdef inline Rest* rest_of(const Store* s, const Conn* c) noexcept nogil:
    return NULL if c.rest == NOBODY else <Rest*>row_at(&s.rests, c.rest)

# --- endpoints and tuples ------------------------------------------------------------------------

cdef inline bint folds(const uint64_t* host, const uint16_t* port, int side) noexcept nogil:
    """Is it an IPv4 that is translated to itself, or to nothing?"""
    return host[side] >> 32 == 1 and (
        (host[side + 2] == host[side] and port[side + 2] == port[side])
        or (host[side + 2] == 0 and port[side + 2] == 0)
    )


cdef inline int set_ends(
    Store* s, Conn* c, const uint64_t* host, const uint16_t* port
) noexcept nogil:
    """Write both endpoints of a new connection; -1: no memory."""
    cdef int i
    cdef Ends* ends
    if folds(host, port, A) and folds(host, port, B):
        c.odd = <uint8_t>(A_SAME * (host[A_MAPPED] != 0) + B_SAME * (host[B_MAPPED] != 0))
        for i in range(2):
            c.host[i], c.port[i] = <uint32_t>host[i], port[i]
        return 0
    c.host[0] = pool_take(&s.ends)
    if c.host[0] == NOBODY:
        return -1
    c.odd = ENDS
    ends = ends_of(s, c)
    for i in range(4):
        ends.host[i], ends.port[i] = host[i], port[i]
    return 0


cdef inline void get_ends(
    const Store* s, const Conn* c, uint64_t* host, uint16_t* port
) noexcept nogil:
    cdef const Ends* ends = ends_of(s, c)
    cdef int i
    if ends != NULL:
        for i in range(4):
            host[i], port[i] = ends.host[i], ends.port[i]
        return
    for i in range(2):
        host[i], port[i] = <uint64_t>1 << 32 | c.host[i], c.port[i]
        host[i + 2], port[i + 2] = 0, 0
        if c.odd & (A_SAME << i):
            host[i + 2], port[i + 2] = host[i], port[i]


cdef inline uint64_t tuple_of(const Store* s, const Conn* c, int i) noexcept nogil:
    return ends_of(s, c).more[i - 1] if i else c.tuple


cdef inline int set_tuples(Store* s, Conn* c, const uint64_t* keys, int count) noexcept nogil:
    """Write its tuples; -1: no memory."""
    cdef uint64_t host[4]
    cdef uint16_t port[4]
    cdef Ends* ends = ends_of(s, c)
    cdef uint32_t place
    cdef int i
    if count > 1 and ends == NULL:
        get_ends(s, c, host, port)
        place = pool_take(&s.ends)
        if place == NOBODY:
            return -1
        c.host[0], c.odd = place, ENDS
        ends = ends_of(s, c)
        for i in range(4):
            ends.host[i], ends.port[i] = host[i], port[i]
    c.count = <uint8_t>count
    if count:
        c.tuple = keys[0]
    for i in range(1, count):
        ends.more[i - 1] = keys[i]
    return 0

# --- stamps and the Teardown ---------------------------------------------------------------------

cdef inline Rest* unfold(Store* s, Conn* c) noexcept nogil:
    """Its rest, made if there is none; NULL: no memory."""
    cdef Rest* r
    cdef uint32_t place
    if c.rest != NOBODY:
        return rest_of(s, c)
    place = pool_take(&s.rests)
    if place == NOBODY:
        return NULL
    c.rest = place
    r = rest_of(s, c)
    memset(r, 0, sizeof(Rest))
    r.first_lag_s = NAN
    r.ts = c.at
    r.torn_at = c.ended_at
    r.end_origin, r.end_book = c.origin, c.book
    if c.flags & ENDED:
        r.end_ts = c.ended_at
        r.end_line = <int64_t>(<uint64_t>c.line + c.lines)
        r.duration_s = c.duration
    return r


cdef inline int set_at(Store* s, Conn* c, int64_t at) noexcept nogil:
    """Log time of its Built, which was its stamp so far; -1: no memory."""
    if c.at != at and unfold(s, c) == NULL:
        return -1
    c.at = at
    return 0


cdef inline int set_ended_at(Store* s, Conn* c, int64_t at) noexcept nogil:
    if c.ended_at != at and unfold(s, c) == NULL:
        return -1
    c.ended_at = at
    return 0


cdef inline int64_t torn_at(const Store* s, const Conn* c) noexcept nogil:
    return c.ended_at if c.rest == NOBODY else rest_of(s, c).torn_at


cdef inline int set_torn_at(Store* s, Conn* c, int64_t at) noexcept nogil:
    if torn_at(s, c) != at:
        if unfold(s, c) == NULL:
            return -1
        rest_of(s, c).torn_at = at
    return 0


cdef inline bint same_bits(double one, double other) noexcept nogil:
    return memcmp(&one, &other, sizeof(double)) == 0


cdef inline uint16_t end_book(const Store* s, const Conn* c) noexcept nogil:
    return c.book if c.rest == NOBODY else rest_of(s, c).end_book


cdef inline int set_start(
    Store* s, Conn* c, const Event* e, const uint64_t* host, uint32_t words, uint32_t origin
) noexcept nogil:
    """What a Built says, hosts and codes being those of the own book; -1: no memory."""
    c.number = e.conn_id
    c.at, c.line = e.ts, e.line
    c.words, c.origin = words, origin
    c.has = <uint16_t>(
        e.has & ~<uint32_t>(HAS_BYTES | HAS_HIT_COUNT | HAS_DUPLICATE_OF | HAS_DURATION)
    )
    return set_ends(s, c, host, e.port)


cdef inline int set_end(
    Store* s, Conn* c, const Event* e, uint32_t words, uint32_t origin
) noexcept nogil:
    """What a Teardown says; -1: no memory."""
    cdef uint64_t lines = <uint64_t>e.line - <uint64_t>c.line
    cdef double seconds = e.duration_s
    cdef Rest* r
    cdef bint whole
    if c.flags & ENDED:
        s.rows_of[end_book(s, c)] -= 1
    c.end_has = <uint16_t>(e.has & (HAS_TS | HAS_LINE | HAS_BYTES))
    if e.has & HAS_DURATION and 0 <= seconds < 1e9:
        c.end_has |= HAS_DURATION
    c.bytes, c.end_words = e.bytes, words
    s.rows_of[s.book] += 1
    whole = False
    if 0 <= seconds < 4e9:
        c.duration = <uint32_t>seconds
        whole = same_bits(seconds, c.duration)
    if c.rest == NOBODY and whole and lines >> 32 == 0 and origin == c.origin and s.book == c.book:
        c.lines = <uint32_t>lines
        c.ended_at = e.ts
        c.flags |= ENDED
        return 0
    r = unfold(s, c)
    if r == NULL:
        return -1
    c.flags |= ENDED
    r.end_ts, r.end_line, r.duration_s = e.ts, e.line, seconds
    r.end_origin, r.end_book = origin, s.book
    return 0


cdef inline void conn_give(Store* s, uint32_t place) noexcept nogil:
    """Its rows may be used again."""
    cdef Conn* c = conn_at(s, place)
    if c.odd & ENDS:
        pool_give(&s.ends, c.host[0])
    if c.rest != NOBODY:
        pool_give(&s.rests, c.rest)
    pool_give(&s.conns, place)
