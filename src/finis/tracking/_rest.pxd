# Connections at rest: all there is of one, in as few bytes as it needs, spread over lines of 64.
# Nothing of it is lost, whatever the numbers are.  Numbers are written as differences to what is
# likely, most of them being 0 then, with a code for the bytes each takes: see coding.h.
from libc.stdint cimport int8_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from finis.tracking._codes cimport *
from finis.tracking._coding cimport (
    Group, begin_group, end_group, folded, folded32, get_number, load, open_group, put_number,
    store, unfolded, unfolded32,
)
from finis.tracking._flow cimport ends_of
from finis.tracking._memory cimport finis_fetch
from finis.tracking._half cimport scale_of
from finis.tracking._notes cimport (
    ALL_NOTES, CROWDED, gather_notes, give_notes, notes_after, rest_with_notes,
)
from finis.tracking._replay cimport replay
from finis.tracking._rest_kept cimport load_kept, store_kept
from finis.tracking._store cimport drop_conn, drop_parts, expand
from finis.tracking._state cimport (
    COLD_WORDS, EARLY, FIRST, LINE, LINES, PINS, SHORT_LINE, Cold, Conn, Ends, Flow, HalfHot, Hot,
    Notes, Tracker, flow_at, give, grab, hot_at, line_at, place, slot,
)

cdef enum:
    CONN_FRONT = 6  # bytes of the codes of 14 numbers
    HALF_FRONT = 8  # of 19


cdef inline uint64_t since(int64_t ns, int64_t base_ns) noexcept nogil:
    """A time of which 0 means that there is none."""
    return folded(ns - base_ns) + 1 if ns else 0


cdef inline int64_t after(uint64_t value, int64_t base_ns) noexcept nogil:
    return unfolded(value - 1) + base_ns if value else 0


cdef inline uint32_t likely_edge(const HalfHot *x) noexcept nogil:
    """Where the window ends that was announced last."""
    if not x.edge_known:
        return 0
    return x.last_ack + (<uint32_t>x.win << (x.wscale if x.wscale < 15 else 0))


# --- writing -------------------------------------------------------------------------------------

cdef inline uint8_t *store_half(
    uint8_t *p, const Hot *h, const HalfHot *x, const HalfHot *r
) noexcept nogil:
    cdef Group g = begin_group(p, HALF_FRONT)
    put_number(&g, x.bits)
    put_number(&g, x.bytes)
    put_number(&g, x.ip_bytes - x.bytes)
    put_number(&g, x.head)
    put_number(&g, since(x.first_seg_ns, h.first_ns))
    put_number(&g, since(x.last_seg_ns, h.last_ns))
    put_number(&g, since(x.first_data_ns, x.first_seg_ns))
    put_number(&g, since(x.last_data_ns, x.last_seg_ns))
    put_number(&g, x.pkts)
    put_number(&g, folded32(x.una - r.last_ack))
    put_number(&g, x.nxt - x.isn)
    put_number(&g, folded32(x.low - x.isn))
    put_number(&g, x.last_len)
    put_number(&g, folded32(x.hist_syn - x.isn))
    put_number(&g, x.win)
    put_number(&g, x.mss)
    put_number(&g, x.syns)
    put_number(
        &g,
        <uint64_t>x.ttl_min | <uint64_t>(x.wscale ^ NO_SCALE) << 8 | <uint64_t>x.head_len << 16
        | <uint64_t>(x.ttl_max ^ x.ttl_min) << 24 | <uint64_t>x.last_alert << 32,
    )
    put_number(&g, folded32(x.edge - likely_edge(x)))
    return end_group(&g)


cdef inline uint8_t *store_cold(uint8_t *p, const uint64_t *cold, const uint64_t *usual) noexcept nogil:
    """What differs from the usual, word by word."""
    cdef uint8_t *front = p
    cdef uint64_t marks = 0
    cdef int i
    p += 8
    for i in range(COLD_WORDS):
        if cold[i] != usual[i]:
            marks |= <uint64_t>1 << i
            store(p, cold[i])
            p += 8
    store(front, marks)
    return p


cdef inline uint8_t *store_all(Tracker *t, const Hot *h, uint8_t *p) noexcept nogil:
    cdef const HalfHot *a = &h.halves[0]
    cdef const HalfHot *b = &h.halves[1]
    cdef const Cold *cold = NULL
    cdef Group g
    cdef int i
    if h.cold != NOWHERE:
        cold = <const Cold *>place(&t.colds, h.cold)
    g = begin_group(p, CONN_FRONT)
    put_number(&g, folded(h.first_ns - t.epoch_ns))
    put_number(
        &g,
        <uint64_t>h.traits | <uint64_t>h.plain << 8 | <uint64_t>h.n_history << 10
        | <uint64_t>h.n_ending << 15 | <uint64_t>(cold != NULL) << 20 | <uint64_t>h.ring_n << 21
        | <uint64_t>h.n_pins << 25 | <uint64_t>(h.odd != 0) << 30
        | <uint64_t>(h.relative != 0) << 31,
    )
    put_number(&g, since(h.last_ns, h.first_ns))
    put_number(&g, <uint64_t>h.max_gap_ns)
    put_number(&g, since(h.max_gap_at_ns, h.first_ns))
    put_number(&g, since(h.established_ns, h.first_ns))
    put_number(&g, h.first_frame)
    put_number(&g, h.last_frame - h.first_frame)
    put_number(&g, h.file)
    put_number(&g, h.last_file ^ h.file)
    put_number(&g, a.nxt)
    put_number(&g, b.nxt)
    put_number(&g, folded32(a.last_ack - b.nxt))
    put_number(&g, folded32(b.last_ack - a.nxt))
    p = end_group(&g)
    p = store_half(p, h, a, b)
    p = store_half(p, h, b, a)
    for i in range(h.n_history if h.n_history < EARLY else EARLY):
        p[i] = h.history[i]
    p += i_min(h.n_history, EARLY)
    for i in range(i_min(h.n_ending, FIRST)):
        store(p, h.ending[i])
        p += 2
    if cold != NULL:
        p = store_cold(p, <const uint64_t *>cold, <const uint64_t *>&t.usual)
    return store_kept(t, h, p)


cdef inline int i_min(int a, int b) noexcept nogil:
    return a if a < b else b


# --- reading -------------------------------------------------------------------------------------

cdef inline const uint8_t *load_half(
    const uint8_t *p, const Hot *h, HalfHot *x, const HalfHot *r
) noexcept nogil:
    cdef Group g = open_group(p, HALF_FRONT)
    cdef uint64_t few
    x.bits = <uint32_t>get_number(&g)
    x.bytes = get_number(&g)
    x.ip_bytes = get_number(&g) + x.bytes
    x.head = get_number(&g)
    x.first_seg_ns = after(get_number(&g), h.first_ns)
    x.last_seg_ns = after(get_number(&g), h.last_ns)
    x.first_data_ns = after(get_number(&g), x.first_seg_ns)
    x.last_data_ns = after(get_number(&g), x.last_seg_ns)
    x.pkts = <uint32_t>get_number(&g)
    x.una = unfolded32(<uint32_t>get_number(&g)) + r.last_ack
    x.isn = x.nxt - <uint32_t>get_number(&g)
    x.low = unfolded32(<uint32_t>get_number(&g)) + x.isn
    x.last_len = <uint32_t>get_number(&g)
    x.hist_syn = unfolded32(<uint32_t>get_number(&g)) + x.isn
    x.win = <uint16_t>get_number(&g)
    x.mss = <uint16_t>get_number(&g)
    x.syns = <uint16_t>get_number(&g)
    few = get_number(&g)
    x.ttl_min = <uint8_t>few
    x.wscale = <uint8_t>(few >> 8) ^ NO_SCALE
    x.head_len = <uint8_t>(few >> 16)
    x.ttl_max = <uint8_t>(few >> 24) ^ x.ttl_min
    x.last_alert = <uint8_t>(few >> 32)
    x.edge = unfolded32(<uint32_t>get_number(&g)) + likely_edge(x)
    return g.p


cdef inline const uint8_t *load_cold(
    const uint8_t *p, uint64_t *cold, const uint64_t *usual
) noexcept nogil:
    cdef uint64_t marks = load(p, 8)
    cdef int i
    p += 8
    for i in range(COLD_WORDS):
        if marks >> i & 1:
            cold[i] = load(p, 8)
            p += 8
        else:
            cold[i] = usual[i]
    return p


cdef inline const uint8_t *load_conn(
    Tracker *t, const Flow *f, Hot *h, const uint8_t *p
) noexcept nogil:
    """All but the kept segments, of which it says where they begin."""
    cdef HalfHot *a = &h.halves[0]
    cdef HalfHot *b = &h.halves[1]
    cdef Group g
    cdef Ends e
    cdef uint64_t few
    cdef int i
    ends_of(t, f, &e)
    h.orig_hi, h.orig_lo, h.resp_hi, h.resp_lo = e.orig_hi, e.orig_lo, e.resp_hi, e.resp_lo
    h.orig_p, h.resp_p, h.vlan, h.point, h.conn = f.orig_p, f.resp_p, f.vlan, f.point, f.conn
    g = open_group(p, CONN_FRONT)
    h.first_ns = unfolded(get_number(&g)) + t.epoch_ns
    few = get_number(&g)
    h.traits = <uint8_t>few
    h.plain = few >> 8 & 3
    h.n_history = few >> 10 & 31
    h.n_ending = few >> 15 & 31
    h.ring_n = few >> 21 & 15
    h.n_pins = few >> 25 & 31
    h.odd = few >> 30 & 1
    h.relative = <uint32_t>RELATIVE_SEQ if few >> 31 & 1 else 0
    h.last_ns = after(get_number(&g), h.first_ns)
    h.max_gap_ns = <int64_t>get_number(&g)
    h.max_gap_at_ns = after(get_number(&g), h.first_ns)
    h.established_ns = after(get_number(&g), h.first_ns)
    h.first_frame = <uint32_t>get_number(&g)
    h.last_frame = <uint32_t>get_number(&g) + h.first_frame
    h.file = <uint16_t>get_number(&g)
    h.last_file = <uint16_t>get_number(&g) ^ h.file
    a.nxt = <uint32_t>get_number(&g)
    b.nxt = <uint32_t>get_number(&g)
    a.last_ack = unfolded32(<uint32_t>get_number(&g)) + b.nxt
    b.last_ack = unfolded32(<uint32_t>get_number(&g)) + a.nxt
    p = load_half(g.p, h, a, b)
    p = load_half(p, h, b, a)
    a.scale, b.scale = <int8_t>scale_of(a, b), <int8_t>scale_of(b, a)
    for i in range(EARLY):
        h.history[i] = 0
    for i in range(i_min(h.n_history, EARLY)):
        h.history[i] = p[i]
    p += i_min(h.n_history, EARLY)
    for i in range(FIRST):
        h.ending[i] = 0
    for i in range(i_min(h.n_ending, FIRST)):
        h.ending[i] = <uint16_t>load(p, 2)
        p += 2
    h.cold = NOWHERE
    if few >> 20 & 1:
        h.cold = grab(&t.colds)
        p = load_cold(p, <uint64_t *>place(&t.colds, h.cold), <const uint64_t *>&t.usual)
    return p


# --- lines ---------------------------------------------------------------------------------------
# The first LINES - 1 of them are full.  If there is one more only, it is like them; where there are
# more the rest is a chain: in front of each stands the number of the next.  The last line may be a
# short one if it is not in the chain.

cdef inline void spread(Tracker *t, Flow *f, const uint8_t *p, size_t size) noexcept nogil:
    cdef int n = 0
    cdef uint32_t at = 0
    cdef uint8_t *line = NULL
    f.short_line = 0
    while n < LINES - 1 or size <= LINE:
        if size <= SHORT_LINE:
            f.short_line = 1
            f.lines[n] = grab(&t.ends)
            memcpy(place(&t.ends, f.lines[n]), p, SHORT_LINE)
        else:
            f.lines[n] = grab(&t.lines)
            memcpy(line_at(t, f.lines[n]), p, LINE)
        n += 1
        if size <= LINE:
            f.n_lines = <uint8_t>n
            return
        p += LINE
        size -= LINE
    while True:
        at = grab(&t.lines)
        if line == NULL:
            f.lines[n] = at
        else:
            (<uint32_t *>line)[0] = at
        line = <uint8_t *>line_at(t, at)
        memcpy(line + 4, p, LINE - 4)
        n += 1
        if size <= LINE - 4:
            break
        p += LINE - 4
        size -= LINE - 4
    f.n_lines = <uint8_t>n


cdef inline void gather(const Tracker *t, const Flow *f, uint8_t *p) noexcept nogil:
    """All its bytes to `p`."""
    cdef int i, n = f.n_lines if f.n_lines <= LINES else LINES - 1
    cdef uint32_t following
    cdef const uint8_t *line
    if f.short_line:
        n -= 1
    for i in range(n):
        memcpy(p, line_at(t, f.lines[i]), LINE)
        p += LINE
    if f.short_line:
        memcpy(p, place(&t.ends, f.lines[n]), SHORT_LINE)
        return
    if f.n_lines <= LINES:
        return
    following = f.lines[LINES - 1]
    for i in range(f.n_lines - n):
        line = <const uint8_t *>line_at(t, following)
        following = (<const uint32_t *>line)[0]
        memcpy(p, line + 4, LINE - 4)
        p += LINE - 4


cdef inline void give_lines(Tracker *t, const Flow *f) noexcept nogil:
    """Its lines are free again."""
    cdef int i, n = f.n_lines if f.n_lines <= LINES else LINES - 1
    cdef uint32_t at, following
    if f.noted:
        give_notes(t, f)
        return
    if f.short_line:
        n -= 1
        give(&t.ends, f.lines[n])
    for i in range(n):
        give(&t.lines, f.lines[i])
    if f.n_lines <= LINES:
        return
    following = f.lines[LINES - 1]
    for i in range(f.n_lines - n):
        at = following
        following = (<const uint32_t *>line_at(t, at))[0]
        give(&t.lines, at)


# --- awake or at rest ----------------------------------------------------------------------------

cdef inline void rest(Tracker *t, Hot *h) noexcept nogil:
    """Put to rest what is awake."""
    cdef Flow *f = flow_at(t, h.flow)
    cdef uint32_t at = f.lines[0]
    cdef Notes notes
    cdef bint noted = (
        t.crowd >= CROWDED and f.waiting == 2 and h.last_ns == f.touched_ns
        and notes_after(t, h, &notes)
    )
    cdef size_t size = store_all(t, h, t.rested) - t.rested
    if noted and size <= 2 * ALL_NOTES:
        rest_with_notes(t, f, &notes, t.rested, <int>size)
    else:
        spread(t, f, t.rested, size)
    if h.cold != NOWHERE:
        give(&t.colds, h.cold)
    h.flow = NOWHERE
    give(&t.hots, at)


cdef inline void fetch_lines(const char *p, size_t size) noexcept nogil:
    cdef size_t at = 0
    while at < size:
        finis_fetch(p + at)
        at += LINE


cdef inline void fetch_slots(const Tracker *t, const Hot *h) noexcept nogil:
    """What an awake connection has besides its hot part."""
    cdef int i
    for i in range(h.n_pins if h.n_pins < PINS else PINS):
        finis_fetch(slot(t, h.pins[i]))
    for i in range(h.ring_n):
        finis_fetch(slot(t, h.ring[i]))
    if h.cold != NOWHERE:
        fetch_lines(place(&t.colds, h.cold), sizeof(Cold))


cdef inline void rest_one(Tracker *t) noexcept nogil:
    """Room for one more: the first that had no segment since it was looked at last."""
    cdef Hot *h
    t.missed += 1
    while True:
        h = hot_at(t, t.hand)
        t.hand = t.hand + 1 if t.hand + 1 < t.n_awake else 0
        if h.flow != NOWHERE:
            if not h.used:
                fetch_next(t)
                rest(t, h)
                return
            h.used = 0


cdef inline void fetch_next(const Tracker *t) noexcept nogil:
    """What is likely to be put to rest after this one, by its last segments long out of the cache."""
    cdef const Hot *h = hot_at(t, t.hand)
    if h.flow != NOWHERE and not h.used:
        finis_fetch(flow_at(t, h.flow))
        fetch_slots(t, h)
    fetch_lines(<const char *>hot_at(t, t.hand + 1 if t.hand + 1 < t.n_awake else 0), sizeof(Hot))


cdef inline Hot *bed(Tracker *t, uint32_t index) noexcept nogil:
    """A hot part for this connection."""
    cdef Flow *f = flow_at(t, index)
    cdef Hot *h
    if t.hots.n_free == 0:
        rest_one(t)
    f.lines[0] = grab(&t.hots)
    f.n_lines = 0
    h = hot_at(t, f.lines[0])
    h.flow = index
    return h


cdef inline void awaken(Tracker *t, uint32_t index) noexcept nogil:
    """Make the hot part of a connection that is at rest."""
    cdef Flow *f = flow_at(t, index)
    cdef Hot *h
    cdef Notes notes
    cdef bint alone
    if t.hots.n_free == 0:  # it writes to `rested`
        rest_one(t)
    if f.noted:
        notes = (<const Notes *>line_at(t, f.lines[0]))[0]
        gather_notes(t, f, t.rested)
        alone = f.n_lines == 1
        give_notes(t, f)
        f.noted = 0
        awaken_noted(t, f, bed(t, index), &notes, alone)
        return
    gather(t, f, t.rested)
    give_lines(t, f)
    h = bed(t, index)
    load_kept(t, h, load_conn(t, f, h, t.rested))


cdef inline void awaken_noted(
    Tracker *t, const Flow *f, Hot *h, const Notes *notes, bint alone
) noexcept nogil:
    """From `rested`, and follow what was written down since; `alone`: a SYN."""
    cdef const uint8_t *p = t.rested
    if alone:
        replay(t, f, h, p, 1, True)
    elif notes.base:
        load_kept(t, h, load_conn(t, f, h, p))
        replay(t, f, h, p + notes.base, notes.n - h.ring_n, False)
    else:
        replay(t, f, h, p, notes.n, True)


cdef inline Hot *awake(Tracker *t, uint32_t index) noexcept nogil:
    """The hot part of a connection, which is awakened if need be."""
    cdef Flow *f = flow_at(t, index)
    if f.n_lines:
        awaken(t, index)
    return hot_at(t, f.lines[0])


cdef inline void look_at(Tracker *t, const Flow *f, Conn *c) noexcept nogil:
    """A connection as it is stored, which it stays; where it is at rest without kept segments."""
    cdef Hot h
    if f.n_lines == 0:
        expand(t, hot_at(t, f.lines[0]), c)
        return
    if f.noted:
        gather_notes(t, f, t.rested)
        awaken_noted(t, f, &h, <const Notes *>line_at(t, f.lines[0]), f.n_lines == 1)
        expand(t, &h, c)
        drop_parts(t, c)
        return
    gather(t, f, t.rested)
    load_conn(t, f, &h, t.rested)
    h.n_pins = h.ring_n = 0
    expand(t, &h, c)
    if h.cold != NOWHERE:
        give(&t.colds, h.cold)


cdef inline void forget(Tracker *t, uint32_t index) noexcept nogil:
    """Give back all that a connection holds."""
    cdef Flow *f = flow_at(t, index)
    if f.n_lines == 0:
        expand(t, hot_at(t, f.lines[0]), &t.at_hand)
        drop_conn(t, index, &t.at_hand)
        return
    give_lines(t, f)
    if f.wide:
        give(&t.ends, f.orig)
    give(&t.flows, index)
