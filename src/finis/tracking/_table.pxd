# Mirrors reference.py: which connection a segment belongs to, and when connections leave.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from finis.wire.segment cimport Segment
from finis.tracking._codes cimport *
from finis.tracking._connection cimport take
from finis.tracking._flow cimport erase, find, insert, set_ends, side_of
from finis.tracking._notes cimport NOT_NOTED, begins_notes, note, note_syn
from finis.tracking._record cimport flip, over, strike
from finis.tracking._plain cimport plain_segment
from finis.tracking._rest cimport awaken, bed
from finis.tracking._state cimport (
    Conn, Flow, Half, Hot, Queue, Tracker, flow_at, grab, hot_at,
)
from finis.tracking._store cimport begin_conn, begins_by_syn, expand, pack


cdef inline void unlink(Tracker *t, Flow *f) noexcept nogil:
    cdef Queue *q
    if f.waiting == NONE:
        return
    q = &t.queues[f.waiting]
    if f.before == NOWHERE:
        q.first = f.after
    else:
        flow_at(t, f.before).after = f.after
    if f.after == NOWHERE:
        q.last = f.before
    else:
        flow_at(t, f.after).before = f.before
    q.n -= 1
    f.waiting = NONE


cdef inline void wait(Tracker *t, uint32_t index, Flow *f, uint8_t which) noexcept nogil:
    cdef Queue *q = &t.queues[which]
    f.touched_ns = t.now_ns
    if f.waiting == which and q.last == index:
        return
    unlink(t, f)
    f.waiting = which
    f.before = q.last
    f.after = NOWHERE
    if q.last == NOWHERE:
        q.first = index
        t.due_ns = t.now_ns if t.due_ns > t.now_ns else t.due_ns
    else:
        flow_at(t, q.last).after = index
    q.last = index
    q.n += 1


cdef inline uint8_t waits_for(const Conn *c) noexcept nogil:
    if over(c):
        return 1
    return 2 if c.answered and c.halves[0].pkts + c.halves[1].pkts > 1 else 0


cdef inline void leave(Tracker *t, uint32_t index) noexcept nogil:
    """Nothing will change it any more; what is left to do is done when it is taken."""
    cdef Flow *f = flow_at(t, index)
    erase(t, index)
    unlink(t, f)
    t.done[t.n_done] = index
    t.n_done += 1
    t.n_live -= 1
    t.n_kept -= f.n_kept


cdef inline void leave_all(Tracker *t) noexcept nogil:
    """`leave` for every one there is, in the order in which they lie, which is as good as any; what
    is in the table then is of no use any more."""
    cdef uint32_t index
    cdef int which
    cdef Flow *f
    for index in range(t.flows.fresh):
        f = flow_at(t, index)
        if f.waiting != NONE:
            f.waiting = NONE
            t.done[t.n_done] = index
            t.n_done += 1
    for which in range(3):
        t.queues[which].first = t.queues[which].last = NOWHERE
        t.queues[which].n = 0
    t.n_live = t.n_kept = 0


cdef inline void expire(Tracker *t) noexcept nogil:
    cdef int which
    cdef Queue *q
    cdef int64_t left_ns = <int64_t>1 << 61
    for which in range(3):
        q = &t.queues[which]
        while (
            q.first != NOWHERE
            and t.now_ns - flow_at(t, q.first).touched_ns > q.limit_ns
        ):
            leave(t, q.first)
        if q.first != NOWHERE:
            left_ns = min(left_ns, q.limit_ns - (t.now_ns - flow_at(t, q.first).touched_ns))
    # Those in front can only move back, or be followed by later ones.
    t.due_ns = t.now_ns + left_ns


cdef inline void advance(Tracker *t, int64_t now_ns) noexcept nogil:
    """The clock is that late."""
    if now_ns > t.now_ns:
        t.now_ns = now_ns
        if now_ns > t.due_ns:
            expire(t)


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
    Tracker *t, Conn *c, const Segment *s, uint32_t hash, int64_t gap, bint unanswered
) noexcept nogil:
    """A new connection in `c`, with a place to store it."""
    cdef bint from_resp = (s.flags & F_ACK) != 0 if begins_by_syn(s) else sender_is_resp(t, s)
    cdef uint32_t index = open_flow(t, s, hash, from_resp)
    begin_conn(t, c, s, flow_at(t, index).conn, from_resp, gap, unanswered)
    bed(t, index).used = 1
    return index


cdef inline uint32_t open_flow(
    Tracker *t, const Segment *s, uint32_t hash, bint from_resp
) noexcept nogil:
    """A place in the table for a new connection."""
    cdef uint32_t index
    cdef Flow *f
    while t.n_live >= t.max_live:
        evict(t)
    if t.queues[0].n >= t.max_embryonic:
        evict(t)
    index = grab(&t.flows)
    f = flow_at(t, index)
    f.conn, f.point, f.vlan = t.number, s.point, s.vlan
    f.waiting, f.n_kept, f.wide, f.noted = NONE, 0, 0, 0
    if from_resp:
        f.orig_p, f.resp_p = s.dst_p, s.src_p
        set_ends(t, f, s.dst_hi, s.dst_lo, s.src_hi, s.src_lo)
    else:
        f.orig_p, f.resp_p = s.src_p, s.dst_p
        set_ends(t, f, s.src_hi, s.src_lo, s.dst_hi, s.dst_lo)
    t.n_live += 1
    insert(t, <uint64_t>hash << 32 | (index + 1))
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


cdef inline void follow_any(
    Tracker *t, Segment *s, uint32_t hash, uint32_t index, int side
) noexcept nogil:
    """The general code."""
    cdef int64_t gap = -1
    cdef bint unanswered = False
    cdef Segment first
    cdef Conn *c = &t.at_hand
    cdef Flow *f
    if index != NOWHERE:
        f = flow_at(t, index)
        expand(t, hot_at(t, f.lines[0]), c)
        if confirms_pending(c, s, side):
            strike(t, c, &first)
            gap = first.ts_ns - c.last_ns
            pack(t, index, c)
            leave(t, index)
            index = open_conn(t, c, &first, hash, gap if gap > 0 else 0, False)
            f = flow_at(t, index)
            take(t, c, &first, side_of(t, f, &first))
            side = side_of(t, f, s)
        elif begins_anew(t, c, s, side):
            gap = s.ts_ns - c.last_ns
            if gap < 0:
                gap = 0
            unanswered = not c.answered and not over(c)
            leave(t, index)
            index = NOWHERE
        elif guessed_wrong(c, s, side):
            flip(c)
            side = 1 - side
    if index == NOWHERE:
        index = open_conn(t, c, s, hash, gap, unanswered)
        side = side_of(t, flow_at(t, index), s)
    take(t, c, s, side)
    pack(t, index, c)
    wait(t, index, flow_at(t, index), waits_for(c))


cdef inline uint32_t find_live(
    const Tracker *t, const Segment *s, uint32_t hash, uint32_t likely, int *side
) noexcept nogil:
    """`find`, which looks at the connection first that was `likely` a few segments ago."""
    cdef const Flow *f
    if likely != NOWHERE:
        f = flow_at(t, likely)
        if f.waiting != NONE:
            side[0] = side_of(t, f, s)
            if side[0] >= 0:
                return likely
    return find(t, s, hash, side)


cdef inline void follow(Tracker *t, Segment *s, uint32_t hash, uint32_t likely) noexcept nogil:
    """ReferenceTracker._segment"""
    cdef uint32_t index
    cdef int side = 0, queue
    cdef Flow *f
    cdef Hot *h
    while t.n_kept >= t.max_kept and t.n_live:
        evict(t)
    index = find_live(t, s, hash, likely, &side)
    if index == NOWHERE:
        if begins_notes(t, s):
            index = open_flow(t, s, hash, False)
            f = flow_at(t, index)
            note_syn(t, f, s)
            wait(t, index, f, 0)
        else:
            follow_any(t, s, hash, index, side)
        return
    f = flow_at(t, index)
    if f.n_lines:
        if f.noted:
            queue = note(t, f, s, side)
            if queue != NOT_NOTED:
                t.missed += 1
                wait(t, index, f, <uint8_t>queue)
                return
        awaken(t, index)
    h = hot_at(t, f.lines[0])
    h.used = 1
    if h.plain >> side & 1 and plain_segment(
        t, h, s, side, &h.halves[side], &h.halves[1 - side]
    ):
        f.n_kept = h.ring_n + h.n_pins
        wait(t, index, f, 2)
        return
    follow_any(t, s, hash, index, side)
