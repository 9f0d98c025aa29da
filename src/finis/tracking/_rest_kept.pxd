# The kept segments of a connection at rest: each told as what it has that the one before it does not
# suggest.  In order, oldest first, pinned ones before the recent ones.
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from finis.wire.segment cimport Segment
from finis.tracking._codes cimport *
from finis.tracking._coding cimport (
    code32_bytes, code32_of, code_bytes, code_of, folded, folded32, load, store, unfolded,
    unfolded32,
)
from finis.tracking._slots cimport BARE, WIDE, is_wide
from finis.tracking._state cimport (
    KEPT, PINS, RING, Cold, Hot, Kept, More, Tracker, give, give_slots, grab, grab_slots, place, slot,
)

cdef enum:
    OF_RESP = 1 << 15  # in roles: sent by resp
    FORM = 3 << 13  # of Kept.marks
    ACK_MARKS = F_ACK | K_ACK << 9
    DATA_MARKS = F_ACK | F_PSH | K_DATA << 9

# In front of each segment: bytes of ts_ns (3 bits), frame (2), payload_len (2), tsval (2), tsecr (2),
# then whether this is there or so:
cdef enum:
    OTHER_IP_ID = 1 << 11
    OTHER_WIN = 1 << 12
    RESP = 1 << 13
    PAYLOAD = 1 << 14
    OTHERS = 1 << 15  # two more bytes follow: bytes of seq (2 bits), ack (2), quirks (2), and
    OTHER_MARKS = 1 << 6
    OTHER_FILE = 1 << 7
    OTHER_OVERHEAD = 1 << 8
    OTHER_TTL = 1 << 9
    OTHER_ALERT = 1 << 10
    OTHER_ROLE = 1 << 11
    IS_BARE = 1 << 12
    IS_WIDE = 1 << 13


cdef struct Trail:
    # What the next segment is likely to be, by side; by side and with or without data.
    int64_t ts_ns
    uint32_t frame
    uint32_t[2] seq
    uint32_t[2] tsval
    uint32_t[4] quirks
    uint16_t[4] marks
    uint16_t[2] ip_id
    uint16_t[2] win
    uint16_t file
    uint8_t[2] overhead
    uint8_t[2] ttl
    uint8_t seen  # bits: of which there was one, as numbered in `quirks`


cdef struct Lineup:
    # The kept segments in order.
    uint32_t[KEPT] at
    uint16_t[KEPT] role  # with the side
    uint8_t[KEPT] sym
    int n


cdef inline void begin_trail(const Hot *h, Trail *trail) noexcept nogil:
    cdef int i
    memset(trail, 0, sizeof(Trail))
    trail.ts_ns, trail.frame, trail.file = h.first_ns, h.first_frame, h.file
    for i in range(2):
        trail.seq[i] = h.halves[i].isn
        trail.ttl[i] = h.halves[i].ttl_min
        trail.marks[i] = ACK_MARKS
        trail.marks[2 + i] = DATA_MARKS


cdef inline void go_on(Trail *trail, int side, const Kept *k) noexcept nogil:
    """The trail after this segment."""
    cdef int which = side + (2 if k.payload_len else 0)
    if not trail.seen >> (which ^ 1) & 1:  # as long as nothing else is known of the other side
        trail.quirks[which ^ 1] = k.quirks
        trail.overhead[1 - side] = k.overhead
        if k.payload_len:
            trail.marks[which ^ 1] = k.marks & ~<uint16_t>FORM
    trail.seen |= <uint8_t>1 << which
    trail.ts_ns = k.ts_ns
    trail.frame = k.frame
    trail.file = k.file
    trail.seq[side] = (
        k.seq + k.payload_len + (1 if k.marks & F_SYN else 0) + (1 if k.marks & F_FIN else 0)
    )
    if <int>(k.ack - trail.seq[1 - side]) > 0:
        trail.seq[1 - side] = k.ack
    trail.tsval[side] = k.tsval
    trail.quirks[which] = k.quirks
    trail.marks[which] = k.marks & ~<uint16_t>FORM
    trail.ip_id[side] = k.ip_id + 1
    trail.win[side] = k.win
    trail.overhead[side] = k.overhead
    trail.ttl[side] = k.ttl


cdef inline uint16_t likely_role(const Kept *k, uint16_t *given) noexcept nogil:
    """The role that the latest segment of its kind usually has; `given`: those that later ones of
    its side have."""
    cdef uint32_t kind = k.marks >> 9 & 15
    cdef uint16_t role = 0
    if kind == K_DATA:
        role = ROLE_LAST_DATA
    elif kind == K_ACK or kind == K_WINDOW_UPDATE:
        role = ROLE_LAST_ACK
    elif kind == K_SYN:
        role = ROLE_SYN
    elif kind == K_SYN_ACK:
        role = ROLE_SYN_ACK
    role &= ~given[0]
    given[0] |= role
    return role


cdef inline void foretell_roles(Tracker *t, Lineup *all) noexcept nogil:
    """From roles to what is not likely of them, and back."""
    cdef uint16_t[2] given
    cdef int i
    given[0] = given[1] = 0
    for i in range(all.n - 1, -1, -1):
        all.role[i] ^= likely_role(slot(t, all.at[i]), &given[all.role[i] >> 15])


# --- writing -------------------------------------------------------------------------------------

cdef inline uint8_t *store_others(
    Tracker *t, const Kept *k, int side, uint32_t role, uint32_t sym, const Trail *trail,
    uint32_t others, uint8_t *p
) noexcept nogil:
    cdef uint32_t seq = folded32(k.seq - trail.seq[side])
    cdef uint32_t ack = folded32(k.ack - trail.seq[1 - side])
    store(p, others)
    store(p + 2, seq)
    p += 2 + code32_bytes(others & 3)
    store(p, ack)
    p += code32_bytes(others >> 2 & 3)
    store(p, k.quirks ^ trail.quirks[side + (2 if k.payload_len else 0)])
    p += code32_bytes(others >> 4 & 3)
    if others & OTHER_MARKS:
        store(p, k.marks & ~<uint32_t>FORM)
        p += 2
    if others & OTHER_FILE:
        store(p, k.file)
        p += 2
    if others & OTHER_OVERHEAD:
        p[0] = k.overhead
        p += 1
    if others & OTHER_TTL:
        p[0] = k.ttl
        p += 1
    if others & OTHER_ALERT:
        p[0], p[1] = k.alert_head, k.alert_desc
        p += 2
    if others & OTHER_ROLE:
        # ROLE_RECENT is not among them.
        store(p, (role & 0xFF) | (role >> 1 & 0x700) | sym << 11)
        p += 2
    if others & IS_BARE:
        p = store_bare(k, p)
    elif others & IS_WIDE:
        memcpy(p, place(&t.blocks, k.wide), sizeof(Segment))
        p += sizeof(Segment)
    return p


cdef inline uint8_t *store_bare(const Kept *k, uint8_t *p) noexcept nogil:
    cdef uint8_t *front = p
    front[0] = (
        (k.mss != 0) | (k.wscale != 0) << 1 | (k.drop != 0) << 2
        | ((k.sack_left | k.sack_right) != 0) << 3
    )
    p += 1
    if front[0] & 1:
        store(p, k.mss)
        p += 2
    if front[0] & 2:
        p[0] = k.wscale
        p += 1
    if front[0] & 4:
        store(p, k.drop)
        p += 2
    if front[0] & 8:
        store(p, k.sack_left | <uint64_t>k.sack_right << 32)
        p += 8
    return p


cdef inline uint8_t *store_numbers(
    uint8_t *p, uint32_t *front, int64_t ts_ns, uint32_t frame, uint32_t payload_len,
    uint32_t tsval, uint32_t tsecr
) noexcept nogil:
    """What differs from segment to segment, by how much (`payload_len`: all of it)."""
    cdef uint64_t ts = folded(ts_ns)
    cdef uint32_t ts_code = code_of(ts), len_code = code32_of(payload_len)
    cdef uint32_t frame_code = (frame > 0xFF) + (frame > 0xFFFF) + (frame > 0xFFFFFF)
    cdef uint32_t tsval_code, tsecr_code
    tsval, tsecr = folded32(tsval), folded32(tsecr)
    tsval_code, tsecr_code = code32_of(tsval), code32_of(tsecr)
    front[0] = ts_code | frame_code << 3 | len_code << 5 | tsval_code << 7 | tsecr_code << 9
    store(p, ts)
    p += code_bytes(ts_code)
    store(p, frame)
    p += frame_code + 1
    store(p, payload_len)
    p += code32_bytes(len_code)
    store(p, tsval)
    p += code32_bytes(tsval_code)
    store(p, tsecr)
    return p + code32_bytes(tsecr_code)


cdef inline uint8_t *store_perhaps(
    uint8_t *p, uint32_t *front, int side, const uint16_t *ip_id, const uint16_t *win,
    const uint64_t *head, const uint64_t *payload_hash
) noexcept nogil:
    """What is written only where it is not as foreseen, or there: NULL where it is not."""
    if ip_id != NULL:
        front[0] |= OTHER_IP_ID
        store(p, ip_id[0])
        p += 2
    if win != NULL:
        front[0] |= OTHER_WIN
        store(p, win[0])
        p += 2
    if head != NULL:
        front[0] |= PAYLOAD
        store(p, head[0])
        store(p + 8, payload_hash[0])
        p += 16
    if side:
        front[0] |= RESP
    return p


cdef inline uint8_t *store_one(
    Tracker *t, const Kept *k, int side, uint32_t role, uint32_t sym, const Trail *trail, uint8_t *p
) noexcept nogil:
    cdef int which = side + (2 if k.payload_len else 0)
    cdef uint32_t front
    cdef uint32_t others = (
        code32_of(folded32(k.seq - trail.seq[side]))
        | code32_of(folded32(k.ack - trail.seq[1 - side])) << 2
        | code32_of(k.quirks ^ trail.quirks[which]) << 4
    )
    cdef uint32_t form = k.marks & FORM
    cdef bint payload = form == 0 and (k.head | k.payload_hash) != 0
    cdef uint8_t *start = p
    if (k.marks ^ form) != trail.marks[which]:
        others |= OTHER_MARKS
    if k.file != trail.file:
        others |= OTHER_FILE
    if k.overhead != trail.overhead[side]:
        others |= OTHER_OVERHEAD
    if k.ttl != trail.ttl[side]:
        others |= OTHER_TTL
    if k.alert_head != (8 << 4 if payload else 0) or k.alert_desc:
        others |= OTHER_ALERT
    if role | sym:
        others |= OTHER_ROLE
    if form:
        others |= IS_BARE if form == BARE else IS_WIDE
    p = store_numbers(
        p + 2, &front, k.ts_ns - trail.ts_ns, k.frame - trail.frame, k.payload_len,
        k.tsval - trail.tsval[side], k.tsecr - trail.tsval[1 - side],
    )
    p = store_perhaps(
        p, &front, side, &k.ip_id if k.ip_id != trail.ip_id[side] else NULL,
        &k.win if k.win != trail.win[side] else NULL, &k.head if payload else NULL,
        &k.payload_hash,
    )
    if others:
        front |= OTHERS
        p = store_others(t, k, side, role, sym, trail, others, p)
    start[0], start[1] = <uint8_t>front, <uint8_t>(front >> 8)
    return p


cdef inline uint8_t *store_kept(Tracker *t, const Hot *h, uint8_t *p) noexcept nogil:
    """Write all of them and give back what they held."""
    cdef const More *more
    cdef Lineup all
    cdef Trail trail
    cdef const Kept *k
    cdef int i, at, side, n = 0
    for i in range(h.n_pins if h.n_pins < PINS else PINS):
        all.at[n], all.role[n], all.sym[n] = h.pins[i], h.pins_role[i], h.pins_sym[i]
        n += 1
    if h.n_pins > PINS:
        at = (<Cold *>place(&t.colds, h.cold)).conn.more
        more = <const More *>place(&t.blocks, at)
        for i in range(h.n_pins - PINS):
            all.at[n], all.role[n], all.sym[n] = more.pins[i], more.pins_role[i], more.pins_sym[i]
            n += 1
        give(&t.blocks, at)
    for i in range(h.ring_n):
        at = (h.ring_at + i) & (RING - 1)
        all.at[n], all.role[n], all.sym[n] = h.ring[at], h.ring_role[at], h.ring_sym[at]
        n += 1
    all.n = n
    foretell_roles(t, &all)
    begin_trail(h, &trail)
    for i in range(n):
        k = slot(t, all.at[i])
        side = all.role[i] >> 15
        p = store_one(t, k, side, all.role[i] & (OF_RESP - 1), all.sym[i], &trail, p)
        go_on(&trail, side, k)
        if is_wide(k):
            give(&t.blocks, k.wide)
    give_slots(t, all.at, n)
    return p


# --- reading -------------------------------------------------------------------------------------

cdef inline const uint8_t *load_bare(Kept *k, const uint8_t *p) noexcept nogil:
    cdef uint32_t front = p[0]
    cdef uint64_t sack
    p += 1
    if front & 1:
        k.mss = <uint16_t>load(p, 2)
        p += 2
    if front & 2:
        k.wscale = p[0]
        p += 1
    if front & 4:
        k.drop = <uint16_t>load(p, 2)
        p += 2
    if front & 8:
        sack = load(p, 8)
        k.sack_left, k.sack_right = <uint32_t>sack, <uint32_t>(sack >> 32)
        p += 8
    return p


cdef inline const uint8_t *load_others(
    Tracker *t, Kept *k, int side, uint16_t *role, uint8_t *sym, const Trail *trail,
    const uint8_t *p
) noexcept nogil:
    cdef uint32_t others = <uint32_t>load(p, 2), bytes = code32_bytes(others & 3), word
    p += 2
    k.seq += unfolded32(<uint32_t>load(p, bytes))
    p += bytes
    bytes = code32_bytes(others >> 2 & 3)
    k.ack += unfolded32(<uint32_t>load(p, bytes))
    p += bytes
    bytes = code32_bytes(others >> 4 & 3)
    k.quirks ^= <uint32_t>load(p, bytes)
    p += bytes
    if others & OTHER_MARKS:
        k.marks = <uint16_t>load(p, 2)
        p += 2
    if others & OTHER_FILE:
        k.file = <uint16_t>load(p, 2)
        p += 2
    if others & OTHER_OVERHEAD:
        k.overhead = p[0]
        p += 1
    if others & OTHER_TTL:
        k.ttl = p[0]
        p += 1
    if others & OTHER_ALERT:
        k.alert_head, k.alert_desc = p[0], p[1]
        p += 2
    if others & OTHER_ROLE:
        word = <uint32_t>load(p, 2)
        role[0] |= <uint16_t>((word & 0xFF) | (word & 0x700) << 1)
        sym[0] = <uint8_t>(word >> 11)
        p += 2
    if others & IS_BARE:
        k.marks |= BARE
        return load_bare(k, p)
    if others & IS_WIDE:
        k.marks |= WIDE
        k.wide = grab(&t.blocks)
        memcpy(place(&t.blocks, k.wide), p, sizeof(Segment))
        k.wide_hash = (<Segment *>place(&t.blocks, k.wide)).payload_hash
        p += sizeof(Segment)
    return p


cdef inline const uint8_t *load_one(
    Tracker *t, Kept *k, uint16_t *role, uint8_t *sym, const Trail *trail, const uint8_t *p
) noexcept nogil:
    cdef uint32_t front = <uint32_t>load(p, 2), bytes = code_bytes(front & 7)
    cdef int side = 1 if front & RESP else 0, which
    p += 2
    k.ts_ns = trail.ts_ns + unfolded(load(p, bytes))
    p += bytes
    bytes = (front >> 3 & 3) + 1
    k.frame = trail.frame + <uint32_t>load(p, bytes)
    p += bytes
    bytes = code32_bytes(front >> 5 & 3)
    k.payload_len = <uint32_t>load(p, bytes)
    p += bytes
    bytes = code32_bytes(front >> 7 & 3)
    k.tsval = trail.tsval[side] + unfolded32(<uint32_t>load(p, bytes))
    p += bytes
    bytes = code32_bytes(front >> 9 & 3)
    k.tsecr = trail.tsval[1 - side] + unfolded32(<uint32_t>load(p, bytes))
    p += bytes
    k.ip_id = trail.ip_id[side]
    if front & OTHER_IP_ID:
        k.ip_id = <uint16_t>load(p, 2)
        p += 2
    k.win = trail.win[side]
    if front & OTHER_WIN:
        k.win = <uint16_t>load(p, 2)
        p += 2
    k.head = k.payload_hash = 0
    k.alert_head = k.alert_desc = 0
    if front & PAYLOAD:
        k.head, k.payload_hash = load(p, 8), load(p + 8, 8)
        k.alert_head = 8 << 4
        p += 16
    k.seq = trail.seq[side]
    k.ack = trail.seq[1 - side]
    which = side + (2 if k.payload_len else 0)
    k.quirks = trail.quirks[which]
    k.marks = trail.marks[which]
    k.file = trail.file
    k.overhead = trail.overhead[side]
    k.ttl = trail.ttl[side]
    role[0] = OF_RESP if side else 0
    sym[0] = 0
    if front & OTHERS:
        p = load_others(t, k, side, role, sym, trail, p)
    return p


cdef inline void load_kept(Tracker *t, Hot *h, const uint8_t *p) noexcept nogil:
    cdef More *more
    cdef Lineup all
    cdef Trail trail
    cdef Kept *k
    cdef Cold *cold
    cdef int i
    all.n = h.n_pins + h.ring_n
    begin_trail(h, &trail)
    grab_slots(t, all.at, all.n)
    for i in range(all.n):
        k = slot(t, all.at[i])
        p = load_one(t, k, &all.role[i], &all.sym[i], &trail, p)
        go_on(&trail, all.role[i] >> 15, k)
    foretell_roles(t, &all)
    h.ring_at = 0
    for i in range(RING):
        if i < h.ring_n:
            h.ring[i] = all.at[h.n_pins + i]
            h.ring_role[i] = all.role[h.n_pins + i]
            h.ring_sym[i] = all.sym[h.n_pins + i]
        else:
            h.ring_role[i] = 0
    for i in range(PINS):
        if i < h.n_pins:
            h.pins[i], h.pins_role[i], h.pins_sym[i] = all.at[i], all.role[i], all.sym[i]
        else:
            h.pins_role[i] = 0
    if h.n_pins <= PINS:
        return
    cold = <Cold *>place(&t.colds, h.cold)
    cold.conn.more = grab(&t.blocks)
    more = <More *>place(&t.blocks, cold.conn.more)
    for i in range(PINS, h.n_pins):
        more.pins[i - PINS] = all.at[i]
        more.pins_role[i - PINS] = all.role[i]
        more.pins_sym[i - PINS] = all.sym[i]
