# Mirrors wire/seqnum.py, segment.py and half.py.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from finis.wire.segment cimport Segment
from finis.tracking._codes cimport *
from finis.tracking._state cimport Half, HalfHot, Hole, Kept, Tracker


cdef inline int32_t diff(uint32_t a, uint32_t b) noexcept nogil:
    return <int32_t>(a - b)


cdef inline uint32_t length_of(const Kept *s) noexcept nogil:
    if s.marks & F_RST:
        return 0
    return s.payload_len + (1 if s.marks & F_SYN else 0) + (1 if s.marks & F_FIN else 0)


cdef inline uint32_t end_of_kept(const Kept *s) noexcept nogil:
    return s.seq + length_of(s)


cdef inline bint has_seq_of(const Segment *s) noexcept nogil:
    return not s.quirks & NO_SEQ


cdef inline void step(Tracker *t, Half *h, int stimulus) noexcept nogil:
    h.state = t.states[h.state * STIMULI + stimulus]


cdef inline int scale_of(const HalfHot *x, const HalfHot *r) noexcept nogil:
    if (x.scaling and x.wscale == NO_SCALE) or (r.scaling and r.wscale == NO_SCALE):
        return 0
    if x.scaling and r.scaling:
        return x.wscale
    return -1


cdef inline uint32_t rcv_nxt(const Half *h) noexcept nogil:
    cdef uint32_t expected
    if not h.nxt_known:
        return h.una
    expected = h.holes[0].first if h.n_holes else h.nxt
    if h.una_known and diff(h.una, expected) > 0:
        return h.una
    return expected


cdef inline void drop_first_hole(Half *h) noexcept nogil:
    cdef int i
    for i in range(1, h.n_holes):
        h.holes[i - 1] = h.holes[i]
    h.n_holes -= 1


cdef inline uint32_t fill(Half *h, uint32_t seq, uint32_t end) noexcept nogil:
    cdef Hole left[10]
    cdef int n = 0, i, skip
    cdef uint32_t a, b, first, last, filled = 0
    for i in range(h.n_holes):
        first = h.holes[i].first
        last = h.holes[i].end
        a = seq if diff(seq, first) > 0 else first
        b = end if diff(end, last) < 0 else last
        if diff(b, a) <= 0:
            left[n] = h.holes[i]
            n += 1
            continue
        filled += <uint32_t>diff(b, a)
        if diff(a, first) > 0:
            left[n].first = first
            left[n].end = a
            n += 1
        if diff(last, b) > 0:
            left[n].first = b
            left[n].end = last
            n += 1
    skip = n - MAX_HOLES if n > MAX_HOLES else 0
    h.n_holes = <uint8_t>(n - skip)
    for i in range(n - skip):
        h.holes[i] = left[i + skip]
    return filled


cdef inline void advance(HalfHot *h, uint32_t end) noexcept nogil:
    h.nxt = end
    if end - h.low > <uint32_t>FAR:
        h.low = end - FAR


cdef inline uint32_t mark(Half *h, uint32_t seq, uint32_t length) noexcept nogil:
    cdef uint32_t end = seq + length, fresh = 0
    if diff(seq, h.nxt) > 0:
        if h.n_holes == MAX_HOLES:
            drop_first_hole(h)
        h.holes[h.n_holes].first = h.nxt
        h.holes[h.n_holes].end = seq
        h.n_holes += 1
        advance(&h.hot, end)
        return length
    if diff(end, h.nxt) > 0:
        fresh = <uint32_t>diff(end, h.nxt)
    if h.n_holes and seq != h.nxt:  # they lie before it, but one far off would seem not to
        fresh += fill(h, seq, end)
    if diff(end, h.nxt) > 0:
        advance(&h.hot, end)
    return fresh


cdef inline bint acknowledge_half(Half *h, uint32_t ack) noexcept nogil:
    cdef bint gap = False
    h.una = ack
    h.una_known = 1
    while h.n_holes and diff(ack, h.holes[0].first) > 0:
        gap = True
        if diff(ack, h.holes[0].end) < 0:
            h.holes[0].first = ack
            break
        drop_first_hole(h)
    if h.nxt_known and diff(ack, h.nxt) > 0:
        gap = True
        advance(&h.hot, ack)
        h.n_holes = 0
    return gap
