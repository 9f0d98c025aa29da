# Connections and denials that nothing to come can change: they leave in the order in which they were
# complete.  They are written as they will be given at that moment, while they are in the cache, and
# their rows serve what is built next.  Only what is too much at one time waits where it is.
from libc.math cimport NAN
from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memset

from finis.tracking._folded cimport *
from finis.tracking._held cimport *
from finis.tracking._memory cimport *
from finis.wire.dialects._row cimport *

cdef enum:
    AT_ONCE = 1 << 17  # connections that are written before they are given, or denials of them
    MORE_AT_ONCE = 1 << 10  # the same of those that were too many, when they are asked for

cdef struct Left:
    Connection row
    uint32_t denials  # those next in `Store.left_denials` are its
    uint16_t begun  # books of its Built and Teardown
    uint16_t ended

cdef struct LeftDenial:
    Refused row
    uint16_t book

# --- what they say ---------------------------------------------------------------------------------

cdef struct Told:  # by the denials after its end
    double first_lag_s  # NAN: none
    uint32_t after
    uint32_t data
    uint32_t acks


cdef inline void tell_denial(Told* told, const Denial* d) noexcept nogil:
    cdef double lag_s = d.refusal.lag_s
    if d.refusal.copy_row < 0 and lag_s == lag_s:
        told.after += 1
        told.data += d.form == 1
        told.acks += d.form == 2
        if not told.first_lag_s <= lag_s:
            told.first_lag_s = lag_s


cdef inline Told told_so_far(const Store* s, const Conn* c) noexcept nogil:
    """By denials that did not wait for it."""
    cdef Told told
    cdef const Rest* r = rest_of(s, c)
    told.first_lag_s, told.after, told.data, told.acks = NAN, 0, 0, 0
    if r != NULL:
        told.first_lag_s, told.after = r.first_lag_s, r.denials_after
        told.data, told.acks = r.data_denied, r.acks_denied
    return told


cdef inline void write_connection(const Store* s, const Conn* c, Connection* to) noexcept nogil:
    """All but what denials tell."""
    cdef Event* e = &to.start.event
    cdef const Rest* r = rest_of(s, c)
    memset(to, 0, sizeof(Connection))
    e.ts = c.at if r == NULL else r.ts
    e.line, e.conn_id, e.has = c.line, c.number, c.has
    get_ends(s, c, e.host, e.port)
    e.words, e.origin = c.words, c.origin
    to.start.row, to.start.device, to.start.orig = c.row, c.device, c.orig
    to.start.guessed = c.flags & GUESSED != 0
    to.end.row = c.row
    if c.flags & ENDED:
        to.ended = 1
        to.end.bytes, to.end.has, to.end.words = c.bytes, c.end_has, c.end_words
        to.end.how, to.end.by = c.how, c.by
        if r == NULL:
            to.end.ts, to.end.line = c.ended_at, <int64_t>(<uint64_t>c.line + c.lines)
            to.end.duration_s, to.end.origin = c.duration, c.origin
        else:
            to.end.ts, to.end.line = r.end_ts, r.end_line
            to.end.duration_s, to.end.origin = r.duration_s, r.end_origin
    if c.flags & REMOVED:
        to.removed, to.removed_ts = 1, r.removed_ts
    to.implied = c.flags & IMPLIED != 0


cdef inline uint16_t give_denial(Store* s, uint32_t place, int64_t at, Refused* to) noexcept nogil:
    """Write a denial, of which nothing is kept; its book."""
    cdef Denial* d = denial_at(s, place)
    to.refusal, to.syn_after_s, to.at = d.refusal, d.syn_after_s, at
    pool_give(&s.denials, place)
    return d.book


cdef inline void leave(Store* s, uint32_t place, uint32_t denials) noexcept nogil:
    """Write a complete connection and its denials as they will be given; their rows may be used
    again."""
    cdef Conn* c = conn_at(s, place)
    cdef Left* to = <Left*>list_add(&s.left, sizeof(Left))
    cdef LeftDenial* refused
    cdef Told told = told_so_far(s, c)
    cdef uint32_t last = c.denials, i, after
    if to == NULL:
        s.failed = True
        return
    write_connection(s, c, &to.row)
    to.denials, to.begun, to.ended = denials, c.book, end_book(s, c) if c.flags & ENDED else c.book
    if last != NOBODY:
        i = denial_at(s, last).next
        while True:
            after = denial_at(s, i).next
            tell_denial(&told, denial_at(s, i))
            refused = <LeftDenial*>list_add(&s.left_denials, sizeof(LeftDenial))
            if refused == NULL:
                s.failed = True
                return
            refused.book = give_denial(s, i, -1, &refused.row)
            if i == last:
                break
            i = after
    to.row.first_lag_s, to.row.denials_after = told.first_lag_s, told.after
    to.row.data_denied, to.row.acks_denied = told.data, told.acks
    conn_give(s, place)


cdef inline void forget(Store* s, uint32_t place) noexcept nogil:
    """Nobody asks for a complete connection and its denials."""
    cdef Conn* c = conn_at(s, place)
    cdef uint32_t last = c.denials, i, after
    if last != NOBODY:
        i = denial_at(s, last).next
        while True:
            after = denial_at(s, i).next
            s.rows_of[denial_at(s, i).book] -= 1
            pool_give(&s.denials, i)
            if i == last:
                break
            i = after
    s.rows_of[c.book] -= 1
    if c.flags & ENDED:
        s.rows_of[end_book(s, c)] -= 1
    conn_give(s, place)

# --- connections -----------------------------------------------------------------------------------

cdef inline void complete(Store* s, uint32_t place) noexcept nogil:
    """Nothing holds this connection.  If it is not remembered by number either, nothing to come
    refers to it: it leaves with its denials."""
    cdef Conn* c = conn_at(s, place)
    cdef uint32_t i = c.denials, denials = 0
    cdef Done* done
    if c.torn_slice >= s.numbered[c.device].slice:
        list_place(s, &s.numbered[c.device].waiting, place)
        return
    c.flags |= DONE
    while i != NOBODY and denial_at(s, i).waits:
        denial_at(s, i).waits = 0
        denials += 1
        i = denial_at(s, i).next
    s.waiting -= denials
    if s.only_copies:
        forget(s, place)
        return
    if (
        s.done.begin == s.done.end and list_count(&s.left) < AT_ONCE
        and list_count(&s.left_denials) + denials <= AT_ONCE
    ):
        leave(s, place, denials)
        return
    done = <Done*>list_add(&s.done, sizeof(Done))
    if done == NULL:
        s.failed = True
    else:
        done.place, done.denials = place, denials


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
    cdef const uint32_t* places = <uint32_t*>waited.items
    cdef int64_t i
    cdef Conn* c
    of.slice = slice
    memset(&of.waiting, 0, sizeof(List))
    for i in range(waited.begin, waited.end):
        if i + SOON < waited.end:
            fetch_row(&s.conns, places[i + SOON])
        c = conn_at(s, places[i])
        if c.holds == 0 and not c.flags & DONE:
            complete(s, places[i])  # or let it wait again
    free(waited.items)


cdef inline void release(Store* s, uint32_t place) noexcept nogil:
    cdef Conn* c = conn_at(s, place)
    c.holds -= 1
    if c.holds == 0:
        if s.running:
            complete(s, place)
        else:
            list_place(s, &s.limbo, place)

# --- denials ---------------------------------------------------------------------------------------

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


cdef inline void wait_for_conn(Store* s, uint32_t place) noexcept nogil:
    """A settled denial waits for its connection to be complete."""
    cdef Denial* d = denial_at(s, place)
    cdef Conn* c = conn_at(s, d.conn)
    cdef Waiting* last
    if c.denials == NOBODY:
        d.next = place
    else:
        d.next = denial_at(s, c.denials).next
        denial_at(s, c.denials).next = place
    c.denials = place
    d.waits = 1
    s.waiting += 1
    s.told += 1
    if s.patient.end == s.patient.room and s.patient.end - s.patient.begin > 2 * s.waiting + 4096:
        tidy_patient(s)
    last = <Waiting*>list_add(&s.patient, sizeof(Waiting))
    if last == NULL:
        s.failed = True
    else:
        last.row, last.place = <uint32_t>d.refusal.row, place
    release(s, d.conn)


cdef inline bint is_waiting(const Store* s, const Waiting* one) noexcept nogil:
    cdef Denial* d = denial_at(s, one.place)
    return d.waits and <uint32_t>d.refusal.row == one.row


cdef inline void tidy_patient(Store* s) noexcept nogil:
    """Only those that still wait."""
    cdef Waiting* all = <Waiting*>s.patient.items
    cdef int64_t i, to = 0
    for i in range(s.patient.begin, s.patient.end):
        if i + SOON < s.patient.end:
            fetch_row(&s.denials, all[i + SOON].place)
        if is_waiting(s, &all[i]):
            all[to] = all[i]
            to += 1
    s.patient.begin, s.patient.end = 0, to


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
        wait_for_conn(s, place)


cdef inline bint let_one_go(Store* s) noexcept nogil:
    """The denial that has waited longest for its connection leaves without it; False: none waits,
    or there is no memory."""
    cdef Waiting* one
    cdef Denial* d
    cdef Conn* c
    cdef Rest* r
    cdef Told told
    while True:
        if s.patient.begin == s.patient.end:
            return False
        one = <Waiting*>s.patient.items + s.patient.begin
        s.patient.begin += 1
        if is_waiting(s, one):
            break
    d = denial_at(s, one.place)
    c = conn_at(s, d.conn)
    r = unfold(s, c)
    if r == NULL:
        s.failed = True
        return False
    told = told_so_far(s, c)
    tell_denial(&told, d)
    r.first_lag_s, r.denials_after = told.first_lag_s, told.after
    r.data_denied, r.acks_denied = told.data, told.acks
    if c.denials == one.place:  # it is the first of the ring, and the last
        c.denials = NOBODY
    else:
        denial_at(s, c.denials).next = d.next
    d.waits, d.conn = 0, NOBODY
    let_loose(s, one.place)
    s.waiting -= 1
    s.let_go += 1
    return True

# --- given away ------------------------------------------------------------------------------------

cdef inline int64_t ready_conns(const Store* s) noexcept nogil:
    return list_count(&s.left) + list_count(&s.done)


cdef inline int64_t denials_of(const Store* s, int64_t conns) noexcept nogil:
    """How many denials leave with the first of the complete connections."""
    cdef const Left* left = <Left*>s.left.items + s.left.begin
    cdef const Done* done = <Done*>s.done.items + s.done.begin
    cdef int64_t i, written = list_count(&s.left), count = 0
    for i in range(min(conns, written)):
        count += left[i].denials
    for i in range(conns - written):
        count += done[i].denials
    return count


cdef inline void fetch_denials(const Store* s, uint32_t place) noexcept nogil:
    """Have the processor load the denials of a connection, of which there is one, mostly."""
    cdef uint32_t last = conn_at(s, place).denials
    if last != NOBODY:
        fetch_row(&s.denials, last)


cdef inline void leave_more(Store* s, int64_t most) noexcept nogil:
    """Write of the complete connections that were too many."""
    cdef const Done* done = <Done*>s.done.items + s.done.begin
    cdef int64_t i, count = min(list_count(&s.done), min(most, MORE_AT_ONCE))
    for i in range(count):
        if i + SOON < count:
            fetch_row(&s.conns, done[i + SOON].place)
        if i + SOON // 2 < count:
            fetch_denials(s, done[i + SOON // 2].place)
        leave(s, done[i].place, done[i].denials)
    s.done.begin += count


cdef inline void give(
    Store* s, int64_t conns, int64_t loose, Connection* to, Refused* refused, uint16_t** books
) noexcept nogil:
    """Give the first complete rows away, and forget them."""
    cdef Left* left
    cdef LeftDenial* denial
    cdef uint32_t* places
    cdef int64_t i, k, n = 0
    for i in range(conns):
        if list_count(&s.left) == 0:
            leave_more(s, conns - i)
            if s.failed:
                return
        left = <Left*>s.left.items + s.left.begin
        s.left.begin += 1
        to[i], books[0][i], books[1][i] = left.row, left.begun, left.ended
        s.rows_of[left.begun] -= 1
        s.rows_of[left.ended] -= left.row.ended
        for k in range(left.denials):
            denial = <LeftDenial*>s.left_denials.items + s.left_denials.begin
            s.left_denials.begin += 1
            refused[n], books[2][n] = denial.row, denial.book
            refused[n].at = i
            s.rows_of[denial.book] -= 1
            n += 1
    list_begin(&s.left, sizeof(Left))
    list_begin(&s.left_denials, sizeof(LeftDenial))
    places = <uint32_t*>s.loose.items + s.loose.begin
    for i in range(loose):
        if i + SOON < loose:
            fetch_row(&s.denials, places[i + SOON])
        books[2][n] = give_denial(s, places[i], -1, &refused[n])
        s.rows_of[books[2][n]] -= 1
        n += 1
    s.loose.begin += loose
