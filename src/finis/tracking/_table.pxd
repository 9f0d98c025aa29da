# Mirrors reference.py: which connection a segment belongs to, and when connections leave.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memset

from finis.wire.segment cimport Segment
from finis.tracking._codes cimport *
from finis.tracking._connection cimport take
from finis.tracking._record cimport flip, over, strike
from finis.tracking._state cimport Conn, Half, Queue, Tracker
from finis.tracking._verdict cimport conclude


cdef inline uint64_t mix(uint64_t h, uint64_t word) noexcept nogil:
    h = (h ^ word) * <uint64_t>0x9E3779B97F4A7C15
    return h ^ (h >> 29)


cdef inline uint64_t endpoint_hash(uint64_t seed, uint64_t hi, uint64_t lo, uint16_t p) noexcept nogil:
    return mix(mix(mix(seed, hi), lo), p)


cdef inline uint32_t hash_of(const Tracker *t, const Segment *s) noexcept nogil:
    """The same for both directions, and not to be guessed from outside."""
    cdef uint64_t h = (
        endpoint_hash(t.seed, s.src_hi, s.src_lo, s.src_p)
        + endpoint_hash(t.seed, s.dst_hi, s.dst_lo, s.dst_p)
    )
    h = mix(h, s.vlan)
    return <uint32_t>(h ^ (h >> 32))


cdef inline bint from_orig(const Conn *c, const Segment *s) noexcept nogil:
    return s.src_lo == c.orig_lo and s.src_p == c.orig_p and s.src_hi == c.orig_hi


cdef inline bint same_flow(const Conn *c, const Segment *s) noexcept nogil:
    if c.vlan != s.vlan:
        return False
    if from_orig(c, s):
        if s.dst_lo == c.resp_lo and s.dst_p == c.resp_p and s.dst_hi == c.resp_hi:
            return True
    return (
        s.src_lo == c.resp_lo and s.src_p == c.resp_p and s.src_hi == c.resp_hi
        and s.dst_lo == c.orig_lo and s.dst_p == c.orig_p and s.dst_hi == c.orig_hi
    )


cdef inline uint32_t find(const Tracker *t, const Segment *s, uint32_t hash) noexcept nogil:
    cdef uint32_t at = hash & t.mask, index
    while True:
        index = t.table[at]
        if index == NOWHERE:
            return NOWHERE
        if t.conns[index].hash == hash and same_flow(&t.conns[index], s):
            return index
        at = (at + 1) & t.mask


cdef inline void insert(Tracker *t, uint32_t index) noexcept nogil:
    cdef uint32_t at = t.conns[index].hash & t.mask
    while t.table[at] != NOWHERE:
        at = (at + 1) & t.mask
    t.table[at] = index


cdef inline void erase(Tracker *t, uint32_t index) noexcept nogil:
    """Linear probing without tombstones: move later entries of the cluster up."""
    cdef uint32_t at = t.conns[index].hash & t.mask, next_at, home
    while t.table[at] != index:
        at = (at + 1) & t.mask
    next_at = at
    while True:
        next_at = (next_at + 1) & t.mask
        if t.table[next_at] == NOWHERE:
            break
        home = t.conns[t.table[next_at]].hash & t.mask
        if ((next_at - home) & t.mask) >= ((next_at - at) & t.mask):
            t.table[at] = t.table[next_at]
            at = next_at
    t.table[at] = NOWHERE


cdef inline void unlink(Tracker *t, uint32_t index) noexcept nogil:
    cdef Conn *c = &t.conns[index]
    cdef Queue *q
    if c.waiting == NONE:
        return
    q = &t.queues[c.waiting]
    if c.before == NOWHERE:
        q.first = c.after
    else:
        t.conns[c.before].after = c.after
    if c.after == NOWHERE:
        q.last = c.before
    else:
        t.conns[c.after].before = c.before
    c.waiting = NONE


cdef inline void wait(Tracker *t, uint32_t index) noexcept nogil:
    cdef Conn *c = &t.conns[index]
    cdef bint alive = c.answered and c.halves[0].pkts + c.halves[1].pkts > 1
    cdef uint8_t which = 1 if over(c) else 2 if alive else 0
    cdef Queue *q = &t.queues[which]
    c.touched_ns = t.now_ns
    if c.waiting == which and q.last == index:
        return
    unlink(t, index)
    c.waiting = which
    c.before = q.last
    c.after = NOWHERE
    if q.last == NOWHERE:
        q.first = index
    else:
        t.conns[q.last].after = index
    q.last = index


cdef inline void leave(Tracker *t, uint32_t index) noexcept nogil:
    erase(t, index)
    unlink(t, index)
    conclude(t, &t.conns[index])
    t.conns[index].after = t.done
    t.done = index
    t.n_done += 1
    t.n_live -= 1


cdef inline void expire(Tracker *t) noexcept nogil:
    cdef int which
    cdef Queue *q
    for which in range(3):
        q = &t.queues[which]
        while q.first != NOWHERE and t.now_ns - t.conns[q.first].touched_ns > q.limit_ns:
            leave(t, q.first)


cdef inline void evict(Tracker *t) noexcept nogil:
    cdef int which
    for which in range(3):
        if t.queues[which].first != NOWHERE:
            leave(t, t.queues[which].first)
            t.evicted += 1
            return


cdef inline bint sender_is_resp(const Tracker *t, const Segment *s) noexcept nogil:
    if t.port_ranks[s.src_p] != t.port_ranks[s.dst_p]:
        return t.port_ranks[s.src_p] < t.port_ranks[s.dst_p]
    return s.src_p < s.dst_p


cdef inline uint32_t open_conn(
    Tracker *t, const Segment *s, uint32_t hash, int64_t gap
) noexcept nogil:
    cdef uint32_t index
    cdef Conn *c
    cdef bint from_resp, by_syn
    if t.n_live >= t.max_live:
        evict(t)
    index = t.free_conn
    if index == NOWHERE:
        index = t.fresh_conn
        t.fresh_conn += 1
    else:
        t.free_conn = t.conns[index].after
    c = &t.conns[index]
    t.n_free_conns -= 1
    memset(c, 0, sizeof(Conn))
    by_syn = s.flags & F_SYN and not s.flags & F_RST
    from_resp = (s.flags & F_ACK) != 0 if by_syn else sender_is_resp(t, s)
    c.orientation = 2 if by_syn else 0
    if from_resp:
        c.orig_hi, c.orig_lo, c.orig_p = s.dst_hi, s.dst_lo, s.dst_p
        c.resp_hi, c.resp_lo, c.resp_p = s.src_hi, s.src_lo, s.src_p
        c.history[0] = c'^'
        c.n_history = 1
    else:
        c.orig_hi, c.orig_lo, c.orig_p = s.src_hi, s.src_lo, s.src_p
        c.resp_hi, c.resp_lo, c.resp_p = s.dst_hi, s.dst_lo, s.dst_p
    c.conn = t.count
    c.point = s.point
    c.vlan = s.vlan
    c.file = s.file
    c.first_ns = s.ts_ns
    c.last_ns = s.ts_ns
    c.first_frame = s.frame
    c.reuse_gap_ns = gap
    c.midstream = (s.flags & (F_SYN | F_ACK | F_RST)) != F_SYN
    c.relative = s.quirks & RELATIVE_SEQ
    c.first_fin = NONE
    c.first_rst = NONE
    c.reset_by = NONE
    c.pending = NONE
    c.waiting = NONE
    c.hash = hash
    c.halves[0].wscale = NO_SCALE
    c.halves[1].wscale = NO_SCALE
    c.halves[0].rst_lag_ns = -1
    c.halves[1].rst_lag_ns = -1
    t.count += 1
    t.n_live += 1
    insert(t, index)
    return index


cdef inline bint confirms_pending(const Conn *c, const Segment *s, int side) noexcept nogil:
    if c.pending != 1 - side or not s.flags & F_ACK:
        return False
    return s.flags & (F_SYN | F_RST) and s.ack == c.pending_seq + 1


cdef inline bint begins_anew(
    const Tracker *t, const Conn *c, const Segment *s, int side
) noexcept nogil:
    cdef const Half *x = &c.halves[side]
    cdef const Half *r = &c.halves[1 - side]
    if not s.flags & F_SYN or s.flags & F_RST:
        return False
    if x.isn_known and s.seq == x.isn:
        return over(c) and not c.refused and c.answered
    if s.flags & F_ACK and r.isn_known and s.ack == r.isn + 1:
        return False
    if over(c) or s.ts_ns - c.last_ns > t.reuse_ns:
        return True
    if c.answered:
        if not x.isn_known and (x.nxt_known or x.una_known):
            return False
        return x.fin_ns != 0 or r.fin_ns != 0 or x.rsts != 0 or r.pkts == 0
    return not s.flags & F_ACK and not r.isn_known


cdef inline bint guessed_wrong(const Conn *c, const Segment *s, int side) noexcept nogil:
    cdef const Half *x
    if c.orientation or not s.flags & F_SYN or s.flags & F_RST:
        return False
    if c.orig_lo == c.resp_lo and c.orig_hi == c.resp_hi and c.orig_p == c.resp_p:
        return False
    if side != (0 if s.flags & F_ACK else 1):
        return False
    x = &c.halves[side]
    if x.isn_known or c.halves[1 - side].isn_known:
        return False
    if x.nxt_known:
        return x.low == s.seq + 1
    return x.una_known and x.una == s.seq + 1


cdef inline void follow(Tracker *t, Segment *s) noexcept nogil:
    """ReferenceTracker._segment"""
    cdef uint32_t hash, index
    cdef int side
    cdef int64_t gap = -1
    cdef Segment first
    cdef Conn *c
    if s.ts_ns > t.now_ns:
        t.now_ns = s.ts_ns
    expire(t)
    hash = hash_of(t, s)
    index = find(t, s, hash)
    if index != NOWHERE:
        c = &t.conns[index]
        side = 0 if from_orig(c, s) else 1
        if confirms_pending(c, s, side):
            strike(t, c, &first)
            gap = first.ts_ns - c.last_ns
            leave(t, index)
            index = open_conn(t, &first, hash, gap if gap > 0 else 0)
            c = &t.conns[index]
            take(t, c, &first, 0 if from_orig(c, &first) else 1)
            side = 0 if from_orig(c, s) else 1
        elif begins_anew(t, c, s, side):
            gap = s.ts_ns - c.last_ns
            if gap < 0:
                gap = 0
            leave(t, index)
            index = NOWHERE
        elif guessed_wrong(c, s, side):
            flip(c)
            side = 1 - side
    if index == NOWHERE:
        index = open_conn(t, s, hash, gap)
        c = &t.conns[index]
        side = 0 if from_orig(c, s) else 1
    take(t, c, s, side)
    wait(t, index)
