# Connections that are handed on.

cdef inline Py_ssize_t most_kept(const Flow *f) noexcept nogil:
    """How many kept segments it may hand on.  What is known of one at rest as its segments was
    foreseen, not counted: no room in memory depends on it."""
    return KEPT if f.n_lines and f.noted else f.n_kept


cdef struct Order:
    # Connections that are handed on: in which share each is, and where.
    Tracker **trackers
    const uint8_t *share
    const uint32_t *index
    Py_ssize_t n


cdef inline Tracker *whose(const Order *o, Py_ssize_t i) noexcept nogil:
    return o.trackers[o.share[i]]


cdef inline const Flow *which(const Order *o, Py_ssize_t i) noexcept nogil:
    return flow_at(whose(o, i), o.index[i])


cdef uint32_t emit(const Order *o, Observation *rows, Segment *tail) noexcept nogil:
    """Turn these connections into rows and give back what they held; how many segments they kept.
    No more than one other has to be put to rest for it."""
    cdef Py_ssize_t i
    cdef uint32_t at = 0
    cdef Tracker *t
    cdef Conn *c
    cdef const Flow *f
    for i in range(o.n):
        if i + 24 < o.n:
            finis_fetch(which(o, i + 24))
        if i + 16 < o.n:
            fetch_conn(whose(o, i + 16), which(o, i + 16))
        if i + 8 < o.n:
            f = which(o, i + 8)
            if f.n_lines == 0:
                fetch_slots(whose(o, i + 8), hot_at(whose(o, i + 8), f.lines[0]))
        t = whose(o, i)
        c = &t.at_hand
        expand(t, awake(t, o.index[i]), c)
        conclude(t, c)
        write_row(c, at, &rows[i])
        write_tail(t, c, tail + at)
        at += c.n_kept
        drop_conn(t, o.index[i], c)
    return at


cdef void emit_rows(const Order *o, Observation *rows) noexcept nogil:
    """The rows alone; the connections stay until they are forgotten."""
    cdef Py_ssize_t i
    cdef uint32_t at = 0
    cdef Tracker *t
    cdef Conn *c
    cdef const Flow *f
    for i in range(o.n):
        if i + 16 < o.n:
            finis_fetch(which(o, i + 16))
        if i + 8 < o.n:
            fetch_conn(whose(o, i + 8), which(o, i + 8))
        t, f = whose(o, i), which(o, i)
        c = &t.at_hand
        look_at(t, f, c)
        conclude(t, c)
        if not f.noted:
            c.n_kept = f.n_kept
        write_row(c, at, &rows[i])
        at += c.n_kept


cdef Py_ssize_t emit_tails(
    const Order *o, const int64_t *chosen, Py_ssize_t n, Segment *tail
) noexcept nogil:
    """The kept segments of some of them, awakened for it; how many there are."""
    cdef Py_ssize_t i, at = 0
    cdef Tracker *t
    cdef Conn *c
    for i in range(n):
        t = whose(o, chosen[i])
        c = &t.at_hand
        expand(t, awake(t, o.index[chosen[i]]), c)
        conclude(t, c)
        write_tail(t, c, tail + at)
        at += c.n_kept
    return at
