# The loop: what segments have to be followed, and that they are.

cdef inline bint room(const Tracker *t) noexcept nogil:
    """Enough for AHEAD segments, whatever they are?  Each may awaken a connection, put two to rest,
    and begin another."""
    return (
        t.flows.n_free >= AHEAD and t.ends.n_free >= 4 * AHEAD and t.lines.n_free >= 256 * AHEAD
        and t.slots.n_free >= KEPT * AHEAD and t.blocks.n_free >= 2 * KEPT * AHEAD
        and t.colds.n_free >= 2 * AHEAD and not crowded(t)
    )


cdef inline bint crowded(const Tracker *t) noexcept nogil:
    """Is the table three quarters full?  It is large enough then for AHEAD more."""
    return t.n_live * 4 > <uint64_t>t.mask * 3


cdef inline void fetch_conn(const Tracker *t, const Flow *f) noexcept nogil:
    """All that is touched when a segment of it comes."""
    cdef int i
    if f.n_lines == 0:
        fetch_lines(<const char *>hot_at(t, f.lines[0]), sizeof(Hot))
    for i in range((f.n_lines if f.n_lines < LINES else LINES) - f.short_line):
        finis_fetch(line_at(t, f.lines[i]))
    if f.n_lines and f.short_line:
        finis_fetch(place(&t.ends, f.lines[f.n_lines - 1]))


cdef struct Batch:
    # Rows, and which of them a share is to follow, in order; a few more of these may be read.
    Segment *rows
    Todo *todo
    Py_ssize_t n
    uint64_t number  # of the first row
    int64_t now_ns  # the latest time that was seen when all have come


cdef inline void fetch_ahead(
    const Tracker *t, const Batch *b, Py_ssize_t i, uint32_t *likely
) noexcept nogil:
    """What following the segments after `i` will touch is on its way into the cache when they are
    followed: first their places in the table, then who that is, then the connections.  `likely`: a
    ring of which connections the segments to come most likely are."""
    cdef Py_ssize_t at = i + 3 * STEP
    cdef uint32_t index
    cdef const Flow *f
    if at < b.n:
        fetch_lines(<const char *>&b.rows[b.todo[at + STEP].row], sizeof(Segment))
        finis_fetch(&t.table[b.todo[at].hash & t.mask])
    at -= STEP
    if i >= -2 * STEP and at < b.n:
        index = guess(t, b.todo[at].hash)
        likely[at & (RING_AHEAD - 1)] = index
        if index != NOWHERE:
            finis_fetch(flow_at(t, index))
    at -= STEP
    if i < -STEP or at >= b.n:
        return
    index = likely[at & (RING_AHEAD - 1)]
    if index == NOWHERE or (at and index == likely[(at - 1) & (RING_AHEAD - 1)]):
        return
    f = flow_at(t, index)
    if f.n_lines and f.noted:  # it will hardly be awakened
        finis_fetch(line_at(t, f.lines[0]))
        finis_fetch(last_line(t, f))
    else:
        fetch_conn(t, f)
    if f.before != NOWHERE:
        finis_fetch(flow_at(t, f.before))
    if f.after != NOWHERE:
        finis_fetch(flow_at(t, f.after))


cdef Py_ssize_t run(Tracker *t, const Batch *batch, Py_ssize_t first) noexcept nogil:
    """Follow what there is to do from `first`; where something must grow, or all of it."""
    cdef Py_ssize_t i, end
    cdef uint32_t[RING_AHEAD] likely
    cdef Segment *s
    cdef Batch b = batch[0]
    b.todo += first
    b.n -= first
    for i in range(-3 * STEP, 0):
        fetch_ahead(t, &b, i, likely)
    i = 0
    while i < b.n:
        if not room(t):
            return first + i
        end = i + AHEAD if i + AHEAD < b.n else b.n
        while i < end:
            fetch_ahead(t, &b, i, likely)
            s = &b.rows[b.todo[i].row]
            advance(t, b.todo[i].now_ns)
            t.number = b.number + b.todo[i].row
            if 0 < s.ts_ns <= SPAN_NS and s.payload_len <= MAX_PAYLOAD:
                follow(t, s, b.todo[i].hash, likely[i & (RING_AHEAD - 1)])
            else:
                follow_limited(t, s, b.todo[i].hash)
            s.sym = 0
            i += 1
        t.crowd += t.missed - (t.crowd >> 3)
        t.missed = 0
    advance(t, b.now_ns)
    return first + i


cdef inline int64_t limited(int64_t ts_ns) noexcept nogil:
    """A stamp within limits, and not 0, which means none."""
    if ts_ns > SPAN_NS:
        return SPAN_NS
    if ts_ns < -SPAN_NS:
        return -SPAN_NS
    return ts_ns if ts_ns else 1


cdef void follow_limited(Tracker *t, Segment *s, uint32_t hash) noexcept nogil:
    """Follow a segment with its numbers brought within limits; in the row they stay as they are."""
    cdef int64_t ts_ns = s.ts_ns
    cdef uint32_t payload_len = s.payload_len
    s.ts_ns = limited(ts_ns)
    if s.payload_len > MAX_PAYLOAD:
        s.payload_len = MAX_PAYLOAD
    follow(t, s, hash, NOWHERE)
    s.ts_ns, s.payload_len = ts_ns, payload_len


cdef void divide(
    const Tracker *t, Segment *rows, Py_ssize_t n, int64_t now_ns, Batch *batches, int shares
) noexcept nogil:
    """What each share has to do."""
    cdef Py_ssize_t i
    cdef int64_t ts_ns
    cdef Batch *b
    cdef Todo *todo
    for i in range(shares):
        batches[i].n = 0
    for i in range(n):
        ts_ns = limited(rows[i].ts_ns)
        if ts_ns > now_ns:
            now_ns = ts_ns
        b = &batches[share_of(&rows[i]) if shares > 1 else 0]
        todo = &b.todo[b.n]
        todo.now_ns, todo.row, todo.hash = now_ns, <uint32_t>i, hash_of(t, &rows[i])
        b.n += 1
    for i in range(shares):
        batches[i].rows, batches[i].now_ns = rows, now_ns
        memset(&batches[i].todo[batches[i].n], 0, STEP * sizeof(Todo))
