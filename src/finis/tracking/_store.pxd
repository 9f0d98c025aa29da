# A connection's two parts put together for the general code, and taken apart again.
from libc.stdint cimport int8_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from finis.wire.segment cimport Segment
from finis.tracking._codes cimport *
from finis.tracking._flow cimport set_tuple
from finis.tracking._half cimport scale_of
from finis.tracking._slots cimport drop_slot
from finis.tracking._state cimport (
    EARLY, FIRST, PINS, RING, Cold, Conn, ConnCold, ConnHot, Flow, Half, HalfCold, HalfHot, Hot,
    More, Tracker, flow_at, give, grab, hot_at, join_roles, part_roles, place,
)

cdef enum:
    OF_RESP = 1 << 15  # in roles: sent by resp
    ANY_ROLE = OF_RESP - 1


cdef inline More *more_of(const Tracker *t, const Conn *c) noexcept nogil:
    return <More *>place(&t.blocks, c.more)


cdef inline void set_usual(Tracker *t) noexcept nogil:
    """The cold part of a connection that needs none."""
    cdef Conn c
    memset(&c, 0, sizeof(Conn))
    c.reuse_gap_ns = -1
    c.more = NOWHERE
    c.first_fin = c.first_rst = c.reset_by = c.pending = NONE
    c.halves[0].rst_lag_ns = c.halves[1].rst_lag_ns = -1
    memset(&t.usual, 0, sizeof(Cold))
    memcpy(&t.usual.conn, &c.cold_part, sizeof(ConnCold))
    memcpy(&t.usual.halves[0], &c.halves[0].cold_part, sizeof(HalfCold))
    memcpy(&t.usual.halves[1], &c.halves[1].cold_part, sizeof(HalfCold))


cdef inline void begin_store(Tracker *t, Conn *c) noexcept nogil:
    """A connection of which nothing is known."""
    memset(c, 0, sizeof(Conn))
    memcpy(&c.cold_part, &t.usual.conn, sizeof(ConnCold))
    memcpy(&c.halves[0].cold_part, &t.usual.halves[0], sizeof(HalfCold))
    memcpy(&c.halves[1].cold_part, &t.usual.halves[1], sizeof(HalfCold))
    c.cold = NOWHERE
    c.halves[0].wscale = c.halves[1].wscale = NO_SCALE


cdef inline void begin_conn(
    Tracker *t, Conn *c, const Segment *s, uint64_t conn, bint from_resp, int64_t gap,
    bint unanswered
) noexcept nogil:
    """A connection that begins with `s`, which is still to be taken."""
    begin_store(t, c)
    c.orientation = 2 if begins_by_syn(s) else 0
    if from_resp:
        c.orig_hi, c.orig_lo, c.orig_p = s.dst_hi, s.dst_lo, s.dst_p
        c.resp_hi, c.resp_lo, c.resp_p = s.src_hi, s.src_lo, s.src_p
        c.history[0] = c'^'
        c.n_history = 1
    else:
        c.orig_hi, c.orig_lo, c.orig_p = s.src_hi, s.src_lo, s.src_p
        c.resp_hi, c.resp_lo, c.resp_p = s.dst_hi, s.dst_lo, s.dst_p
    c.conn = conn
    c.point = s.point
    c.vlan = s.vlan
    c.file = s.file
    c.first_ns = s.ts_ns
    c.last_ns = s.ts_ns
    c.first_frame = s.frame
    c.reuse_gap_ns = gap
    c.reuse_unanswered = unanswered
    c.midstream = (s.flags & (F_SYN | F_ACK | F_RST)) != F_SYN
    c.relative = s.quirks & RELATIVE_SEQ


cdef inline bint begins_by_syn(const Segment *s) noexcept nogil:
    return s.flags & F_SYN and not s.flags & F_RST


cdef inline void expand(const Tracker *t, const Hot *h, Conn *c) noexcept nogil:
    """Both parts of a stored connection that is awake."""
    cdef const Cold *cold = &t.usual
    cdef const More *more
    cdef int i, at, n = 0
    if h.cold != NOWHERE:
        cold = <const Cold *>place(&t.colds, h.cold)
    memcpy(&c.hot, &h.hot, sizeof(ConnHot))
    memcpy(&c.cold_part, &cold.conn, sizeof(ConnCold))
    for i in range(2):
        memcpy(&c.halves[i].hot, &h.halves[i], sizeof(HalfHot))
        memcpy(&c.halves[i].cold_part, &cold.halves[i], sizeof(HalfCold))
    memcpy(c.history, h.history, EARLY)
    memcpy(c.history + EARLY, cold.history, sizeof(c.history) - EARLY)
    memcpy(c.ending, h.ending, 2 * FIRST)
    memcpy(c.ending + FIRST, cold.ending, sizeof(c.ending) - 2 * FIRST)
    # Eight at a time, whatever stands where there are fewer.
    memcpy(c.kept, h.pins, sizeof(h.pins))
    part_roles(h.pins_role, 0, c.kept_role, c.kept_side)
    memcpy(c.kept_sym, h.pins_sym, sizeof(h.pins_sym))
    n = h.n_pins
    if n > PINS:
        n = PINS
        more = more_of(t, c)
        for i in range(h.n_pins - PINS):
            c.kept[n] = more.pins[i]
            c.kept_role[n] = more.pins_role[i] & ANY_ROLE
            c.kept_side[n] = <uint8_t>(more.pins_role[i] >> 15)
            c.kept_sym[n] = more.pins_sym[i]
            n += 1
    if h.ring_at == 0:
        memcpy(&c.kept[n], h.ring, sizeof(h.ring))
        part_roles(h.ring_role, ROLE_RECENT, &c.kept_role[n], &c.kept_side[n])
        memcpy(&c.kept_sym[n], h.ring_sym, sizeof(h.ring_sym))
        c.n_kept = <uint8_t>(n + h.ring_n)
        return
    for i in range(h.ring_n):
        at = (h.ring_at + i) & (RING - 1)
        c.kept[n] = h.ring[at]
        c.kept_role[n] = (h.ring_role[at] & ANY_ROLE) | ROLE_RECENT
        c.kept_side[n] = <uint8_t>(h.ring_role[at] >> 15)
        c.kept_sym[n] = h.ring_sym[at]
        n += 1
    c.n_kept = <uint8_t>n


cdef inline bint calm(const Half *x) noexcept nogil:
    return (
        x.nxt_known and x.una_known and x.fins == 0 and x.fin_ns == 0 and x.rst_mark_known == 0
        and (x.state == PARTIAL or x.state == OPEN) and x.first_seg_ns != 0 and not x.probed
    )


cdef inline uint8_t plain_sides(const Conn *c, int n_pins) noexcept nogil:
    """Whose plain segments need nothing of the cold part: see `_plain.pxd`."""
    cdef const Half *a = &c.halves[0]
    cdef const Half *b = &c.halves[1]
    if (
        not c.answered or c.closing or c.n_ending or c.pending != NONE or c.doubtful
        or c.reset_by != NONE or n_pins > PINS or not calm(a) or not calm(b)
    ):
        return 0
    return (
        <uint8_t>(not a.provoked and b.n_holes == 0)
        | <uint8_t>(not b.provoked and a.n_holes == 0) << 1
    )


cdef inline bint is_odd(const Half *x) noexcept nogil:
    return (x.out_of_window | x.challenge | x.probes | x.keep_alives) != 0


cdef inline void pack(Tracker *t, uint32_t index, Conn *c) noexcept nogil:
    """Store it, awake; a cold part is made if something in it is not as usual."""
    cdef Flow *f = flow_at(t, index)
    t.n_kept += c.n_kept
    t.n_kept -= f.n_kept
    f.n_kept = c.n_kept
    set_tuple(t, f, c)
    pack_parts(t, hot_at(t, f.lines[0]), c)


cdef inline void pack_parts(Tracker *t, Hot *h, Conn *c) noexcept nogil:
    cdef Cold *cold
    cdef More *more
    cdef int i, n_ring = 0, n_pins
    while n_ring < c.n_kept and c.kept_role[c.n_kept - 1 - n_ring] & ROLE_RECENT:
        n_ring += 1
    n_pins = c.n_kept - n_ring
    if n_pins > PINS and c.more == NOWHERE:
        c.more = grab(&t.blocks)
    elif n_pins <= PINS and c.more != NOWHERE:
        give(&t.blocks, c.more)
        c.more = NOWHERE
    if n_pins > PINS:
        more = more_of(t, c)
        for i in range(PINS, n_pins):
            more.pins[i - PINS] = c.kept[i]
            more.pins_role[i - PINS] = c.kept_role[i] | <uint16_t>(c.kept_side[i] << 15)
            more.pins_sym[i - PINS] = c.kept_sym[i]
    memcpy(h.pins, c.kept, sizeof(h.pins))
    join_roles(h.pins_role, c.kept_role, c.kept_side, 0, n_pins)
    memcpy(h.pins_sym, c.kept_sym, sizeof(h.pins_sym))
    memcpy(h.ring, &c.kept[n_pins], sizeof(h.ring))
    join_roles(h.ring_role, &c.kept_role[n_pins], &c.kept_side[n_pins], ROLE_RECENT, n_ring)
    memcpy(h.ring_sym, &c.kept_sym[n_pins], sizeof(h.ring_sym))
    h.ring_at = 0
    h.ring_n = <uint8_t>n_ring
    h.n_pins = <uint8_t>n_pins
    if c.pending == NONE:
        memset(&c.undo, 0, sizeof(c.undo))
    c.odd |= is_odd(&c.halves[0]) or is_odd(&c.halves[1])
    c.plain = plain_sides(c, n_pins)
    for i in range(2):
        c.halves[i].scale = <int8_t>scale_of(&c.halves[i].hot, &c.halves[1 - i].hot)
    if c.cold == NOWHERE and (
        c.n_history > EARLY or c.n_ending > FIRST
        or memcmp(&c.cold_part, &t.usual.conn, sizeof(ConnCold))
        or memcmp(&c.halves[0].cold_part, &t.usual.halves[0], sizeof(HalfCold))
        or memcmp(&c.halves[1].cold_part, &t.usual.halves[1], sizeof(HalfCold))
    ):
        c.cold = grab(&t.colds)
    memcpy(&h.hot, &c.hot, sizeof(ConnHot))
    memcpy(h.history, c.history, EARLY)
    memcpy(h.ending, c.ending, 2 * FIRST)
    for i in range(2):
        memcpy(&h.halves[i], &c.halves[i].hot, sizeof(HalfHot))
    if c.cold == NOWHERE:
        return
    cold = <Cold *>place(&t.colds, c.cold)
    memcpy(&cold.conn, &c.cold_part, sizeof(ConnCold))
    for i in range(2):
        memcpy(&cold.halves[i], &c.halves[i].cold_part, sizeof(HalfCold))
    memcpy(cold.history, c.history + EARLY, sizeof(c.history) - EARLY)
    memcpy(cold.ending, c.ending + FIRST, sizeof(c.ending) - 2 * FIRST)


cdef inline void drop_conn(Tracker *t, uint32_t index, const Conn *c) noexcept nogil:
    """Give back all it holds; it is awake, and `c` is what `expand` made of it."""
    cdef Flow *f = flow_at(t, index)
    drop_parts(t, c)
    hot_at(t, f.lines[0]).flow = NOWHERE
    give(&t.hots, f.lines[0])
    if f.wide:
        give(&t.ends, f.orig)
    give(&t.flows, index)


cdef inline void drop_parts(Tracker *t, const Conn *c) noexcept nogil:
    cdef int i
    for i in range(c.n_kept):
        drop_slot(t, c.kept[i])
    if c.more != NOWHERE:
        give(&t.blocks, c.more)
    if c.cold != NOWHERE:
        give(&t.colds, c.cold)
